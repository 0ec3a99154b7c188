"""What a reconcile sees of the cluster, and may do to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from rumpf.errors import RumpfError
from rumpf.objects import Manifest, View

V = TypeVar("V", bound=View)
EventType = Literal["Normal", "Warning"]


class World(Protocol):
    """The cluster, from where one resource stands. Reads come from memory, as the watches filled it."""

    settings: Mapping[str, str]
    """What whoever installed the operator chose, by name."""

    async def ensure(self, view: type[V], desired: Manifest) -> V:
        """Make a child be as it should: create it, mend it, or replace it where its kind cannot be changed.

        It is put into the resource's namespace and owned by it. Fields that `desired` does not speak of are
        left alone. A child that is as it should be costs no request. Raises `NotOurs` if somebody else's
        object has that name, and `Waiting` while an old one that is to be replaced is still going.
        """
        ...

    def find(self, view: type[V], name: str, namespace: str | None = None) -> V | None:
        """Return a child, or a watched object, by its name; None if there is none."""
        ...

    def children(self, view: type[V]) -> Sequence[V]:
        """Return all children of a kind that the resource owns, by name."""
        ...

    async def delete(self, child: View) -> None:
        """Delete a child: exactly this one, not another that has its name meanwhile."""
        ...

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Ask the API server for something that is not watched; a `Rule` must allow it."""
        ...

    def event(self, reason: str, message: str, *, type: EventType = "Normal") -> None:  # noqa: A002 - as in the API
        """Tell people what happened, by an Event on the resource. The same one again only counts up."""
        ...

    def again(self, seconds: float) -> None:
        """Ask for another look after so many seconds, though nothing may have changed by then."""
        ...


class Waiting(RumpfError):
    """Something is under way. Ready is False with this reason if it lasts; looked at again later."""

    def __init__(self, reason: str, message: str, *, again: float = 5.0) -> None:
        super().__init__(message, remedy="wait")
        self.reason = reason
        self.message = message
        self.again = again


class Refused(RumpfError):
    """What the resource asks for cannot be; a person must change something. Not tried again and again."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, remedy="change what it asks for")
        self.reason = reason
        self.message = message


class NotOurs(Refused):
    """Somebody else's object stands where a child should be. It is not touched; looked at now and then."""


def child_name(prefix: str, name: str, longest: int = 150) -> str:
    """Return `prefix-name`; a name that would be too long is cut, and told apart by a hash of the whole.

    Kubernetes allows 253 characters, but a kubelet cannot make a Pod's log folder for so long a name: 150 are
    what it can in a namespace of any name.
    """
    import hashlib

    whole = f"{prefix}-{name}"
    if len(whole) <= longest:
        return whole
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{whole[: longest - 9].rstrip('-.')}-{mark}"
