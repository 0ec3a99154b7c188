"""A bundle and a catalog in which nothing is wrong, and ways to spoil them."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from rumpf import Model, Operator, Pod, Resource, Setting, Status, World, reconciler
from rumpf.olm import Bundle, Package, Release, Version, bundle_of
from rumpf.olm.catalog import Plans, Released, catalog_of
from rumpf.olm.icon import default_icon
from rumpf.olm.release import place_among

Json = dict[str, Any]

OPERATOR_IMAGE = "registry.example.com/note:1"
PAPER_IMAGE = "registry.example.com/paper:2"
RELEASED = (Version(0, 1), Version(0, 2))


class NoteSpec(Model):
    """What a Note says."""

    text: str = Field(min_length=1)
    """The text."""


class NoteStatus(Status):
    """What became of it."""

    pages: int = 0
    """How many pages it takes."""


class Note(Resource, group="notes.example.com", version="v1", plural="notes"):
    """A note, printed by a Pod."""

    spec: NoteSpec
    status: NoteStatus = NoteStatus()


@reconciler(Note, owns=[Pod])
async def reconcile(_note: Note, _world: World) -> NoteStatus:
    return NoteStatus()


NOTE = Operator(
    "note",
    reconcile,
    description="Prints notes.",
    image=OPERATOR_IMAGE,
    settings=[Setting("PAPER_IMAGE", PAPER_IMAGE, "What notes are printed by.")],
    samples=[
        {
            "apiVersion": "notes.example.com/v1",
            "kind": "Note",
            "metadata": {"name": "hello"},
            "spec": {"text": "Hello"},
        }
    ],
)
PACKAGE = Package(
    display_name="Note",
    description="Notes are printed by Pods, one each.\n\n## How it behaves\n\nWell.",
    icon=default_icon("note"),
    provider="Example",
    categories=("Developer Tools",),
    keywords=("note",),
    maintainers={"Somebody": "somebody@example.com"},
    links={"Source": "https://example.com/note"},
)
DIGESTS = {OPERATOR_IMAGE: f"sha256:{'a' * 64}", PAPER_IMAGE: f"sha256:{'b' * 64}"}


def release(version: Version = RELEASED[-1]) -> Release:
    """Return a release of the operator of Notes."""
    return Release(version, DIGESTS, "2026-11-21")


@functools.cache
def bundle(version: Version = RELEASED[-1]) -> Bundle:
    """Return a good bundle."""
    return bundle_of(NOTE, PACKAGE, release(version), place_among(NOTE.full_name, version, RELEASED))


@functools.cache
def catalog_text() -> str:
    """Return a good catalog of two releases."""
    bundles = [Released(each, bundle(each).manifests) for each in RELEASED]
    return catalog_of(NOTE.full_name, bundles, Plans())


@dataclass
class Draft:
    """A bundle that can be spoilt before it is written."""

    files: dict[str, str] = field(default_factory=lambda: dict(bundle().files))

    CSV = "manifests/note-operator.clusterserviceversion.yaml"
    CRD = "manifests/notes.example.com_notes.yaml"
    ANNOTATIONS = "metadata/annotations.yaml"

    def edit(self, path: str, change: Callable[[Json], object]) -> None:
        """Change an object in one of the files."""
        body: Json = yaml.load(self.files[path], Loader=yaml.CSafeLoader)
        change(body)
        # JSON is YAML, too, and read in no time.
        self.files[path] = json.dumps(body)

    def csv(self, change: Callable[[Json], object]) -> None:
        """Change the CSV."""
        self.edit(self.CSV, change)

    def crd(self, change: Callable[[Json], object]) -> None:
        """Change the CRD."""
        self.edit(self.CRD, change)

    def annotations(self, change: Callable[[Json], object]) -> None:
        """Change the annotations."""
        self.edit(self.ANNOTATIONS, lambda body: change(body["annotations"]))

    def add(self, name: str, body: Json) -> None:
        """Add an object."""
        self.files[f"manifests/{name}.yaml"] = json.dumps(body)

    def write(self, folder: Path) -> Path:
        """Write it."""
        for path, text in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder


@dataclass
class CatalogDraft:
    """A catalog that can be spoilt before it is written."""

    blobs: list[Json] = field(
        default_factory=lambda: list(yaml.load_all(catalog_text(), Loader=yaml.CSafeLoader))
    )

    def all(self, schema: str) -> list[Json]:
        """Return the blobs of a schema."""
        return [each for each in self.blobs if each["schema"] == schema]

    def channel(self, name: str) -> Json:
        """Return a channel."""
        return next(each for each in self.all("olm.channel") if each["name"] == name)

    def write(self, folder: Path) -> Path:
        """Write it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "catalog.yaml").write_text("\n---\n".join(map(json.dumps, self.blobs)))
        return folder
