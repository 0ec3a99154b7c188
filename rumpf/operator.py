"""The declaration of an operator: what it reconciles, what it owns, what it may do. It does nothing itself.

Everything else follows from it: the CRD, the RBAC rules, the Deployment, and the process that runs.
"""

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rumpf import __version__
from rumpf.errors import DeclarationError, UsageError
from rumpf.kinds import Kind
from rumpf.measures import Counter, Histogram, check_metrics
from rumpf.objects import View
from rumpf.resource import Resource
from rumpf.rights import Grant, Rule, check_grants

if TYPE_CHECKING:
    from rumpf.conditions import Status
    from rumpf.world import World

R = TypeVar("R", bound=Resource)

IMAGE = f"ghcr.io/rumpf/operators:{__version__}"
"""The image of this distribution: all its operators are in it."""

Reconcile = Callable[[R, "World"], Coroutine[Any, Any, "Status | None"]]
"""Looks at what is, does the difference to what should be, returns the status (None: leave it)."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,46}[a-z0-9])?")


@dataclass(frozen=True)
class Watch:
    """Objects that others own, and whose changes concern a resource. One of two functions tells which.

    Nothing is ever written to a watched object unless a rule of the operator's says so.
    """

    view: type[View]
    concerns: Callable[[View, "Index"], Iterable[tuple[str, str]]] | None = None
    """From an object to the namespaces and names of the resources to reconcile for it."""
    refers: Callable[[Any], Iterable[str]] | None = None
    """From a resource to the names of the objects, in its namespace, that it speaks of. No others are kept
    in memory, and `World.read` asks for the content of these."""
    metadata_only: bool = False
    """Ask only for names, labels, annotations: no content reaches the operator's memory."""
    labels: str = ""
    """A label selector: what it does not match is never sent."""
    grant: Grant | None = None
    """Only where this is given; nothing is watched elsewhere."""

    def __post_init__(self) -> None:
        """Refuse one of which nobody could tell whom it concerns."""
        if (self.concerns is None) == (self.refers is None):
            raise DeclarationError(
                "it takes one of concerns= and refers=",
                where=f"Watch({self.view.__name__})",
                remedy="write refers= where a resource names these objects, concerns= otherwise",
            )


class Index:
    """What a `Watch` may look at when it tells whom an object concerns: the resources, as last seen."""

    def resources(self, namespace: str) -> Sequence[Any]:
        """Return the resources of a namespace, parsed."""
        raise NotImplementedError


