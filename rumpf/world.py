"""What a reconcile sees of the cluster, and may do to it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from rumpf.errors import RumpfError
from rumpf.measures import Counter, Histogram
from rumpf.objects import Manifest, Reference, View
from rumpf.rights import Grant

if TYPE_CHECKING:
    from rumpf.conditions import Status

V = TypeVar("V", bound=View)
T = TypeVar("T")
EventType = Literal["Normal", "Warning"]


class World(Protocol):
    """The cluster, from where one resource stands. Reads come from memory, as the watches filled it."""

    namespace: str
    """The resource's namespace; empty for what has none."""
    settings: Mapping[str, str]
    """What whoever installed the operator chose, by name."""
    memory: dict[str, Any]
    """What a reconcile remembers of its resource until the next one. It is gone when the process ends, or
    another replica leads: nothing may depend on it but speed."""

    async def ensure(self, view: type[V], desired: Manifest) -> V:
        """Make a child be as it should: create it, mend it, or replace it where its kind cannot be changed.

        It is put into the resource's namespace and owned by it. Fields that `desired` does not speak of are
        left alone. A child that is as it should be costs no request. Raises `NotOurs` if somebody else's
        object has that name, and `Waiting` while an old one that is to be replaced is still going.
        """
        ...

    def find(self, view: type[V], name: str, namespace: str | None = None) -> V | None:
        """Return a child, or a watched object, by its name; None if there is none.

        Raises ApiError 403 if it cannot be told, as the operator may not list the kind in that namespace;
        so do `ensure` and `children`. Let it pass, and the resource is looked at again once it may. Where it
        is watched by a grant alone, ask `granted`.
        """
        ...

    def children(self, view: type[V]) -> Sequence[V]:
        """Return all children of a kind that the resource owns, by name."""
        ...

    async def read(self, view: type[V], name: str) -> V | None:
        """Return an object that the resource names (see `Watch.refers`), with all its content.

        None if there is none. It is asked for each time: `find` tells from memory whether it is another now.
        """
        ...

    async def select(
        self, view: type[V], labels: str, of: Callable[[V], T], *, keep: float = 60.0
    ) -> Sequence[T]:
        """Return what `of` makes of each object with these labels in the resource's namespace, by name.

        They are listed when they are first asked for, and watched from then on: a change leads to another
        look. `of` is asked again for what has changed only. The watch ends when nobody has asked for them in
        `keep` seconds.
        """
        ...

    async def save(self, status: "Status") -> None:
        """Write the status now: whatever happens to this process then, whoever goes on will find it.

        Raises ApiError 409, and nothing is written, if the resource is not as this look saw it.
        """
        ...

    def reserve(self, what: str, most: int) -> bool:
        """Take one of so many places for this resource, if one is free or it has one already.

        Where none is, the resource waits in line: when its turn has come it is looked at again, and a place
        is kept for it until that look ends. Who does not ask again in its next look waits no longer.

        A place is kept until it is released. It is given back, too, when the resource is gone, or on its way
        out with nothing left to finalize; when its look raises `Refused`, or finds it invalid; and when its
        look has failed and is not tried again within a second: then it is first in line once it goes on.
        Whoever raises `Waiting` keeps it. Places are of this process: whoever begins to lead finds all free.
        """
        ...

    def release(self, what: str) -> None:
        """Give a place back. Who has none, and waits for one, goes on to wait."""
        ...

    async def delete(self, child: View) -> None:
        """Delete a child: exactly this one, not another that has its name meanwhile."""
        ...

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Ask the API server for something that is not watched; a `Rule` must allow it.

        The body of a PATCH is merged into what is there.
        """
        ...

    def event(
        self,
        reason: str,
        message: str,
        *,
        type: EventType = "Normal",  # noqa: A002 - as in the API
        about: Reference | None = None,
    ) -> None:
        """Tell people what happened, by an Event on the resource, or on another object of its namespace.

        The same one again only counts up.
        """
        ...

    def granted(self, grant: Grant, namespace: str | None = None) -> bool:
        """Tell whether a grant is given in a namespace; in the resource's own, if none is named.

        For what is in no namespace ("") it is, if it is given anywhere. One that was chosen, though what a
        `Watch` takes it for may not be listed there after all, is not given. When that changes all resources
        are looked at again.
        """
        ...

    def count(self, metric: Counter, by: float = 1, **labels: str) -> None:
        """Count something that happened, by the value of each of the metric's labels."""
        ...

    def observe(self, metric: Histogram, value: float, **labels: str) -> None:
        """Take note of how much something was, by the value of each of the metric's labels."""
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
