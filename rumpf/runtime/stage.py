"""What all scenes of an operator share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rumpf.api import Api
from rumpf.errors import DeclarationError
from rumpf.kinds import Kind
from rumpf.operator import Operator
from rumpf.resource import ObjectMeta
from rumpf.rights import EVERYWHERE, Grant
from rumpf.runtime.caches import Caches
from rumpf.runtime.follows import Follows
from rumpf.runtime.measured import Measured
from rumpf.world import EventType

Note = Callable[[Kind, ObjectMeta, EventType, str, str], None]
"""Posts an Event some time later: on what, its type, reason and message."""


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
    places: dict[str, set[str]] = field(default_factory=dict)
    """Who holds a place among those that may do something at a time: uids of resources, by what it is."""
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
        return namespace in places or places == EVERYWHERE or bool(places and not namespace)

    def forget(self, uid: str) -> None:
        """Drop what is known of an object that is gone."""
        self.as_asked.pop(uid, None)
        for holders in self.places.values():
            holders.discard(uid)
