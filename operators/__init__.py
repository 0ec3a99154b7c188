"""The operators of this distribution: a folder each."""
