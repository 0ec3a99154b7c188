"""Puts operators into a cluster and takes them out again, and runs them from here as who they are there."""
