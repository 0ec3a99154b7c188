"""Quantities and durations are texts with a pattern; Kubernetes' quantity may be a number, too."""

from rumpf import Model
from rumpf.types import Duration, Quantity


class Subject(Model):
    memory: Quantity
    timeout: Duration = Duration("30s")


subject = Subject
