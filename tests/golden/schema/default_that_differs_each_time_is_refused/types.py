"""An API server has one default for all objects."""

import uuid

from pydantic import Field

from rumpf import Model


class Subject(Model):
    token: str = Field(default_factory=lambda: str(uuid.uuid4()))


subject = Subject
