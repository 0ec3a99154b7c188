"""The operators of a project for tests."""
