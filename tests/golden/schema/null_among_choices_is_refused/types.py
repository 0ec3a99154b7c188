"""An API server holds null against the choices, and null is none of them, even where `enum` names it."""

from typing import Annotated, Literal

from rumpf import Model
from rumpf.schema.markers import Nullable


class Subject(Model):
    mode: Annotated[Literal["a", "b"] | None, Nullable()] = None


subject = Subject
