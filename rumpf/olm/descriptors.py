"""What a console shows beside each field of a custom resource, from its schema."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rumpf.manifests.reading import part
from rumpf.objects import Manifest
from rumpf.schema import Schema

_UI = "urn:alm:descriptor:com.tectonic.ui:"
_K8S = "urn:alm:descriptor:io.kubernetes"
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_HUMAN: Mapping[str, str] = {"api": "API", "cpu": "CPU", "id": "ID", "ip": "IP", "tls": "TLS", "url": "URL"}
_OF_STATUS: Mapping[str, str] = {"conditions": f"{_K8S}.conditions", "phase": f"{_K8S}.phase"}
_WIDGETS: Mapping[str, str] = {"boolean": "booleanSwitch", "integer": "number", "number": "number"}


def owned_crds(crd: Manifest, owns: tuple[tuple[str, str], ...]) -> Iterator[Manifest]:
    """Yield what a CSV says of each served version of a CRD; `owns`: kinds of children, with their API."""
    spec = crd["spec"]
    for version in spec["versions"]:
        if not version["served"]:
            continue
        schema = version["schema"]["openAPIV3Schema"]
        yield {
            "name": crd["metadata"]["name"],
            "version": version["name"],
            "kind": spec["names"]["kind"],
            "displayName": title(spec["names"]["kind"]),
            "description": schema.get("description") or f"A {title(spec['names']['kind'])}.",
            "resources": [{"name": "", "kind": kind, "version": api} for api, kind in sorted(owns)],
            "specDescriptors": list(_fields(part(schema, "properties", "spec"), "")),
            "statusDescriptors": list(_status(part(schema, "properties", "status"))),
        }


def title(name: str) -> str:
    """Return a name of a program's as people write it: `podName` is `Pod Name`."""
    words = _WORD.findall(name)
    return " ".join(_HUMAN.get(word.lower(), word[:1].upper() + word[1:]) for word in words)


def _fields(schema: Schema | Mapping[str, Any], path: str) -> Iterator[Manifest]:
    for name, each in sorted(part(schema, "properties").items()):
        here = f"{path}.{name}" if path else name
        if part(each, "properties"):
            yield from _fields(each, here)
        else:
            yield _descriptor(here, name, each, _widgets(each, path))


def _status(schema: Mapping[str, Any]) -> Iterator[Manifest]:
    for name, each in sorted(part(schema, "properties").items()):
        yield _descriptor(name, name, each, [_OF_STATUS.get(name, f"{_UI}text")])


def _descriptor(path: str, name: str, schema: Mapping[str, Any], widgets: list[str]) -> Manifest:
    found: Manifest = {"path": path, "displayName": title(name), "x-descriptors": widgets}
    return found | ({"description": schema["description"]} if schema.get("description") else {})


def _widgets(schema: Mapping[str, Any], path: str) -> list[str]:
    if "enum" in schema:
        widgets = [f"{_UI}select:{choice}" for choice in schema["enum"] if choice is not None]
    else:
        widgets = [f"{_UI}{_WIDGETS.get(schema.get('type', ''), 'text')}"]
    return widgets + ([f"{_UI}fieldGroup:{path.split('.', maxsplit=1)[0]}"] if path else [])
