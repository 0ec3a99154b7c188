"""A float does not come back as it was sent."""

from rumpf import Model


class Subject(Model):
    share: float


subject = Subject
