"""An API server would drop all that is in it."""

from typing import Any

from rumpf import Model


class Subject(Model):
    values: dict[str, Any] = {}


subject = Subject
