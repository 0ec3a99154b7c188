"""`gt` and `lt` are booleans beside the bound; the tighter of two bounds holds."""

from typing import Annotated

from pydantic import Field, PositiveInt

from rumpf import Model
from rumpf.schema.markers import Inexact

Port = Annotated[int, Field(ge=1, le=65535)]


class Subject(Model):
    more: Annotated[int, Field(gt=0, lt=10)]
    least: Annotated[int, Field(ge=0, le=10, multiple_of=2)] = 0
    positive: PositiveInt = 1
    high: Annotated[Port, Field(ge=1024, lt=60000)] = 1024
    share: Annotated[float, Inexact(), Field(ge=0, le=1)] = 0.5
    small: Annotated[int, Field(json_schema_extra={"format": "int32"})] = 0


subject = Subject
