"""The ClusterServiceVersion: names, examples, install modes, versions, and what must not be missing."""

import json
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.names import dns_subdomain, label_value
from rumpf.olm.checking.reading import at, record, records, text
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import EXAMPLES, INSTALL_MODES, SKIP_RANGE

_OTHER_EXAMPLES = "olm.examples"
_PROPERTIES = "olm.properties"
_EXACT_CASE = {
    name.lower(): name
    for name in (
        "olm.operatorGroup",
        "olm.operatorNamespace",
        "olm.providedAPIs",
        "olm.targetNamespaces",
        SKIP_RANGE,
    )
}

Gvk = tuple[str, str, str]
"""Group, version and kind."""


def required(bundle: Loaded) -> Iterator[Problem]:
    """What OLM cannot do without."""
    csv = bundle.csv
    if not csv:
        return
    needed = (
        ("apiVersion",),
        ("kind",),
        ("metadata",),
        ("spec", "displayName"),
        ("spec", "install"),
        ("spec", "install", "strategy"),
    )
    for path in needed:
        if not at(csv, *path):
            yield error("required", _where(bundle, ".".join(path)), "it is missing", "write it")
    if record(csv, "spec", "install", "spec") and at(csv, "spec", "install", "spec", "deployments") is None:
        yield error("required", _where(bundle, "spec.install.spec.deployments"), "it is missing", "write it")


def names(bundle: Loaded) -> Iterator[Problem]:
    """A CSV's name is a label's value, too: up to 63 letters, digits, dashes and dots."""
    replaces = text(bundle.csv, "spec", "replaces")
    said = {"metadata.name": bundle.name} | ({"spec.replaces": replaces} if replaces else {})
    for path, name in said.items() if bundle.csv else ():
        if not dns_subdomain(name) or not label_value(name):
            yield error(
                "names",
                _where(bundle, path),
                f"{name!r} cannot be the name of a CSV",
                "use up to 63 lower-case letters, digits, dashes and dots: NAME.v1.2.3",
            )


def examples(bundle: Loaded) -> Iterator[Problem]:
    """Every kind that people may make has an example, and every example is of such a kind."""
    if not bundle.csv:
        return
    annotations = record(bundle.csv, "metadata", "annotations")
    where = _where(bundle, f"metadata.annotations.{EXAMPLES}")
    if not annotations.keys() & {EXAMPLES, _OTHER_EXAMPLES}:
        yield warning("examples", where, "there are none", "add one for each kind")
        return
    if {EXAMPLES, _OTHER_EXAMPLES} <= annotations.keys():
        yield warning(
            "examples", where, f"{_OTHER_EXAMPLES} says it too, and is not read", "keep one of them"
        )
    written = text(annotations, EXAMPLES if EXAMPLES in annotations else _OTHER_EXAMPLES)
    try:
        found: object = json.loads(written) if written else []
    except ValueError as problem:
        yield error("examples", where, f"it is no JSON: {problem}", "mend it")
        return
    if not isinstance(found, list) or not all(isinstance(each, dict) and each.get("kind") for each in found):
        yield error("examples", where, "it is no list of objects", "write [{...}]")
        return
    shown = {_gvk(each) for each in records({"found": found}, "found")}
    provided = set(provided_apis(bundle))
    for api in sorted(shown - provided):
        yield error("examples", where, f"{said(api)} is not owned", "own it, or leave the example out")
    for api in sorted(provided - shown):
        yield warning("examples", where, f"{said(api)} has no example", "add one")


def owned_names(bundle: Loaded) -> Iterator[Problem]:
    """The name of a CRD is its plural and its group."""
    for each in records(bundle.csv, "spec", "customresourcedefinitions", "owned"):
        if "." not in text(each, "name"):
            yield error(
                "owned",
                _where(bundle, "spec.customresourcedefinitions.owned"),
                f"{text(each, 'name')!r} is no plural.group",
                "write the CRD's name",
            )


def install_modes(bundle: Loaded) -> Iterator[Problem]:
    """Which namespaces it can be told to look after."""
    modes = records(bundle.csv, "spec", "installModes")
    where = _where(bundle, "spec.installModes")
    if not bundle.csv:
        return
    if not modes:
        yield error(
            "install-modes", where, "there are none", f"say which are supported: {', '.join(INSTALL_MODES)}"
        )
        return
    supported = {text(each, "type") for each in modes if each.get("supported") is True}
    if not supported:
        yield error("install-modes", where, "none is supported", "support AllNamespaces at least")
    converts = any(each.get("conversionCRDs") for each in records(bundle.csv, "spec", "webhookdefinitions"))
    known = {text(each, "type"): each.get("supported") is True for each in modes}
    if converts and (supported - {"AllNamespaces"} or known.get("AllNamespaces") is False):
        yield error(
            "install-modes",
            where,
            "a conversion webhook serves the whole cluster",
            "support AllNamespaces, and no other mode",
        )


def kubernetes(bundle: Loaded) -> Iterator[Problem]:
    """Which Kubernetes it needs at least."""
    said, where = text(bundle.csv, "spec", "minKubeVersion"), _where(bundle, "spec.minKubeVersion")
    if not bundle.csv:
        return
    if not said.strip():
        yield warning("kubernetes", where, "it is missing", "say the oldest version: 1.28.0")
    elif Version.parse(said) is None:
        yield error("kubernetes", where, f"{said!r} is no version", "write all three numbers: 1.28.0")


def annotation_names(bundle: Loaded) -> Iterator[Problem]:
    """OLM knows its annotations by their exact names."""
    for name in record(bundle.csv, "metadata", "annotations"):
        where = _where(bundle, f"metadata.annotations.{name}")
        exact = _EXACT_CASE.get(name.lower(), name)
        if name != exact:
            yield error("annotation-names", where, "it is written otherwise", f"write {exact}")
        if name == _PROPERTIES:
            yield warning(
                "annotation-names",
                where,
                "properties have a file of their own",
                "use metadata/properties.yaml",
            )


def provided_apis(bundle: Loaded) -> Iterator[Gvk]:
    """Yield the kinds that a CSV says it serves."""
    for each in records(bundle.csv, "spec", "customresourcedefinitions", "owned"):
        _, dot, group = text(each, "name").partition(".")
        if dot:
            yield group, text(each, "version"), text(each, "kind")
    for each in records(bundle.csv, "spec", "apiservicedefinitions", "owned"):
        yield text(each, "group"), text(each, "version"), text(each, "kind")


def said(api: Gvk) -> str:
    """Return how a person names a version of a kind."""
    return f"{api[2]} of {api[0]}/{api[1]}"


def channels_of(bundle: Loaded, label: str) -> list[str]:
    """Return the channels that an annotation names."""
    return [each.strip() for each in bundle.annotation(label).split(",") if each.strip()]


def _gvk(of: object) -> Gvk:
    group, slash, version = text(of, "apiVersion").rpartition("/")
    return (group if slash else "", version, text(of, "kind"))


def _where(bundle: Loaded, path: str) -> str:
    return f"{bundle.csv_file}, {path}"
