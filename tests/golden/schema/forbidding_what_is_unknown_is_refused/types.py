"""Unknown fields are pruned by the API server, and an older operator must be able to read a newer object."""

from pydantic import ConfigDict

from rumpf import Model


class Inner(Model):
    model_config = ConfigDict(extra="forbid")

    name: str


class Subject(Model):
    inner: Inner


subject = Subject
