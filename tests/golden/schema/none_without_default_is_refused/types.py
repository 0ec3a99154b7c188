"""The cluster leaves out what is None; Python must be able to read it back."""

from rumpf import Model


class Subject(Model):
    text: str | None


subject = Subject
