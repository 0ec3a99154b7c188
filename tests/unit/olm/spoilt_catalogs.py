"""Catalogs with one thing wrong: how each is spoilt, and which rule must say so."""

import base64
import copy
import json
from collections.abc import Callable

from tests.unit.olm.good import CatalogDraft, Json

Spoil = Callable[[CatalogDraft], object]
NEW, OLD = "note-operator.v0.2.0", "note-operator.v0.1.0"


def package(**changes: object) -> Spoil:
    """Spoil the package."""
    return lambda draft: draft.all("olm.package")[0].update(changes)


def entry(number: int, **changes: object) -> Spoil:
    """Spoil an entry of the stable channel."""
    return lambda draft: draft.channel("stable")["entries"][number].update(changes)


def bundle(number: int, **changes: object) -> Spoil:
    """Spoil a bundle: 0 is the older one."""
    return lambda draft: draft.all("olm.bundle")[number].update(changes)


def again(schema: str) -> Spoil:
    """Spoil the catalog: have something twice."""
    return lambda draft: draft.blobs.append(copy.deepcopy(draft.all(schema)[0]))


def value(number: int, of: str, /, **changes: object) -> Spoil:
    """Spoil a property of a bundle."""

    def change(draft: CatalogDraft) -> None:
        (found, *_) = (each for each in draft.all("olm.bundle")[number]["properties"] if each["type"] == of)
        found["value"].update(changes)

    return change


def without(kind: str) -> Spoil:
    """Spoil the newer bundle: have no properties of a type."""

    def change(draft: CatalogDraft) -> None:
        found = draft.all("olm.bundle")[1]
        found["properties"] = [each for each in found["properties"] if each["type"] != kind]

    return change


def twice(kind: str) -> Spoil:
    """Spoil the newer bundle: have a property twice."""

    def change(draft: CatalogDraft) -> None:
        found = draft.all("olm.bundle")[1]["properties"]
        found += [dict(each) for each in found if each["type"] == kind]

    return change


def deprecate(*entries: Json, name: str = "note-operator") -> Spoil:
    """Spoil the catalog: deprecate something."""
    blob: Json = {"schema": "olm.deprecations", "package": name, "entries": list(entries)}
    return lambda draft: draft.blobs.append(blob)


def twice_deprecated(draft: CatalogDraft) -> None:
    gone = {"reference": {"schema": "olm.bundle", "name": OLD}, "message": "old"}
    deprecate(gone)(draft)
    deprecate(gone)(draft)


def no_channel_of(draft: CatalogDraft) -> None:
    for channel in draft.all("olm.channel"):
        channel["entries"] = [{"name": NEW}]


def no_channels(draft: CatalogDraft) -> None:
    draft.blobs = [each for each in draft.blobs if each["schema"] not in {"olm.channel", "olm.bundle"}]


def other_csv(draft: CatalogDraft) -> None:
    for each in draft.all("olm.bundle")[1]["properties"]:
        if each["type"] == "olm.bundle.object":
            found = json.loads(base64.b64decode(each["value"]["data"]))
            if found["kind"] == "ClusterServiceVersion":
                found["spec"]["version"] = "0.3.0"
                each["value"]["data"] = base64.b64encode(json.dumps(found).encode()).decode()


def no_csv(draft: CatalogDraft) -> None:
    found = draft.all("olm.bundle")[1]
    found["properties"] = [
        each
        for each in found["properties"]
        if each["type"] != "olm.bundle.object"
        or b"ClusterService" not in base64.b64decode(each["value"]["data"])
    ]


