"""Build the images of a repository: images/NAME/Containerfile in, one archive a name out.

The same sources on the same base give the same layers: the engine sees neither this machine's clock,
owners and umask, nor a network.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rumpf.console import Console
from rumpf.errors import ImageError
from rumpf.image import archive
from rumpf.image.context import lay_out
from rumpf.image.debian import base_image
from rumpf.image.engine import Engine
from rumpf.image.inventory import inventory
from rumpf.image.oci import host_architecture
from rumpf.image.provenance import provenance
from rumpf.image.reference import Reference
from rumpf.image.sbom import bill_of_materials
from rumpf.image.wheels import wheels_for

BaseChoice = Literal["auto", "pull", "debian"]
"""Where the base comes from: pulled, made from Debian packages, or pulled where that works."""

_BASE: Final = re.compile(r"^ARG[ \t]+BASE=(?P<image>\S+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Built:
    """An image that was built: its name, the digest of its manifest, and where it lies."""

    name: str
    reference: str
    digest: str
    archive: Path
    size: int
    engine: str
    base: str | None
    sbom: Path
    """What is in it, as CycloneDX."""
    provenance: Path
    """What it was made from, as an in-toto statement."""


def images_in(folder: Path) -> Mapping[str, Path]:
    """Return the folders below `folder` that have a Containerfile, by name."""
    return {file.parent.name: file.parent for file in sorted(folder.glob("*/Containerfile"))}


def build(
    source: Path,
    *,
    engine: Engine,
    into: Path,
    console: Console,
    base: BaseChoice = "auto",
    renew_base: bool = False,
) -> Built:
    """Build `source` and write it to `into`/NAME.tar as rumpf.local/NAME:dev, with what is in it beside it.

    Beside what lies in the folder, the Containerfile finds what its links lead to, and `wheels`: what
    requirements.txt pins (and any other requirements*.txt there), and pip. `ARG BASE=IMAGE` names the
    image to start from; `base` says where that comes from. Without that line the Containerfile is on
    its own.
    """
    name = source.name
    reference = Reference.parse(f"rumpf.local/{name}:dev")
    containerfile = (source / "Containerfile").read_text()
    arguments: list[str] = []
    base_used = None
    if declared := _BASE.search(containerfile):
        base_used = _base(declared["image"], engine, base, console, renew=renew_base)
        arguments.append(f"BASE={base_used}")
    pins = _pins(source)
    wheels = wheels_for(pins, host_architecture(), console) if pins else None
    console.say(f"building {name} with {engine.name}")
    with tempfile.TemporaryDirectory(prefix=f"rumpf-image-{name}-") as temporary:
        scratch = Path(temporary)
        lay_out(source, wheels, scratch / "context")
        engine.build_image(
            scratch / "context", str(reference), arguments, where=str(source / "Containerfile")
        )
        engine.save_image(str(reference), scratch / "saved.tar")
        target = into / f"{name}.tar"
        image = archive.read(scratch / "saved.tar", scratch)
        digest = archive.write(target, reference, image)
        sbom, origin = into / f"{name}.cdx.json", into / f"{name}.provenance.json"
        found = inventory(image.layers, image.environment)
        _write(sbom, bill_of_materials(reference, digest, image.architecture, found))
        _write(origin, provenance(str(reference), digest, source, base_used, archive.digests(image)))
    size = target.stat().st_size
    return Built(name, str(reference), digest, target, size, engine.name, base_used, sbom, origin)


def _write(path: Path, said: Mapping[str, object]) -> None:
    path.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _pins(source: Path) -> list[Path]:
    for wanted in sorted(source.glob("requirements*.in")):
        if not wanted.with_suffix(".txt").is_file():
            raise ImageError(
                "it is not locked",
                where=str(wanted),
                remedy=f"uv pip compile --generate-hashes -o {wanted.with_suffix('.txt')} {wanted}",
            )
    return sorted(source.glob("requirements*.txt"))


def _base(declared: str, engine: Engine, choice: BaseChoice, console: Console, *, renew: bool) -> str:
    if choice != "debian":
        if not renew and engine.has_image(declared):
            return declared
        reason = engine.why_no_pull(declared)
        if reason is None:
            return declared
        if choice == "pull":
            raise ImageError(
                f"cannot be pulled: {reason}",
                remedy="make its registry reachable, or have it made from Debian packages: --base debian",
                where=declared,
            )
        console.say(f"{declared} cannot be pulled ({reason}): Debian packages are used instead")
    made = base_image(console, renew=renew)
    if renew or not engine.has_image(made.reference):
        engine.load_archive(made.archive)
    return made.reference
