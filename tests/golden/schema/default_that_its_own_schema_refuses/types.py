"""Python does not check defaults; an API server does."""

from typing import Annotated

from pydantic import Field

from rumpf import Model


class Subject(Model):
    text: Annotated[str, Field(min_length=1)] = ""


subject = Subject
