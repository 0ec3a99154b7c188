"""What a type says beyond Python's types: list keys, CEL rules, formats. Written into `Annotated[...]`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Cel:
    """A rule in the Common Expression Language, checked by the API server.

    On a field by `Annotated[str, Cel("self == oldSelf", "cannot be changed")]`; on a model by the class
    keyword-like attribute `__cel__ = (Cel(...), ...)`.
    """

    rule: str
    message: str
    reason: (
        Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"]
        | None
    ) = None
    message_expression: str | None = None
    field_path: str | None = None
    removable: bool = False
    """Whether it is meant that a rule about `oldSelf` is got round by removing the field and setting it
    anew. Without it such a rule is refused."""


@dataclass(frozen=True)
class Immutable:
    """Once set, a field stays as it is: neither changed nor removed, nor is anything that it stands in."""

    message: str = "cannot be changed"


@dataclass(frozen=True)
class Nullable:
    """A field of type `X | None` that may be null in the cluster: then null is kept, and is not "absent"."""


@dataclass(frozen=True)
class Inexact:
    """A float, on purpose: clients may round it, or write it in another way."""


@dataclass(frozen=True)
class Named:
    """What names a resource may have, beyond Kubernetes' own rules. For `metadata` at the root only."""

    max_length: int | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class ListMap:
    """A list whose items are told apart by these fields (wire names): merged item by item, no duplicates."""

    keys: tuple[str, ...]

    def __init__(self, *keys: str) -> None:
        object.__setattr__(self, "keys", keys)


@dataclass(frozen=True)
class ListSet:
    """A list of scalars without duplicates."""


@dataclass(frozen=True)
class Atomic:
    """A list or object that is replaced as a whole by whoever applies it."""


@dataclass(frozen=True)
class PreserveUnknown:
    """An object of unknown content, on purpose: whatever is in it is kept."""


@dataclass(frozen=True)
class EmbeddedResource:
    """A whole Kubernetes object inside of this one."""
