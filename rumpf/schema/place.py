"""Where in a type one is: the field's path in Python and on the wire, for errors that point at it."""

from dataclasses import dataclass, replace
from typing import Self

from rumpf.errors import SchemaError


@dataclass(frozen=True)
class Place:
    """The path of a field, in Python's names and in the wire's, and the types that one is inside of."""

    python: str
    wire: str = ""
    inside: tuple[object, ...] = ()

    def field(self, name: str, wire: str) -> Self:
        """Return the place of a field."""
        return replace(self, python=f"{self.python}.{name}", wire=f"{self.wire}.{wire}")

    def each(self) -> Self:
        """Return the place of what a list holds, or a map."""
        return replace(self, python=f"{self.python}[]", wire=f"{self.wire}[]")

    def enter(self, type: object) -> Self:  # noqa: A002 - a type is what it is
        """Return the same place inside of a type; refuse a type that is inside of itself."""
        if any(type is each for each in self.inside):
            name = getattr(type, "__name__", str(type))
            raise self.refuse(
                f"{name} contains itself, and a structural schema has an end",
                f"hold a name or a list of names here instead of {name},"
                " or Annotated[dict[str, Any], PreserveUnknown()]",
            )
        return replace(self, inside=(*self.inside, type))

    def refuse(self, what: str, remedy: str) -> SchemaError:
        """Return the error that something is wrong here."""
        return SchemaError(what, where=str(self), remedy=remedy)

    def __str__(self) -> str:
        said = self.python.split(".", 1)[-1] if "." in self.python else ""
        return f"{self.python} ({self.wire})" if self.wire.removeprefix(".") != said else self.python
