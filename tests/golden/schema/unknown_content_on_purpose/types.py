"""Objects of which nobody knows the content: kept, since the type says so."""

from typing import Annotated, Any

from pydantic import ConfigDict

from rumpf import EmbeddedResource, Model, PreserveUnknown


class Open(Model):
    model_config = ConfigDict(extra="allow")

    name: str


class Subject(Model):
    anything: Annotated[Any, PreserveUnknown()] = None
    values: Annotated[dict[str, Any], PreserveUnknown()]
    items: list[Annotated[dict[str, Any], PreserveUnknown()]] = []
    template: Annotated[dict[str, Any], EmbeddedResource()] | None = None
    open: Annotated[Open, PreserveUnknown()] | None = None


subject = Subject
