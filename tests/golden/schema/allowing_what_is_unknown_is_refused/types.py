"""What Python would keep, the API server would drop: it must be said on the wire, too."""

from pydantic import ConfigDict

from rumpf import Model


class Inner(Model):
    model_config = ConfigDict(extra="allow")

    name: str


class Subject(Model):
    inner: Inner


subject = Subject
