"""A bundle of a catalog: its images, its properties, and the objects that it holds itself."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.reading import at, documents, record, records, text
from rumpf.olm.references import pinned, understood
from rumpf.olm.versions import Version

Blob = Mapping[str, Any]

_PACKAGE = "olm.package"
_NEEDS: Mapping[str, tuple[str, ...]] = {
    _PACKAGE: ("packageName", "version"),
    "olm.package.required": ("packageName", "versionRange"),
    "olm.gvk": ("group", "kind", "version"),
    "olm.gvk.required": ("group", "kind", "version"),
    "olm.bundle.object": ("data",),
}
_RELEASE = re.compile(
    r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*"
)


def images(bundle: Blob, where: str) -> Iterator[Problem]:
    """Yield what is wrong with the images that it names, and whether it names or holds anything."""
    image = text(bundle, "image")
    inline = any(text(each, "type") == "olm.bundle.object" for each in records(bundle, "properties"))
    if not image and not inline:
        yield error("image", where, "it has neither an image nor objects", "add one of them")
    for path, name in (
        ("image", image),
        *(
            (f"relatedImages[{n}]", text(each, "image"))
            for n, each in enumerate(records(bundle, "relatedImages"))
        ),
    ):
        if name and not understood(name):
            yield error(
                "image", f"{where}, {path}", f"{name!r} is no image", "write registry/name@sha256:..."
            )
        elif name and not pinned(name):
            yield warning("pins", f"{where}, {path}", f"{name} can change", "name it by its digest")


def properties(bundle: Blob, where: str) -> Iterator[Problem]:
    """Yield what is wrong with what it says of itself."""
    package, name = text(bundle, "package"), text(bundle, "name")
    found = records(bundle, "properties")
    for each in found:
        kind, value = text(each, "type"), each.get("value")
        if not kind or value is None:
            yield error("properties", where, "a property without type or value", "write both")
        if missing := [key for key in _NEEDS.get(kind, ()) if not text(value, key)]:
            yield error(
                "properties", f"{where}, {kind}", f"without {', '.join(missing)}", "write what is missing"
            )
    said = [record(each, "value") for each in found if text(each, "type") == _PACKAGE]
    if len(said) != 1:
        yield error("properties", where, f"{len(said)} properties {_PACKAGE}", "write exactly one")
        return
    if text(said[0], "packageName") != package:
        what = f"it is of package {package}, and its property says {text(said[0], 'packageName')}"
        yield error("properties", where, what, "have both say the same")
    version, release = text(said[0], "version"), text(said[0], "release")
    if Version.parse(version) is None:
        yield error("versions", where, f"{version!r} is no version", "write it as 1.2.3")
    if release and not _RELEASE.fullmatch(release):
        yield error("versions", where, f"{release!r} is no release", "write it as 1")
    if release and name != f"{package}-v{version}-{release}":
        yield error("versions", where, "its name does not say its release", f"{package}-v{version}-{release}")
    yield from _contents(bundle, where, version)


def _contents(bundle: Blob, where: str, version: str) -> Iterator[Problem]:
    """Yield where the objects in a bundle say another thing than what stands beside them."""
    objects: list[object] = []
    for each in records(bundle, "properties"):
        if text(each, "type") == "olm.bundle.object":
            try:
                data = base64.b64decode(text(each, "value", "data"), validate=True)
                objects += documents(data.decode())
            except ValueError as problem:
                yield error(
                    "objects", where, f"an object cannot be read: {problem}", "write base64 of its JSON"
                )
    csv = next((each for each in objects if text(each, "kind") == "ClusterServiceVersion"), None)
    metadata = next(
        (
            each.get("value")
            for each in records(bundle, "properties")
            if text(each, "type") == "olm.csv.metadata"
        ),
        None,
    )
    if objects and csv is None:
        yield warning("objects", where, "no ClusterServiceVersion is among its objects", "add it")
    if csv is not None and (text(csv, "metadata", "name"), text(csv, "spec", "version")) != (
        text(bundle, "name"),
        version,
    ):
        yield warning("objects", where, "its CSV has another name or version", "have both say the same")
    owned = at(csv, "spec", "customresourcedefinitions") if csv else at(metadata, "crdDescriptions")
    wanted = {
        (text(each, "name").partition(".")[2], text(each, "kind"), text(each, "version"))
        for each in records(owned, "owned")
    }
    told = {
        (text(each, "value", "group"), text(each, "value", "kind"), text(each, "value", "version"))
        for each in records(bundle, "properties")
        if text(each, "type") == "olm.gvk"
    }
    if (csv is not None or metadata is not None) and wanted != told:
        differ = ", ".join(sorted(f"{kind} of {group}/{v}" for group, kind, v in wanted ^ told))
        yield warning("gvks", where, f"olm.gvk and what its CSV owns differ: {differ}", "name what it owns")
    if text(bundle, "image") and csv is None and metadata is None:
        yield warning("objects", where, "nothing in it says what it is", "add olm.csv.metadata")