SPOILT: dict[str, tuple[Spoil, str, str]] = {
    "a document without schema": (lambda draft: draft.blobs.append({"name": "x"}), "readable", "error"),
    "an entry that is a word": (
        lambda draft: draft.channel("stable")["entries"].append("x"),
        "shape",
        "error",
    ),
    "an image that is a number": (bundle(1, image=1), "shape", "error"),
    "no package": (
        lambda draft: draft.blobs.remove(draft.all("olm.package")[0]),
        "readable",
        "error",
    ),
    "a package twice": (again("olm.package"), "packages", "error"),
    "a package with a name that is none": (package(name="Note_Operator"), "packages", "error"),
    "a package without channels": (no_channels, "packages", "error"),
    "no default channel": (package(defaultChannel=""), "packages", "error"),
    "a default channel that there is not": (package(defaultChannel="beta"), "packages", "error"),
    "a package without description": (package(description=""), "package-words", "warning"),
    "a package without icon": (package(icon={"base64data": "", "mediatype": ""}), "package-words", "warning"),
    "a channel twice": (again("olm.channel"), "channels", "error"),
    "a channel of no package": (
        lambda draft: draft.channel("fast").update(package="other"),
        "channels",
        "error",
    ),
    "a channel without name": (lambda draft: draft.channel("fast").update(name=""), "channels", "error"),
    "a channel without entries": (lambda draft: draft.channel("fast").update(entries=[]), "entries", "error"),
    "an entry twice": (
        lambda draft: draft.channel("fast")["entries"].append({"name": NEW}),
        "entries",
        "error",
    ),
    "an entry without name": (entry(0, name=""), "entries", "error"),
    "an entry of no bundle": (
        lambda draft: draft.channel("stable")["entries"].append(
            {"name": "note-operator.v9.0.0", "replaces": NEW}
        ),
        "entries",
        "error",
    ),
    "an entry that skips nothing": (entry(1, skips=[""]), "entries", "error"),
    "a skipRange that is none": (entry(1, skipRange="all before"), "skip-range", "error"),
    "two heads": (
        lambda draft: draft.channel("stable")["entries"][1].pop("replaces"),
        "head",
        "error",
    ),
    "no head": (entry(0, replaces=NEW), "head", "error"),
    "a circle": (
        lambda draft: (
            draft.channel("stable")["entries"].extend(
                [{"name": "a", "replaces": NEW}, {"name": "b", "replaces": "a"}]
            )
            or entry(0, replaces="a")(draft)
        ),
        "cycle",
        "error",
    ),
    "stranded entries": (
        lambda draft: draft.channel("stable")["entries"].extend(
            [{"name": "a", "replaces": "b"}, {"name": "b", "replaces": "a"}]
        ),
        "stranded",
        "error",
    ),
    "a bundle twice": (again("olm.bundle"), "bundles", "error"),
    "a bundle of no package": (bundle(1, package="other"), "bundles", "error"),
    "a bundle without package": (bundle(1, package=""), "bundles", "error"),
    "a bundle without name": (bundle(1, name=""), "bundles", "error"),
    "a bundle in no channel": (no_channel_of, "bundles", "error"),
    "an image that is none": (bundle(1, image="no image"), "image", "error"),
    "neither image nor objects": (without("olm.bundle.object"), "image", "error"),
    "a related image that is none": (
        bundle(1, relatedImages=[{"name": "", "image": "no image"}]),
        "image",
        "error",
    ),
    "an image by its tag": (bundle(1, image="registry.example.com/note-bundle:1"), "pins", "warning"),
    "no olm.package": (without("olm.package"), "properties", "error"),
    "two olm.package": (twice("olm.package"), "properties", "error"),
    "the olm.package of another": (value(1, "olm.package", packageName="other"), "properties", "error"),
    "a property without value": (
        lambda draft: draft.all("olm.bundle")[1]["properties"].append({"type": "example.com/x"}),
        "properties",
        "error",
    ),
    "a kind without version": (value(1, "olm.gvk", version=""), "properties", "error"),
    "a version that is none": (value(1, "olm.package", version="newest"), "versions", "error"),
    "one version for two bundles": (value(1, "olm.package", version="0.1.0"), "versions", "error"),
    "a release that the name does not say": (value(1, "olm.package", release="2"), "versions", "error"),
    "a release that is none": (value(1, "olm.package", release="a_b"), "versions", "error"),
    "an object that is no base64": (value(1, "olm.bundle.object", data="???"), "objects", "error"),
    "a CSV of another version": (other_csv, "objects", "warning"),
    "objects without CSV": (no_csv, "objects", "warning"),
    "a kind that is owned and not told": (without("olm.gvk"), "gvks", "warning"),
    "a kind that is told and not owned": (value(1, "olm.gvk", kind="Letter"), "gvks", "warning"),
    "an image about which nothing is told": (
        lambda draft: (
            without("olm.bundle.object")(draft)
            or bundle(1, image=f"registry.example.com/b@sha256:{'c' * 64}")(draft)
        ),
        "objects",
        "warning",
    ),
    "deprecations of no package": (
        deprecate({"reference": {"schema": "olm.package"}, "message": "x"}, name="other"),
        "deprecations",
        "error",
    ),
    "deprecations twice": (twice_deprecated, "deprecations", "error"),
    "a deprecation without schema": (
        deprecate({"reference": {"name": OLD}, "message": "old"}),
        "deprecations",
        "error",
    ),
    "a deprecation twice": (
        deprecate(*[{"reference": {"schema": "olm.bundle", "name": OLD}, "message": "old"}] * 2),
        "deprecations",
        "error",
    ),
    "a deprecation without message": (
        deprecate({"reference": {"schema": "olm.bundle", "name": OLD}, "message": ""}),
        "deprecations",
        "error",
    ),
    "a deprecated bundle that there is not": (
        deprecate({"reference": {"schema": "olm.bundle", "name": "x"}, "message": "old"}),
        "deprecations",
        "error",
    ),
    "a deprecated channel that there is not": (
        deprecate({"reference": {"schema": "olm.channel", "name": "x"}, "message": "old"}),
        "deprecations",
        "error",
    ),
    "a deprecated package that is named": (
        deprecate({"reference": {"schema": "olm.package", "name": "note-operator"}, "message": "old"}),
        "deprecations",
        "error",
    ),
    "a deprecated thing of no kind": (
        deprecate({"reference": {"schema": "olm.thing", "name": OLD}, "message": "old"}),
        "deprecations",
        "error",
    ),
}
