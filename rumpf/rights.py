"""The rights that an operator's code needs, and which of them whoever installs it may withhold."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rumpf.errors import ApiError, DeclarationError

EVERYWHERE = ("*",)
"""In all namespaces that the operator looks after."""
WITHHELD: tuple[str, ...] = ()
"""In none."""
NOTHING_SAID: Mapping[str, Sequence[str]] = {}
"""Every grant is as its declaration says."""

_VERBS = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_FORBIDDEN = 403
_MISSING = re.compile(r'forbidden: User ".*" cannot ')
"""So an API server says that a right is missing; a quota, and whoever admits, refuse by the same code."""
_TAKEN = {"lease"}
"""What a Role of every operator is called by already."""


@dataclass(frozen=True)
class Grant:
    """A right that whoever installs an operator may give, and may withhold."""

    name: str
    """On the command line: `--grant NAME`; and in the names of its Roles."""
    description: str
    """What the operator does with it, and cannot do without: what a person is to weigh."""
    default: bool = False
    """Whether it is given, everywhere, where nobody says anything."""

    def __post_init__(self) -> None:
        """Refuse a name that no Role and no variable can be called by."""
        where = f"Grant({self.name!r})"
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(
                f"{self.name!r} is not the name of a grant",
                where=where,
                remedy="use up to 40 lower-case letters, digits and dashes, a letter first",
            )
        if self.name in _TAKEN:
            raise DeclarationError(
                f"a Role called like {self.name!r} is there already", where=where, remedy="name it otherwise"
            )
        if not self.description.strip():
            raise DeclarationError(
                "nobody could tell what it is for", where=where, remedy="say what the operator does with it"
            )

    @property
    def variable(self) -> str:
        """The variable that tells the operator's process where it is given."""
        return f"RUMPF_GRANT_{self.name.upper().replace('-', '_')}"

    @property
    def places(self) -> tuple[str, ...]:
        """Where it is given if nobody says anything."""
        return EVERYWHERE if self.default else WITHHELD


@dataclass(frozen=True)
class Rule:
    """A right that the code beside it needs."""

    group: str
    resource: str
    """The plural; with a subresource as `pods/eviction`."""
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    """Only objects of these names; empty for all."""
    namespaced: bool = True
    """Whether the objects are in namespaces. Of Kubernetes' own kinds, that is known."""
    grant: Grant | None = None
    """Only where this is given; None: wherever the operator is at work."""

    def __post_init__(self) -> None:
        """Refuse what grants nothing, or everything."""
        where = f"Rule({self.group!r}, {self.resource!r})"
        if "*" in (self.group, self.resource, *self.verbs):
            raise DeclarationError(
                "a rule for everything", where=where, remedy="name what the code really asks for"
            )
        if "/" in self.group:
            raise DeclarationError(
                f"{self.group!r} is not a group: it carries a version, and would grant nothing",
                where=where,
                remedy=f"write {self.group.split('/')[0]!r}",
            )
        if unknown := [verb for verb in self.verbs if verb not in _VERBS]:
            raise DeclarationError(
                f"no such verb: {', '.join(unknown)}", where=where, remedy=f"use {', '.join(sorted(_VERBS))}"
            )
        if not self.verbs:
            raise DeclarationError(
                "no verbs: it grants nothing", where=where, remedy="name what the code does"
            )
        if self.names and (nameless := {"create", "deletecollection"} & set(self.verbs)):
            raise DeclarationError(
                f"{' and '.join(sorted(nameless))} of certain names: Kubernetes cannot grant that",
                where=where,
                remedy="make it a rule of its own, without names",
            )


def is_given(places: Sequence[str], namespace: str) -> bool:
    """Tell whether what is given in these places is given in a namespace; in none (""): if it is anywhere."""
    return bool(places) and (not namespace or namespace in places or set(places).issuperset(EVERYWHERE))


def is_missing(error: ApiError) -> bool:
    """Tell whether the API server has refused for want of a right."""
    return error.status == _FORBIDDEN and bool(_MISSING.search(error.what))


def resolved(grants: Sequence[Grant], chosen: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return where each grant is given: as was chosen, else as its declaration says."""
    return {each.name: tuple(chosen.get(each.name, each.places)) for each in grants}


def check_grants(grants: Sequence[Grant], taken: Iterable[Grant], where: str) -> None:
    """Refuse grants that rules and watches take and nobody could give, and those that nothing takes."""
    names, wanted = sorted(each.name for each in grants), set(taken)
    if len(set(names)) < len(names):
        raise DeclarationError("two grants of one name", where=where, remedy="make one of them")
    if unknown := sorted(each.name for each in wanted - set(grants)):
        raise DeclarationError(
            f"a rule or watch takes the grant {unknown[0]}, which nobody can give",
            where=where,
            remedy=f"add it to grants=[...]; there is {', '.join(names) or 'none'}",
        )
    if idle := sorted(each.name for each in set(grants) - wanted):
        raise DeclarationError(
            f"the grant {idle[0]} gives nothing",
            where=where,
            remedy="pass it to a Rule or a Watch as grant=, or leave it out",
        )
