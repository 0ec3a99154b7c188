"""A catalog as it lies on disk, and what is wrong with its packages, bundles and deprecations."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

from rumpf.olm.checking.catalog_bundles import images, properties
from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.graph import Channel, channel_of, upgrades
from rumpf.olm.checking.names import dns_label
from rumpf.olm.checking.reading import documents, records, text
from rumpf.olm.checking.shape import ANY, MORE, compare

Blob = Mapping[str, Any]

_IGNORE = ".indexignore"
_PROPERTIES = [{"type": str, "value": ANY}]
_SHAPES = {
    "olm.package": {
        "defaultChannel": str,
        "description": str,
        "icon": {"base64data": str, "mediatype": str},
        "name": str,
        "properties": _PROPERTIES,
    },
    "olm.channel": {
        "entries": [{"name": str, "replaces": str, "skipRange": str, "skips": [str]}],
        "name": str,
        "package": str,
        "properties": _PROPERTIES,
    },
    "olm.bundle": {
        "image": str,
        "name": str,
        "package": str,
        "properties": _PROPERTIES,
        "relatedImages": [{"image": str, "name": str}],
    },
    "olm.deprecations": {
        "entries": [{"message": str, "reference": {"name": str, "schema": str}}],
        "package": str,
    },
}
_PACKAGE, _CHANNEL, _BUNDLE, _DEPRECATIONS = "olm.package", "olm.channel", "olm.bundle", "olm.deprecations"


@dataclass(frozen=True)
class Catalog:
    """The blobs of a catalog, by schema."""

    packages: list[Blob] = field(default_factory=list[Blob])
    channels: list[Channel] = field(default_factory=list[Channel])
    bundles: list[Blob] = field(default_factory=list[Blob])
    deprecations: list[Blob] = field(default_factory=list[Blob])
    problems: list[Problem] = field(default_factory=list[Problem])


def load_catalog(folder: Path) -> Catalog:
    """Read all files of a catalog. What cannot be read is among its problems."""
    catalog = Catalog()
    ignored = _ignored(folder)
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.name != _IGNORE):
        name = str(path.relative_to(folder))
        if any(fnmatch(name, pattern) or fnmatch(path.name, pattern) for pattern in ignored):
            continue
        try:
            found = documents(path.read_text("utf-8"))
        except (ValueError, OSError) as problem:
            catalog.problems.append(error("readable", name, f"it cannot be read: {problem}", "mend it"))
            continue
        for blob in found:
            _keep(catalog, blob, name)
    if not (catalog.packages or catalog.problems):
        catalog.problems.append(error("readable", str(folder), "there is no olm.package in it", "add one"))
    return catalog


def _keep(catalog: Catalog, blob: object, name: str) -> None:
    schema = text(blob, "schema")
    if not schema:
        catalog.problems.append(error("readable", name, "a document has no schema", "write schema: olm...."))
        return
    found = cast("Blob", blob)
    if schema in _SHAPES:
        where = f"{name}, {schema} {text(found, 'name')}"
        shaped = compare(found, _SHAPES[schema] | {"schema": str, MORE: ANY}, "")
        catalog.problems.extend(
            error("shape", f"{where}, {path}", what, "write what opm reads there")
            for path, what, unknown in shaped
            if not unknown
        )
    match schema:
        case "olm.package":
            catalog.packages.append(found)
        case "olm.channel":
            catalog.channels.append(channel_of(found))
        case "olm.bundle":
            catalog.bundles.append(found)
        case "olm.deprecations":
            catalog.deprecations.append(found)
        case _:
            pass  # others may mean something to others


def _ignored(folder: Path) -> list[str]:
    path = folder / _IGNORE
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]


def as_read(catalog: Catalog) -> Iterator[Problem]:
    """What could not be read."""
    yield from catalog.problems


def packages(catalog: Catalog) -> Iterator[Problem]:
    """Each package is there once, by a name that can be one, with a default channel that there is."""
    for name, times in Counter(text(each, "name") for each in catalog.packages).items():
        if times > 1:
            yield error("packages", f"package {name}", f"it is there {times} times", "keep one")
    for each in catalog.packages:
        name = text(each, "name")
        where = f"package {name}"
        if not dns_label(name):
            yield error(
                "packages", where, f"{name!r} cannot be the name of one", "use up to 63 of a-z, 0-9, -"
            )
        channels = [channel.name for channel in catalog.channels if channel.package == name]
        default = text(each, "defaultChannel")
        if not channels:
            yield error("packages", where, "it has no channel", "add one")
        if not default:
            yield error("packages", where, "it has no default channel", "write defaultChannel")
        elif default not in channels:
            yield error(
                "packages", where, f"there is no channel {default}", f"name one of {', '.join(channels)}"
            )
        if not text(each, "description"):
            yield warning("package-words", where, "it has no description", "say what it is for")
        if not text(each, "icon", "base64data") or not text(each, "icon", "mediatype"):
            yield warning("package-words", where, "it has no icon", "draw one: SVG, or PNG")


def channels(catalog: Catalog) -> Iterator[Problem]:
    """Each channel is of a package, there once, with upgrades that lead to one head."""
    known = {text(each, "name") for each in catalog.packages}
    for (package, name), times in Counter((each.package, each.name) for each in catalog.channels).items():
        if times > 1:
            yield error("channels", f"channel {name} of {package}", f"it is there {times} times", "keep one")
    bundles = {(text(each, "package"), text(each, "name")) for each in catalog.bundles}
    for channel in catalog.channels:
        if channel.package not in known:
            yield error("channels", channel.where, "there is no such package", "add it, or name another")
        if not channel.name:
            yield error("channels", channel.where, "it has no name", "name it")
        yield from upgrades(channel)
        for entry in channel.entries:
            if (channel.package, entry.name) not in bundles:
                yield error("entries", f"{channel.where}, {entry.name}", "there is no such bundle", "add it")


def bundles(catalog: Catalog) -> Iterator[Problem]:
    """Each bundle is of a package, there once, in a channel, with one version that no other has."""
    known = {text(each, "name") for each in catalog.packages}
    held = {(channel.package, entry.name) for channel in catalog.channels for entry in channel.entries}
    for (package, name), times in Counter(map(_identity, catalog.bundles)).items():
        if times > 1:
            yield error("bundles", f"bundle {name}", f"{package} has it {times} times", "keep one")
    for each in catalog.bundles:
        package, name = _identity(each)
        where = f"bundle {name}"
        if package not in known:
            yield error("bundles", where, f"there is no package {package!r}", "add it, or name another")
        if not name:
            yield error("bundles", where, "it has no name", "name it as its CSV is")
        if (package, name) not in held:
            yield error("bundles", where, "no channel has it", "add it to one, or leave it out")
        yield from images(each, where)
        yield from properties(each, where)
    yield from _twice(catalog)


def deprecations(catalog: Catalog) -> Iterator[Problem]:
    """What is deprecated is there, and the message says why."""
    known = {text(each, "name") for each in catalog.packages}
    there = {
        _BUNDLE: set(map(_identity, catalog.bundles)),
        _CHANNEL: {(channel.package, channel.name) for channel in catalog.channels},
    }
    for package, times in Counter(text(each, "package") for each in catalog.deprecations).items():
        where = f"deprecations of {package}"
        if times > 1:
            yield error("deprecations", where, f"they are there {times} times", "make one of them")
        if package not in known:
            yield error("deprecations", where, "there is no such package", "name one that there is")
    for each in catalog.deprecations:
        package, seen = text(each, "package"), set[tuple[str, str]]()
        for entry in records(each, "entries"):
            schema, name = text(entry, "reference", "schema"), text(entry, "reference", "name")
            where = f"deprecations of {package}, {schema} {name}".rstrip()
            if (schema, name) in seen:
                yield error("deprecations", where, "it is there twice", "keep one")
            seen.add((schema, name))
            if not text(entry, "message"):
                yield error("deprecations", where, "it does not say why", "write a message")
            if schema == _PACKAGE and name:
                yield error("deprecations", where, "a package is not named again", "leave the name out")
            elif schema != _PACKAGE and (package, name) not in there.get(schema, set()):
                yield error("deprecations", where, "there is no such thing", "name one that there is")


def _identity(bundle: Blob) -> tuple[str, str]:
    return text(bundle, "package"), text(bundle, "name")


def _version(bundle: Blob) -> str:
    for each in records(bundle, "properties"):
        if text(each, "type") == _PACKAGE:
            release = text(each, "value", "release")
            return text(each, "value", "version") + (f"-{release}" if release else "")
    return ""


def _twice(catalog: Catalog) -> Iterator[Problem]:
    versions: dict[tuple[str, str], set[str]] = {}
    for each in catalog.bundles:
        package, name = _identity(each)
        versions.setdefault((package, _version(each)), set()).add(name)
    for (package, version), names in sorted(versions.items()):
        if version and len(names) > 1:
            yield error(
                "versions",
                f"package {package}",
                f"{' and '.join(sorted(names))} are both {version}",
                "give each its own version",
            )
