"""The form of a bundle: annotations, dependencies, kinds of objects and their metadata, size."""

from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import CSV, Loaded, Object
from rumpf.olm.checking.names import label_value, qualified_name
from rumpf.olm.checking.reading import at, items, record, text
from rumpf.olm.versions import range_trouble
from rumpf.olm.vocabulary import (
    BUNDLED,
    CHANNELS_LABEL,
    DEFAULT_CHANNEL_LABEL,
    MANIFESTS_LABEL,
    MEDIA_TYPE,
    MEDIA_TYPE_LABEL,
    METADATA_LABEL,
    PACKAGE_LABEL,
)

_NEEDED = (MEDIA_TYPE_LABEL, MANIFESTS_LABEL, METADATA_LABEL, PACKAGE_LABEL, CHANNELS_LABEL)
_DEPENDENCIES = {"olm.gvk", "olm.package", "olm.label", "olm.constraint"}
_LARGEST = 1 << 20
_LARGE = 0.85 * _LARGEST
_UID_FIELDS = ("apiVersion", "kind", "name", "uid")


def as_read(bundle: Loaded) -> Iterator[Problem]:
    """What could not be read, or has no place in a bundle."""
    yield from bundle.problems


def left_out(bundle: Loaded) -> Iterator[Problem]:
    """What stands behind the first object of a file, and is not installed."""
    yield from bundle.left_out


def annotations(bundle: Loaded) -> Iterator[Problem]:
    """What metadata/annotations.yaml has to say of the bundle."""
    if not bundle.annotations:
        return
    where = bundle.annotations_file
    for label in _NEEDED:
        if label not in bundle.annotations:
            yield error("annotations", where, f"{label} is missing", "add it")
    for label, value in bundle.annotations.items():
        if not isinstance(value, str):
            yield error("annotations", where, f"{label} is {value!r}, which is no text", "write it in quotes")
    if MEDIA_TYPE_LABEL in bundle.annotations and bundle.annotation(MEDIA_TYPE_LABEL) != MEDIA_TYPE:
        yield error(
            "annotations",
            where,
            f"{MEDIA_TYPE_LABEL} is {bundle.annotations[MEDIA_TYPE_LABEL]!r}",
            f"write {MEDIA_TYPE}",
        )
    for label in (CHANNELS_LABEL, DEFAULT_CHANNEL_LABEL):
        if label in bundle.annotations and not bundle.annotation(label):
            yield error("annotations", where, f"{label} is empty", "name a channel")


def dependencies(bundle: Loaded) -> Iterator[Problem]:
    """What other packages and kinds it needs, said so that OLM understands it."""
    for each in bundle.dependencies:
        where, value = "metadata/dependencies.yaml", record(each, "value")
        match text(each, "type"):
            case "olm.gvk":
                missing = [key for key in ("group", "kind", "version") if not text(value, key)]
            case "olm.package":
                missing = [key for key in ("packageName", "version") if not text(value, key)]
                if text(value, "version") and (trouble := range_trouble(text(value, "version"))):
                    yield error("dependencies", where, trouble, "write a range: >=1.0.0 <2.0.0")
            case "olm.label":
                missing = [key for key in ("label",) if not text(value, key)]
            case other if other in _DEPENDENCIES:
                missing = []
            case other:
                yield error(
                    "dependencies",
                    where,
                    f"no type of dependency is called {other!r}",
                    f"use one of: {', '.join(sorted(_DEPENDENCIES))}",
                )
                continue
        if missing:
            what = f"{text(each, 'type')} without {', '.join(missing)}"
            yield error("dependencies", where, what, "add what is missing")


def kinds(bundle: Loaded) -> Iterator[Problem]:
    """Objects of other kinds are not installed, and make OLM refuse the whole bundle."""
    for each in bundle.objects:
        if each.kind not in BUNDLED:
            yield error(
                "kinds",
                each.file,
                f"a bundle cannot hold a {each.kind}",
                "leave it out; a Deployment's place is the CSV",
            )
        elif each.kind != CSV:
            yield from _metadata(each)


def service_accounts(bundle: Loaded) -> Iterator[Problem]:
    """A ServiceAccount that the CSV names is made by OLM: another of the same name is in its way."""
    named = {
        text(each, "spec", "template", "spec", "serviceAccountName")
        for each in items(bundle.csv, "spec", "install", "spec", "deployments")
    }
    for each in bundle.objects:
        if each.kind == "ServiceAccount" and text(each.body, "apiVersion") == "v1" and each.name in named:
            yield error(
                "service-account",
                each.file,
                f"OLM makes the ServiceAccount {each.name} itself, from the CSV",
                "leave it out, or give it another name",
            )


def size(bundle: Loaded) -> Iterator[Problem]:
    """OLM keeps a bundle in one ConfigMap, packed."""
    if bundle.compressed > _LARGEST:
        yield error("size", "manifests", f"packed it has {bundle.compressed} bytes", "keep it below 1 MiB")
    elif bundle.compressed > _LARGE:
        yield warning(
            "size",
            "manifests",
            f"packed it has {bundle.compressed} bytes, and may have {_LARGEST}",
            "make it smaller before it is too large",
        )


def _metadata(each: Object) -> Iterator[Problem]:
    """Yield why the API server would not take an object's metadata, whatever its kind."""
    where = f"{each.file}, metadata"
    metadata = record(each.body, "metadata")
    if not text(metadata, "name") and not text(metadata, "generateName"):
        yield error("metadata", where, "it has no name", "give it one")
    if text(metadata, "namespace"):
        yield error("metadata", where, "it names a namespace", "leave it out: OLM says where it is installed")
    for what in _odd_keys(metadata):
        yield error("metadata", where, what, "mend it")
    for finalizer in items(metadata, "finalizers"):
        if not isinstance(finalizer, str) or not qualified_name(finalizer):
            yield error("metadata", where, f"{finalizer!r} cannot be a finalizer", "mend it")
    for owner in items(metadata, "ownerReferences"):
        if any(not at(owner, field) for field in _UID_FIELDS):
            yield error("metadata", where, "an owner without API, kind, name or uid", "leave owners to OLM")


def _odd_keys(metadata: object) -> Iterator[str]:
    for key, value in record(metadata, "labels").items():
        if not qualified_name(key) or not isinstance(value, str) or not label_value(value):
            yield f"{key}={value} is no label"
    for key, value in record(metadata, "annotations").items():
        if not qualified_name(key.lower()) or not isinstance(value, str):
            yield f"{key} cannot be an annotation"
