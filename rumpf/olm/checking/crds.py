"""The CRDs of a bundle: names, versions and columns, as far as that can be told without an API server.

What is in a schema the API server alone judges: so it is with the tools of OLM, too.
"""

import re
from collections import Counter
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error
from rumpf.olm.checking.loading import Loaded, Object
from rumpf.olm.checking.names import dns_1035, dns_subdomain
from rumpf.olm.checking.reading import at, numbered, record, records, text, texts

_V1 = "apiextensions.k8s.io/v1"
_BETA = "apiextensions.k8s.io/v1beta1"
_APPROVAL = "api-approved.kubernetes.io"
_PROTECTED = re.compile(r"(.*\.)?(k8s|kubernetes)\.io")
_COLUMN_TYPES = {"integer", "number", "string", "boolean", "date"}
_COLUMN_FORMATS = {
    *("", "int32", "int64", "float", "double", "byte", "date", "date-time", "password"),
}


def crds(bundle: Loaded) -> Iterator[Problem]:
    """What an API server would refuse of a CRD."""
    for each in bundle.crds:
        api = text(each.body, "apiVersion")
        if api not in {_V1, _BETA}:
            yield error("crd", each.file, f"there is no {api!r}", f"write {_V1}")
            continue
        keeps = at(each.body, "spec", "preserveUnknownFields")
        if keeps is True or (api == _BETA and keeps is None):
            yield error(
                "crd",
                f"{each.file}, spec.preserveUnknownFields",
                "what the schema does not know would be kept",
                "set it to false; a schema can say x-kubernetes-preserve-unknown-fields",
            )
        if api == _V1:
            for path, what, remedy in (*_group(each), *_names(each), *_versions(each), *_conversion(each)):
                yield error("crd", f"{each.file}, {path}", what, remedy)


_Trouble = Iterator[tuple[str, str, str]]


def _group(crd: Object) -> _Trouble:
    spec = record(crd.body, "spec")
    names, group = record(spec, "names"), text(spec, "group")
    if not dns_subdomain(group) or "." not in group:
        yield "spec.group", f"{group!r} is no API group", "write a domain of yours: myorg.dev"
    elif _PROTECTED.fullmatch(group) and not text(crd.body, "metadata", "annotations", _APPROVAL):
        yield "spec.group", f"{group} belongs to Kubernetes", "write a domain of yours: myorg.dev"
    if crd.name != f"{text(names, 'plural')}.{group}":
        yield "metadata.name", f"it is {crd.name!r}", f"write {text(names, 'plural')}.{group}"
    if text(spec, "scope") not in {"Cluster", "Namespaced"}:
        yield "spec.scope", f"{text(spec, 'scope')!r} is no scope", "write Namespaced or Cluster"


def _names(crd: Object) -> _Trouble:
    names = record(crd.body, "spec", "names")
    kind = text(names, "kind")
    told = {
        "plural": text(names, "plural"),
        "kind": kind.lower(),
        "singular": text(names, "singular") or kind.lower(),
        "listKind": (text(names, "listKind") or f"{kind}List").lower(),
    }
    for name, value in told.items():
        if not dns_1035(value):
            yield (
                f"spec.names.{name}",
                f"{text(names, name)!r} cannot be a name",
                "use letters, digits, dashes",
            )
    for name in ("shortNames", "categories"):
        for value in texts(names, name):
            if not dns_1035(value):
                yield f"spec.names.{name}", f"{value!r} cannot be a name", "use lower-case letters and digits"
    if kind and text(names, "listKind") == kind:
        yield "spec.names.listKind", "it is that of one object, too", f"write {kind}List"


def _versions(crd: Object) -> _Trouble:
    versions = records(crd.body, "spec", "versions")
    for name, times in Counter(text(each, "name") for each in versions).items():
        if times > 1:
            yield "spec.versions", f"{name} is there {times} times", "keep one"
        if not dns_1035(name):
            yield "spec.versions", f"{name!r} is no version", "write v1, v1beta1 or v2alpha1"
    stored = [each for each in versions if each.get("storage") is True]
    if len(stored) != 1:
        yield "spec.versions", f"{len(stored)} of them are stored", "store exactly one"
    for number, version in numbered(crd.body, "spec", "versions"):
        here = f"spec.versions[{number}]"
        if text(version, "deprecationWarning") and version.get("deprecated") is not True:
            yield f"{here}.deprecationWarning", "it warns of what is not deprecated", "set deprecated: true"
        yield from _columns(version, here)


def _columns(version: object, here: str) -> _Trouble:
    for place, column in numbered(version, "additionalPrinterColumns"):
        path = f"{here}.additionalPrinterColumns[{place}]"
        if not text(column, "name") or not text(column, "jsonPath"):
            yield path, "it has no name, or shows nothing", "give it name and jsonPath"
        if text(column, "type") not in _COLUMN_TYPES:
            yield path, f"{text(column, 'type')!r} is no type", f"use {', '.join(sorted(_COLUMN_TYPES))}"
        if text(column, "format") not in _COLUMN_FORMATS:
            yield path, f"{text(column, 'format')!r} is no format", "leave it out"


def _conversion(crd: Object) -> _Trouble:
    conversion = record(crd.body, "spec", "conversion")
    strategy = text(conversion, "strategy")
    if conversion and strategy not in {"None", "Webhook"}:
        yield "spec.conversion.strategy", f"{strategy!r} is no strategy", "write None or Webhook"
    webhook = record(conversion, "webhook")
    if strategy == "Webhook":
        client = record(webhook, "clientConfig")
        if bool(record(client, "service")) == bool(text(client, "url")):
            yield "spec.conversion.webhook", "it needs a service or a URL, and not both", "name one"
        if not texts(webhook, "conversionReviewVersions"):
            yield (
                "spec.conversion.webhook",
                "it understands no review",
                "write conversionReviewVersions: [v1]",
            )
    elif webhook:
        yield "spec.conversion.webhook", "nobody calls it", "leave it out, or write strategy: Webhook"
