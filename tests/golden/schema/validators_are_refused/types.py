"""Code in Python, which an API server cannot run."""

from pydantic import field_validator

from rumpf import Model


class Inner(Model):
    size: int

    @field_validator("size")
    @classmethod
    def is_even(cls, size: int) -> int:
        if size % 2:
            raise ValueError
        return size


class Subject(Model):
    inner: Inner


subject = Subject
