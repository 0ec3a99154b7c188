"""A bundle as it lies on disk: its objects, each with its file, its annotations, its Dockerfile, its size."""

import base64
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rumpf.olm.checking.finding import Problem, error
from rumpf.olm.checking.reading import documents, record, text

CSV = "ClusterServiceVersion"
CRD = "CustomResourceDefinition"
_MANIFESTS, _METADATA = "manifests", "metadata"
_LEFT_OUT = "one-object-a-file"
_DOCKERFILES = ("Dockerfile", "bundle.Dockerfile")


@dataclass(frozen=True)
class Object:
    """An object of a bundle, and the name of its file."""

    file: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return text(self.body, "kind")

    @property
    def name(self) -> str:
        """Its name."""
        return text(self.body, "metadata", "name")


@dataclass(frozen=True)
class Loaded:
    """A bundle, and what could not be read of it."""

    folder: Path
    objects: tuple[Object, ...]
    annotations: Mapping[str, Any]
    annotations_file: str
    dependencies: tuple[Mapping[str, Any], ...]
    dockerfile: str | None
    scorecard: Path
    size: int
    compressed: int
    problems: tuple[Problem, ...]
    left_out: tuple[Problem, ...]
    """Objects that no tool reads."""

    @property
    def csv(self) -> Mapping[str, Any]:
        """Its CSV; empty if it has none."""
        return next((each.body for each in self.objects if each.kind == CSV), {})

    @property
    def csv_file(self) -> str:
        """The name of the CSV's file."""
        return next((each.file for each in self.objects if each.kind == CSV), _MANIFESTS)

    @property
    def crds(self) -> tuple[Object, ...]:
        """Its CRDs."""
        return tuple(each for each in self.objects if each.kind == CRD)

    @property
    def name(self) -> str:
        """What the CSV calls it."""
        return text(self.csv, "metadata", "name")

    def annotation(self, label: str) -> str:
        """Return what metadata/annotations.yaml says under a label; empty if it says nothing."""
        return text(self.annotations, label)


def load_bundle(folder: Path) -> Loaded:
    """Read a bundle. What is not as it must be is among its problems; nothing is raised for it."""
    problems: list[Problem] = []
    manifests, metadata = folder / _MANIFESTS, folder / _METADATA
    problems += [
        error("layout", each.name, "there is no such folder", "put it beside the other one")
        for each in (manifests, metadata)
        if not each.is_dir()
    ]
    objects = tuple(_objects(manifests, problems)) if manifests.is_dir() else ()
    csvs = [each for each in objects if each.kind == CSV]
    if manifests.is_dir() and len(csvs) != 1:
        what = "there is no ClusterServiceVersion" if not csvs else "there is more than one"
        problems.append(error("layout", _MANIFESTS, what, "a bundle has exactly one ClusterServiceVersion"))
    annotations, name = _annotations(metadata, problems)
    files = [each for each in sorted(folder.rglob("*")) if each.is_file() and _in_image(folder, each)]
    contents = [each.read_bytes() for each in files if each.is_relative_to(manifests)]
    packed = [base64.b64encode(gzip.compress(each, mtime=0)) for each in contents]
    dockerfiles = [folder / each for each in _DOCKERFILES if (folder / each).is_file()]
    return Loaded(
        folder=folder,
        objects=objects,
        annotations=annotations,
        annotations_file=name,
        dependencies=tuple(_dependencies(metadata)),
        dockerfile=dockerfiles[0].read_text("utf-8") if dockerfiles else None,
        scorecard=folder / "tests/scorecard/config.yaml",
        size=sum(map(len, contents)),
        compressed=sum(map(len, packed)),
        problems=tuple(each for each in problems if each.rule != _LEFT_OUT),
        left_out=tuple(each for each in problems if each.rule == _LEFT_OUT),
    )


def _in_image(folder: Path, file: Path) -> bool:
    return file.relative_to(folder).parts[0] in {_MANIFESTS, _METADATA}


def _objects(folder: Path, problems: list[Problem]) -> Iterator[Object]:
    paths = sorted(folder.iterdir())
    if not paths:
        problems.append(error("layout", _MANIFESTS, "it is empty", "put the bundle's objects into it"))
    for path in paths:
        name = f"{_MANIFESTS}/{path.name}"
        if path.is_dir():
            problems.append(error("layout", name, "a folder has no place here", "put its files beside it"))
        elif path.name.startswith("."):
            problems.append(error("layout", name, "a hidden file has no place here", "remove it"))
        else:
            yield from _object(path, name, problems)


def _object(path: Path, name: str, problems: list[Problem]) -> Iterator[Object]:
    try:
        found = documents(path.read_text("utf-8"))
    except (ValueError, OSError) as problem:
        problems.append(error("readable", name, f"it cannot be read: {problem}", "mend it"))
        return
    if not found:
        problems.append(error("readable", name, "nothing is in it", "remove it"))
        return
    if len(found) > 1:
        problems.append(
            error(
                _LEFT_OUT,
                name,
                f"{len(found)} objects are in it, and all but the first are left out without a word",
                "give each a file of its own",
            )
        )
    if not isinstance(found[0], Mapping) or not text(found[0], "kind"):
        problems.append(error("readable", name, "it is no object: it has no kind", "mend it, or remove it"))
        return
    yield Object(name, cast("Mapping[str, Any]", found[0]))


def _annotations(folder: Path, problems: list[Problem]) -> tuple[Mapping[str, Any], str]:
    """Return the annotations, and where they are: in any file there, the usual one first."""
    usual = folder / "annotations.yaml"
    paths = sorted(folder.iterdir(), key=lambda each: (each != usual, each)) if folder.is_dir() else []
    for path in paths:
        for each in _documents_in(path, problems):
            if found := record(each, "annotations"):
                return found, f"{_METADATA}/{path.name}"
    if folder.is_dir():
        problems.append(
            error("annotations", _METADATA, "there are no annotations", "write metadata/annotations.yaml")
        )
    return {}, f"{_METADATA}/annotations.yaml"


def _documents_in(path: Path, problems: list[Problem]) -> list[object]:
    if not path.is_file():
        return []
    try:
        return documents(path.read_text("utf-8"))
    except ValueError as problem:
        problems.append(
            error("readable", f"{_METADATA}/{path.name}", f"it cannot be read: {problem}", "mend it")
        )
        return []


def _dependencies(folder: Path) -> Iterator[Mapping[str, Any]]:
    path = folder / "dependencies.yaml"
    for each in _documents_in(path, []):
        listed = record(each).get("dependencies")
        if isinstance(listed, list):
            yield from (record(entry) for entry in cast("list[object]", listed))
