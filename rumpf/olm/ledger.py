"""What was released and when, and the digest of every image that a release names: bundle/releases.toml."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from rumpf.errors import DeclarationError
from rumpf.manifests.reading import part, words
from rumpf.olm.catalog import Plans
from rumpf.olm.references import is_digest
from rumpf.olm.release import Release
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CHANNELS
from rumpf.olm.words import read_toml

LEDGER = "bundle/releases.toml"
_PARTS = frozenset({"channels", "deprecated", "images", "releases"})
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+")
_OF_RELEASE = frozenset({"date", "platforms", "released"})


@dataclass(frozen=True)
class Ledger:
    """The digests of images, the dates of releases, and how far each channel has come."""

    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    releases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    plans: Plans = field(default_factory=Plans)

    def released(self, version: Version) -> bool:
        """Whether people have a release: its bundles are not to change any more."""
        return part(self.releases, str(version)).get("released") is True

    def release(self, version: Version, unpinned: Iterable[str] = ()) -> Release:
        """Return a release; one that is not written down yet has no date, and runs on Linux on amd64."""
        said = part(self.releases, str(version))
        date = said.get("date", "")
        platforms = tuple(words(said, "platforms")) or Release.platforms
        when = date.isoformat() if isinstance(date, dt.date) else ""
        return Release(version, self.digests, when, platforms, frozenset(unpinned))


def read_ledger(root: Path) -> Ledger:
    """Return what a project's ledger says; one that is not there says nothing."""
    said = read_toml(root / LEDGER)
    _check(said)
    newest = {name: Version.parse(str(text)) for name, text in part(said, "channels").items()}
    return Ledger(
        digests={name: str(digest) for name, digest in part(said, "images").items()},
        releases=part(said, "releases"),
        plans=Plans(
            {name: version for name, version in newest.items() if version is not None},
            {name: str(why) for name, why in part(said, "deprecated").items()},
        ),
    )


def _check(said: Mapping[str, Any]) -> None:
    if unknown := sorted(set(said) - _PARTS):
        raise DeclarationError(
            f"no part is called {', '.join(unknown)}",
            where=LEDGER,
            remedy=f"there is {', '.join(sorted(_PARTS))}",
        )
    for image, digest in part(said, "images").items():
        if not is_digest(str(digest)):
            raise DeclarationError(
                f"{digest!r} is no digest", where=f"{LEDGER}, {image}", remedy='write "sha256:..."'
            )
    if unknown := sorted(set(part(said, "channels")) - set(CHANNELS)):
        raise DeclarationError(
            f"no channel is called {', '.join(unknown)}",
            where=f"{LEDGER}, channels",
            remedy=f"there is {', '.join(CHANNELS)}",
        )
    for text in map(str, (*part(said, "releases"), *part(said, "channels").values())):
        if Version.parse(text) is None:
            raise DeclarationError(f"{text!r} is no version", where=LEDGER, remedy='write it as "0.1.0"')
    _check_order(said)
    for name in part(said, "releases"):
        _check_release(part(said, "releases", name), f"{LEDGER}, {name}")


def _check_order(said: Mapping[str, Any]) -> None:
    """Refuse a channel that is ahead of one that is for those who try releases earlier."""
    newest = {name: Version.parse(str(text)) for name, text in part(said, "channels").items()}
    for earlier, later in pairwise(CHANNELS):
        first, then = newest.get(earlier), newest.get(later)
        if first is not None and (then is None or then > first):
            raise DeclarationError(
                f"{later} is ahead of {earlier}, which has come to {first}",
                where=f"{LEDGER}, channels",
                remedy=f'hold {later} back too: {later} = "{first}"; or let {earlier} have more',
            )


def _check_release(said: Mapping[str, Any], where: str) -> None:
    if unknown := sorted(set(said) - _OF_RELEASE):
        raise DeclarationError(
            f"nothing is called {', '.join(unknown)}",
            where=where,
            remedy=f"there is {', '.join(sorted(_OF_RELEASE))}",
        )
    if not isinstance(said.get("released", False), bool):
        raise DeclarationError(
            "released is neither true nor false", where=where, remedy="write true once people have it"
        )
    if not isinstance(said.get("date", dt.date.min), dt.date):
        raise DeclarationError(
            f"{said['date']!r} is no date", where=where, remedy="write it as 2026-11-21, with no quotes"
        )
    platforms: object = said.get("platforms", [])
    if not isinstance(platforms, list) or not all(
        _PLATFORM.fullmatch(str(each)) for each in cast("list[object]", platforms)
    ):
        raise DeclarationError(
            f"{platforms!r} are no platforms", where=where, remedy='write them as ["linux/amd64"]'
        )
