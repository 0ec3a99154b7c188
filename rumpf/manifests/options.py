"""What whoever installs an operator chooses, and nothing that its author decides."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rumpf.errors import UsageError
from rumpf.operator import Resources
from rumpf.rights import EVERYWHERE

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Options:
    """How an operator is installed. Checked when made; settings are checked against the operator's own."""

    namespace: str = ""
    """Where it runs. Empty: a namespace of its own, named like it, which is then part of what is installed.
    One that is named must be there: it is not made, labelled or deleted with the operator."""
    image: str | None = None
    """Another image than the operator's own."""
    watch: tuple[str, ...] = ()
    """The namespaces that it looks after; empty: all of them."""
    replicas: int | None = None
    """Another number than the operator's own."""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Values of the operator's settings; those not named keep their default."""
    grants: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Where each of its grants is given: namespaces, `("*",)` for all that it looks after, `()` for none.
    Those not named are given as its declaration says."""
    resources: Resources | None = None
    """What its container asks for, and may not exceed, if not what the operator's declaration says."""

    def __init__(
        self,
        namespace: str = "",
        image: str | None = None,
        watch: Iterable[str] = (),
        replicas: int | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        grants: Mapping[str, Sequence[str]] | None = None,
        resources: Resources | None = None,
    ) -> None:
        for attribute, value in {
            "namespace": namespace,
            "image": image,
            "watch": tuple(sorted(set(watch))),
            "replicas": replicas,
            "settings": dict(settings or {}),
            "grants": {name: tuple(sorted(set(places))) for name, places in (grants or {}).items()},
            "resources": resources,
        }.items():
            object.__setattr__(self, attribute, value)
        self._check()

    def _check(self) -> None:
        if self.namespace:
            _refuse_no_namespace(self.namespace, "namespace")
        for name in self.watch:
            _refuse_no_namespace(name, "watch")
        for name, places in self.grants.items():
            self._check_places(name, places)
        if self.image is not None and not re.fullmatch(r"\S+", self.image):
            raise UsageError(
                f"{self.image!r} is no image", where="image", remedy="write it as registry/name:tag"
            )
        if self.replicas is not None and self.replicas < 1:
            raise UsageError(
                f"{self.replicas} replicas",
                where="replicas",
                remedy="ask for 1, or for 2 to survive the loss of a node",
            )

    @property
    def places(self) -> tuple[str, ...]:
        """All namespaces that are named, and have to be there."""
        granted = {place for places in self.grants.values() if places != EVERYWHERE for place in places}
        return tuple(dict.fromkeys((*filter(None, [self.namespace]), *self.watch, *sorted(granted))))

    def _check_places(self, grant: str, places: tuple[str, ...]) -> None:
        where = f"grant {grant}"
        if places == EVERYWHERE:
            return
        for place in places:
            if place in EVERYWHERE:
                raise UsageError(
                    "everywhere, and in some namespaces too", where=where, remedy="say one of them"
                )
            _refuse_no_namespace(place, where)
            if self.watch and place not in self.watch:
                raise UsageError(
                    f"{place} is not among the namespaces that the operator looks after",
                    where=where,
                    remedy=f"give it in {', '.join(self.watch)}, or have {place} watched too",
                )


def _refuse_no_namespace(name: str, where: str) -> None:
    if not _NAMESPACE.fullmatch(name):
        raise UsageError(
            f"{name!r} is not the name of a namespace",
            where=where,
            remedy="use up to 63 lower-case letters, digits and dashes, with no dash at either end",
        )