@dataclass(frozen=True)
class Setting:
    """Something that whoever installs the operator can choose: an environment variable of its process."""

    name: str
    default: str
    description: str
    pattern: str = ""
    """What a value is like, from beginning to end; empty if any will do."""

    def __post_init__(self) -> None:
        """Refuse what is no environment variable, and a default that is none."""
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", self.name):
            raise DeclarationError(
                f"{self.name!r} is not the name of a setting", where="Setting", remedy="write it LIKE_THIS"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise DeclarationError(
                f"{self.pattern!r} is no regular expression: {error}",
                where=f"Setting({self.name!r})",
                remedy="mend the pattern",
            ) from error
        try:
            self.check(self.default)
        except UsageError as error:
            raise DeclarationError(
                f"the default {self.default!r} does not match {self.pattern}",
                where=f"Setting({self.name!r})",
                remedy="mend the one or the other",
            ) from error

    def check(self, value: str) -> None:
        """Raise UsageError if it cannot be this. Nothing stands for the default."""
        if self.pattern and not re.fullmatch(self.pattern, value or self.default):
            raise UsageError(
                f"it cannot be {value!r}", where=self.name, remedy=f"write one that matches {self.pattern}"
            )


@dataclass(frozen=True)
class Reconciler(Generic[R]):
    """A function that reconciles one kind of resource, and what it needs for that. Made by `reconciler`."""

    resource: type[R]
    function: Reconcile[R]
    owns: tuple[type[View], ...] = ()
    watches: tuple[Watch, ...] = ()
    follows: tuple[type[View], ...] = ()
    rules: tuple[Rule, ...] = ()
    finalizer: str = ""
    finalize: Reconcile[R] | None = None
    workers: int = 8
    remembers: bool = False
    """Whether the status is what it goes by next time: then it is written only over the one that was seen."""
    resync: float | None = None
    """Look again after so many seconds, though nothing was seen to change: for what lies outside."""

    def __call__(self, resource: R, world: "World") -> "Coroutine[Any, Any, Status | None]":
        """Call the function: a test does so with a world of its own."""
        return self.function(resource, world)

    @property
    def kind(self) -> Kind:
        """The kind of resource."""
        return self.resource.names.kind


def reconciler(  # noqa: PLR0913 - keywords of a declaration
    resource: type[R],
    *,
    owns: Sequence[type[View]] = (),
    watches: Sequence[Watch] = (),
    follows: Sequence[type[View]] = (),
    may: Sequence[Rule] = (),
    finalize: Reconcile[R] | None = None,
    workers: int = 8,
    remembers: bool = False,
    resync: float | None = None,
) -> Callable[[Reconcile[R]], Reconciler[R]]:
    """Declare that a function reconciles `resource`.

    `owns`: kinds of children; `world.ensure` makes them, they are watched, repaired, and go with their owner.
    `watches`: what others own and the decision depends on. `follows`: what `world.select` looks at, for as
    long as it is asked for. `may`: further rights that the code needs.
    `remembers`: whether the status is what it goes by the next time; then one is written only over the one
    that was seen.
    `finalize`: called when a resource is being deleted, until it returns; only for what garbage collection
    cannot do, since it puts a finalizer on the resource.
    """

    def declare(function: Reconcile[R]) -> Reconciler[R]:
        where = getattr(function, "__qualname__", "reconcile")
        if not hasattr(resource, "names"):
            raise DeclarationError(
                f"{resource.__name__} has no names",
                where=where,
                remedy="give its class group=, version= and plural=",
            )
        if placeless := [view.kind for view in owns if not view.kind.namespaced]:
            _check_owner(resource.names.kind, placeless[0], where)
        if workers < 1:
            raise DeclarationError(f"{workers} workers", where=where, remedy="give it one at least")
        return Reconciler(
            resource,
            function,
            tuple(owns),
            tuple(watches),
            tuple(follows),
            tuple(may),
            f"{resource.names.kind.group}/{resource.names.kind.plural}" if finalize else "",
            finalize,
            workers,
            remembers,
            resync,
        )

    return declare


def _check_owner(owner: Kind, child: Kind, where: str) -> None:
    if owner.namespaced:
        raise DeclarationError(
            f"a {owner.kind}, which is in a namespace, cannot own a {child.kind}, which is in none",
            where=where,
            remedy=f"give {owner.kind} namespaced=False, or delete the {child.kind} by finalize=",
        )


@dataclass(frozen=True)
class Resources:
    """What a container asks for, and may not exceed. No limit of CPU: it would only slow a burst down."""

    cpu: str = "50m"
    memory: str = "128Mi"
    memory_limit: str = "256Mi"


@dataclass(frozen=True)
class Operator:
    """An operator. Checked when made; importing its module asks nothing of any cluster."""

    name: str
    """In the names of all that is installed for it: `message` gives the Deployment `message-operator`."""
    reconcilers: tuple[Reconciler[Any], ...]
    description: str
    """A sentence for people who choose what to install."""
    settings: tuple[Setting, ...] = ()
    image: str = IMAGE
    replicas: int = 2
    resources: Resources = field(default_factory=Resources)
    samples: tuple[Mapping[str, Any], ...] = ()
    """Objects that show what it does: they become example-<kind>.yaml."""
    rules: tuple[Rule, ...] = ()
    """Rights of plain kopf handlers that live beside the reconcilers."""
    connects_to: tuple[int, ...] = ()
    """TCP ports that its process connects to, beside the API server's: a NetworkPolicy closes all others."""
    grants: tuple[Grant, ...] = ()
    """Rights that whoever installs it may withhold; rules and watches say which of them they take."""
    metrics: tuple[Counter | Histogram, ...] = ()
    """What its code counts and measures, beside what rumpf does of every operator."""

    def __init__(  # noqa: PLR0913 - keywords of a declaration
        self,
        name: str,
        *reconcilers: Reconciler[Any],
        description: str,
        settings: Sequence[Setting] = (),
        image: str = IMAGE,
        replicas: int = 2,
        resources: Resources | None = None,
        samples: Sequence[Mapping[str, Any]] = (),
        rules: Sequence[Rule] = (),
        connects_to: Sequence[int] = (),
        grants: Sequence[Grant] = (),
        metrics: Sequence[Counter | Histogram] = (),
    ) -> None:
        for attribute, value in {
            "name": name,
            "reconcilers": reconcilers,
            "description": description,
            "settings": tuple(settings),
            "image": image,
            "replicas": replicas,
            "resources": resources or Resources(),
            "samples": tuple(samples),
            "rules": tuple(rules),
            "connects_to": tuple(connects_to),
            "grants": tuple(grants),
            "metrics": tuple(metrics),
        }.items():
            object.__setattr__(self, attribute, value)
        self._check()

    @property
    def full_name(self) -> str:
        """The name of its Deployment, ServiceAccount, field manager and so on."""
        return f"{self.name}-operator"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that it reconciles."""
        return tuple(each.kind for each in self.reconcilers)

    def _check(self) -> None:
        where = f"Operator({self.name!r})"
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(
                f"{self.name!r} cannot be in the name of a Deployment",
                where=where,
                remedy="use up to 48 lower-case letters, digits and dashes, a letter first",
            )
        if not self.reconcilers:
            raise DeclarationError(
                "it reconciles nothing", where=where, remedy="pass it the functions that @reconciler made"
            )
        if len(set(self.kinds)) < len(self.kinds):
            raise DeclarationError(
                "two reconcilers of one kind would fight", where=where, remedy="make one function of them"
            )
        if self.replicas < 1:
            raise DeclarationError(
                f"{self.replicas} replicas",
                where=where,
                remedy="give it 1, or 2 to survive the loss of a node",
            )
        taken = {each.grant for each in self.rules}
        for each in self.reconcilers:
            taken |= {one.grant for one in each.rules} | {one.grant for one in each.watches}
        check_grants(self.grants, [grant for grant in taken if grant], where)
        check_metrics(self.metrics, where)
