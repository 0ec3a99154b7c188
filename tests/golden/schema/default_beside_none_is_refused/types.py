"""An API server fills in the default for null, so None never arrives."""

from rumpf import Model


class Subject(Model):
    replicas: int | None = 3


subject = Subject
