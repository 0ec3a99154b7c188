"""A structural schema has exactly one type for a field."""

from rumpf import Model


class Disk(Model):
    size: int


class Bucket(Model):
    url: str


class Subject(Model):
    storage: Disk | Bucket


subject = Subject
