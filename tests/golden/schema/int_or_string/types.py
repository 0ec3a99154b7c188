"""`int | str` is the one union that Kubernetes has."""

from typing import Annotated

from pydantic import Field

from rumpf import Model
from rumpf.types import IntOrString


class Subject(Model):
    port: int | str
    max_unavailable: IntOrString = "25%"
    partition: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]+%$")] | None = None


subject = Subject
