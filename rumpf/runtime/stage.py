"""What all scenes of an operator share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rumpf.api import Api
from rumpf.errors import DeclarationError
from rumpf.kinds import Kind
from rumpf.operator import Operator
from rumpf.resource import ObjectMeta
from rumpf.rights import Grant, is_given
from rumpf.runtime.caches import Caches
from rumpf.runtime.follows import Follows
from rumpf.runtime.measured import Measured
from rumpf.runtime.places import Places
from rumpf.world import EventType

_OVER = {"refused", "invalid", "deleted"}
"""Results of a look after which nothing goes on by itself."""
_SITS_OUT = 1.0
"""So short a pause after a failure a resource keeps its places, and its turn."""

Note = Callable[[Kind, ObjectMeta, EventType, str, str], None]
"""Posts an Event some time later: on what, its type, reason and message."""


class Gone(Exception):
    """The resource went while it was looked at: nothing more is done for it."""


class NotLeading(Exception):
    """Another replica leads now: nothing more may be written."""


@dataclass
class Stage:
    """What all scenes of an operator share."""

    api: Api
    operator: Operator
    caches: Caches
    note: Note
    leads: Callable[[], bool]
    settings: Mapping[str, str]
    grants: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Where they are given, of those that are not given as their declaration says."""
    measured: Measured = field(default_factory=Measured)
    """What its author has it count and measure."""
    as_asked: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Children, by uid, whose wish the API server has put into words of its own: which wish, which words."""
    places: Places = field(default_factory=Places)
    """Who may do what only so many at a time may: resources, by their uids."""
    follows: Follows = field(init=False)

    def __post_init__(self) -> None:
        self.follows = Follows(self.api)

    def granted(self, grant: Grant, namespace: str) -> bool:
        """See `World.granted`."""
        if grant not in self.operator.grants:
            raise DeclarationError(
                f"it asks for the grant {grant.name}, which nobody can give",
                where=self.operator.full_name,
                remedy="add it to Operator(..., grants=[...])",
            )
        places = self.grants.get(grant.name, grant.places)
        return is_given(places, namespace) and not self.caches.is_refused(grant, namespace)

    def looked(self, uid: str, result: str, pause: float, *, there: bool) -> None:
        """See to it that nobody keeps a place, or a turn, for which nobody comes back soon.

        `pause`: so long it is until it is tried again, if it has failed. `there`: whether it has not gone.
        """
        if not there:
            # What was taken since it went was not forgotten with it.
            self.forget(uid)
        elif result in _OVER:
            self.places.forget(uid)
        elif result == "forbidden" or (result == "failed" and pause > _SITS_OUT):
            self.places.put_off(uid)
        else:
            self.places.looked(uid, again=result == "failed")

    def forget(self, uid: str) -> None:
        """Drop what is known of an object that is gone."""
        self.as_asked.pop(uid, None)
        self.places.forget(uid)
