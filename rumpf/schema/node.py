"""What a type has become: its schema, and the rules in it that those around it must know of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from rumpf.schema import Schema
from rumpf.schema.markers import Cel
from rumpf.schema.place import Place


@dataclass(frozen=True)
class Rule:
    """A CEL rule somewhere in a schema, as far as those around it are concerned."""

    place: Place
    about: Literal["state", "change", "immutable", "removable"]
    """`change`: it compares with what was, so it is got round by removing what it stands in. `immutable`:
    the same, and guards are to be written. `removable`: the same, and the author knows."""


@dataclass(frozen=True)
class Node:
    """The schema of a type, and the rules in it."""

    schema: Schema
    rules: tuple[Rule, ...] = ()

    def saying(self, **keywords: Any) -> Self:  # noqa: ANN401 - JSON
        """Return it with more keywords; those that are None are left out."""
        said = {_WIRE.get(name, name): value for name, value in keywords.items() if value is not None}
        return replace(self, schema=self.schema | said)


_WIRE = {
    "list_type": "x-kubernetes-list-type",
    "list_map_keys": "x-kubernetes-list-map-keys",
    "map_type": "x-kubernetes-map-type",
    "preserve_unknown": "x-kubernetes-preserve-unknown-fields",
    "embedded": "x-kubernetes-embedded-resource",
}

Walk = Callable[[Any, Place], Node]
"""How a step has the types within its own looked at."""

Above = tuple[Cel, ...]
"""The rules that a field says of the object in it, beside those that the object's model has."""
