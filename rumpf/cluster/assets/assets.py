"""The order of the sources: what PATH has, else what the cache has, else what is fetched into it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rumpf.cluster.assets.catalog import EVERYTHING, Platform, Upstream, this_platform, upstreams
from rumpf.cluster.assets.onpath import Asked, candidates
from rumpf.cluster.assets.pins import DEFAULT_KUBERNETES, kubernetes_minor
from rumpf.cluster.assets.store import Site, Store
from rumpf.console import Console, Silent
from rumpf.errors import AssetError, DiskFull, UsageError
from rumpf.paths import cache_dir

if TYPE_CHECKING:
    from rumpf.cluster.assets.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `rumpf cluster assets`."""

    name: str
    version: str
    """What the binary says of itself; for one that is missing, what would be fetched."""
    source: str
    """path, cache or missing."""
    path: Path | None
    origin: str
    """How it came into the cache, or would come."""
    passed_over: tuple[str, ...] = ()
    """Binaries of that name in RUMPF_BIN or on PATH that do not fit, and why."""

    @property
    def note(self) -> str:
        """All that a person may want to know of it besides."""
        return "; ".join(filter(None, (self.origin, *self.passed_over)))


@dataclass(frozen=True)
class Assets:
    """The binaries of a cluster of one Kubernetes version. Making one reads and runs nothing of the machine.

    `kubernetes` is 1.36, or a full version that is pinned; another one is a UsageError.
    """

    kubernetes: str = DEFAULT_KUBERNETES
    console: Console = field(default_factory=Silent)
    machine: Platform = field(default_factory=this_platform)

    def __post_init__(self) -> None:
        """Refuse a Kubernetes that cannot be had."""
        object.__setattr__(self, "kubernetes", kubernetes_minor(self.kubernetes))

    @property
    def kubernetes_version(self) -> str:
        """The full version, as 1.36.3."""
        return upstreams(self.kubernetes)[0].version

    def ensure(self, names: Iterable[str]) -> Mapping[str, Path]:
        """The path of each binary asked for; what is not there is fetched, and each step said.

        Raises AssetError where one cannot be had. Fetching can take minutes, and several processes may
        do it at once: one fetches, the others wait for it.
        """
        fetcher: Fetcher | None = None
        found: dict[str, Path] = {}
        for upstream, wanted in self._by_upstream(names):
            rows = self._located(upstream, wanted)
            if not all(row.path for row in rows):
                fetcher = fetcher or self._fetcher()
                rows = self._fetched(fetcher, upstream, rows)
            found |= {row.name: row.path for row in rows if row.path}
        return MappingProxyType(found)

    def fetch(self, names: Iterable[str] = EVERYTHING) -> tuple[Row, ...]:
        """Get ahead of time what can be had, and say in its row why something cannot.

        Only a full disk or a cache that cannot be written ends it early.
        """
        fetcher = self._fetcher()
        result: list[Row] = []
        for upstream, wanted in self._by_upstream(names):
            rows = self._located(upstream, wanted)
            if not all(row.path for row in rows):
                try:
                    rows = self._fetched(fetcher, upstream, rows)
                except DiskFull:
                    raise
                except AssetError as error:
                    rows = [
                        row if row.path else replace(row, origin=f"{error.what}; {error.remedy}")
                        for row in self._located(upstream, wanted)
                    ]
            result += rows
        return tuple(result)

    def rows(self, names: Iterable[str] = EVERYTHING) -> tuple[Row, ...]:
        """What there is of each binary, and from where. Fetches nothing."""
        return tuple(
            row for upstream, wanted in self._by_upstream(names) for row in self._located(upstream, wanted)
        )

    def verify(self) -> tuple[str, ...]:
        """Hash every binary in the cache; those that are not what was installed are deleted and named."""
        broken: list[str] = []
        for upstream in upstreams(self.kubernetes):
            folder = upstream.folder(self.machine)
            for name in upstream.binaries:
                path = self._store.path(folder, name)
                if path.exists() and not self._store.intact(folder, name):
                    self._store.remove(folder, name)
                    self.console.say(f"{name}: this is not what was installed; deleted ({path})")
                    broken.append(name)
        return tuple(broken)

    def tools(self) -> Path:
        """A folder to put before the system's ones on PATH, so that ip, iptables, mount... are found.

        What the machine lacks of them is unpacked into the cache; raises ToolMissing where that fails.
        """
        from rumpf.cluster.assets.tools import tools

        return tools(self._site)

    @cached_property
    def _store(self) -> Store:
        return Store(cache_dir())

    @cached_property
    def _site(self) -> Site:
        return Site(self._store, self.machine, self.console)

    @cached_property
    def _asked(self) -> Asked:
        return Asked(self._store.root / "versions.json")

    def _fetcher(self) -> "Fetcher":
        # Most runs find everything in the cache and never pay for importing what fetches.
        from rumpf.cluster.assets.fetch import Fetcher

        return Fetcher(self._site)

    def _by_upstream(self, names: Iterable[str]) -> Iterator[tuple[Upstream, list[str]]]:
        wanted = frozenset(names)
        if unknown := wanted - EVERYTHING:
            raise UsageError(
                f"no such binary: {', '.join(sorted(unknown))}",
                remedy=f"choose from {', '.join(sorted(EVERYTHING))}",
            )
        for upstream in upstreams(self.kubernetes):
            if here := [name for name in upstream.binaries if name in wanted]:
                yield upstream, here

    def _located(self, upstream: Upstream, names: list[str]) -> list[Row]:
        taken: dict[str, Row] = {}
        passed: dict[str, list[str]] = {name: [] for name in upstream.binaries}
        for name, candidate in candidates(upstream, names, self._asked):
            if candidate.unfit:
                passed[name].append(f"passed over {candidate.path}: {candidate.unfit}")
            else:
                taken[name] = Row(name, candidate.version, "path", candidate.path, "", tuple(passed[name]))
        return [taken.get(name) or self._cached(upstream, name, tuple(passed[name])) for name in names]

    def _cached(self, upstream: Upstream, name: str, passed: tuple[str, ...]) -> Row:
        folder = upstream.folder(self.machine)
        if stamp := self._store.find(folder, name):
            path = self._store.path(folder, name)
            return Row(name, stamp.version, "cache", path, stamp.origin, passed)
        return Row(name, upstream.version, "missing", None, _how(upstream, name, self.machine), passed)

    def _fetched(self, fetcher: "Fetcher", upstream: Upstream, rows: list[Row]) -> list[Row]:
        names = [row.name for row in rows]
        missing = [row for row in rows if not row.path]
        self.console.say(f"{upstream}: not in the cache: {', '.join(row.name for row in missing)}")
        for row in missing:
            for passed in row.passed_over:
                self.console.say(f"{row.name}: {passed}")
        with self._store.lock(upstream.folder(self.machine), self.console):
            # Whoever held the lock before may have fetched it all.
            if absent := [row.name for row in self._located(upstream, names) if not row.path]:
                fetcher.fetch(upstream, absent)
        return self._located(upstream, names)


def _how(upstream: Upstream, name: str, machine: Platform) -> str:
    """How a binary that is missing would be fetched."""
    if not upstream.packages:
        return "comes from a package of the distribution"
    if release := upstream.release(name, machine):
        return f"comes from {release.url}, else is built from source"
    return f"no pinned release for {machine}, is built from source"
