"""Lengths, patterns and formats."""

import datetime as dt
import re
import uuid
from typing import Annotated

from pydantic import Field, StringConstraints

from rumpf import Model


class Subject(Model):
    text: Annotated[str, Field(min_length=1, max_length=5)]
    pattern: Annotated[str, Field(pattern=r"^\d+$")] = "1"
    compiled: Annotated[str, Field(pattern=re.compile("^[a-z]+$"))] = "a"
    constrained: Annotated[str, StringConstraints(pattern="^x", max_length=3)] = "x"
    url: Annotated[str | None, Field(json_schema_extra={"format": "uri"})] = None
    at: dt.datetime | None = None
    day: dt.date | None = None
    id: uuid.UUID | None = None
    old: Annotated[str | None, Field(deprecated="write text")] = None
    """What was before text."""


subject = Subject
