"""The versions and checksums of what a cluster is made of: pins.json as typed values.

`python -m rumpf.cluster.assets.repin` writes that file, and go/<upstream>/ beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from rumpf.errors import UsageError

HERE = Path(__file__).parent
PINS = HERE / "pins.json"
MODULES = HERE / "go"

DEFAULT_KUBERNETES = "1.36"


@dataclass(frozen=True, slots=True)
class Pin:
    """The version of one upstream, and the sha256 of its release files."""

    version: str
    files: Mapping[str, Mapping[str, str]]
    """By platform (linux/amd64), then by file name."""


@cache
def pinned() -> Mapping[str, Pin]:
    """Every pin, by the name of its upstream."""
    raw = cast("dict[str, dict[str, object]]", json.loads(PINS.read_bytes()))
    return {
        name: Pin(
            version=str(entry["version"]),
            files={key: cast("dict[str, str]", files) for key, files in entry.items() if key != "version"},
        )
        for name, entry in raw.items()
    }


def kubernetes_minors() -> tuple[str, ...]:
    """The Kubernetes versions that can be had, as 1.36, newest first."""
    prefix = "kubernetes-"
    minors = [name.removeprefix(prefix) for name in pinned() if name.startswith(prefix)]
    return tuple(sorted(minors, key=comparable, reverse=True))


def kubernetes_minor(asked: str) -> str:
    """The minor version (1.36) that `asked` means: 1.36, v1.36, or a full version that is pinned."""
    wanted = asked.strip().removeprefix("v")
    there = {minor: pinned()[f"kubernetes-{minor}"].version for minor in kubernetes_minors()}
    for minor, version in there.items():
        if wanted in {minor, version}:
            return minor
    raise UsageError(
        f"there is no Kubernetes {asked!r} to be had",
        remedy="choose one of " + ", ".join(f"{minor} ({version})" for minor, version in there.items()),
        where="--kubernetes",
    )


def comparable(version: str) -> tuple[int, ...]:
    """What versions are ordered by: their leading numbers, so v1.36.3-rc.1 is (1, 36, 3)."""
    numbers: list[int] = []
    for part in version.removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if digits:
            numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
