"""What of a new CRD would break those who have objects of the old one, and what to do about each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rumpf.schema import Schema

Change = Literal[
    "kind changed",
    "scope changed",
    "version removed",
    "version no longer served",
    "subresource removed",
    "selectable field removed",
    "field removed",
    "type changed",
    "required added",
    "enum narrowed",
    "bounds narrowed",
    "null refused",
    "rule added",
    "default changed",
    "list keys changed",
    "unknown content dropped",
]


@dataclass(frozen=True)
class Breaking:
    """One change that breaks somebody: where, what, and what to do."""

    path: str
    """The version and the path of wire names: `v1 .spec.text`."""
    change: Change
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.change}: {self.what}\n  -> {self.remedy}"


_REMEDIES: dict[Change, str] = {
    "kind changed": "make it a new CRD beside the old one",
    "scope changed": "make it a new kind: an API server refuses to change the scope",
    "version removed": "keep it, first unserved, until no object is stored in it",
    "version no longer served": "mark it deprecated and keep serving it, for two releases at least",
    "subresource removed": "keep it",
    "selectable field removed": "keep it: who selects by it would get an error",
    "field removed": "keep it, and say that it is deprecated; what stored objects have in it would be lost",
    "type changed": "add a field of the new type under a new name, and keep the old one",
    "required added": "give it a default, or make it optional: stored objects do not have it",
    "enum narrowed": "keep the old choices: stored objects have them",
    "bounds narrowed": "keep the old bounds, or say the new ones by Cel(...) with oldSelf, for changes only",
    "null refused": "keep Nullable",
    "rule added": "make sure that stored objects obey it, or let it speak of changes only (oldSelf)",
    "default changed": "keep it: who relied on it gets another value at the next apply",
    "list keys changed": "add a list under a new name: whoever applies items would lose or double them",
    "unknown content dropped": "keep PreserveUnknown: what stored objects have would be lost",
}
_LEAST = ("minimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "multipleOf")
_WIDER = {("integer", "number"), ("integer", "int-or-string"), ("string", "int-or-string")}
_LOSS: frozenset[Change] = frozenset({"field removed", "type changed", "unknown content dropped"})


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Breaking]:
    """Return what breaks between two CRDs, in the order of the old one. Empty: objects and clients live on.

    It compares the versions that both have, each with itself. Fields and versions that are new break nobody.
    """
    return [Breaking(path, change, what, _REMEDIES[change]) for path, change, what in _crd(old, new)]


def lost_between(other: Schema, stored: Schema, *, both_ways: bool) -> Iterator[tuple[str, str]]:
    """Say what makes two schemas no versions of one resource, where nothing converts between them.

    What is written as `other` must be readable as `stored`. If clients use both, a client of `other` must not
    lose what `stored` has when it writes back what it has read.
    """
    for path, change, what in _schema(other, stored, ""):
        if change != "default changed":
            yield path, f"{change} ({what})"
    if both_ways:
        for path, change, what in _schema(stored, other, ""):
            if change in _LOSS:
                yield path, f"{change} ({what})" if change == "type changed" else f"field missing ({what})"


_Found = Iterator[tuple[str, Change, str]]


def _crd(old: Mapping[str, Any], new: Mapping[str, Any]) -> _Found:
    was, now = old["spec"], new["spec"]
    for what, one, two in (
        ("group", was["group"], now["group"]),
        ("kind", was["names"]["kind"], now["names"]["kind"]),
        ("plural", was["names"]["plural"], now["names"]["plural"]),
    ):
        if one != two:
            yield "spec", "kind changed", f"{what} {one} is now {two}"
    if was["scope"] != now["scope"]:
        yield "spec.scope", "scope changed", f"{was['scope']} is now {now['scope']}"
    versions = {version["name"]: version for version in now["versions"]}
    for version in was["versions"]:
        name = version["name"]
        if name not in versions:
            yield name, "version removed", "it is not there"
        else:
            yield from _version(name, version, versions[name])


def _version(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> _Found:
    if old["served"] and not new["served"]:
        yield name, "version no longer served", "its clients get an error"
    served: Mapping[str, Any] = new.get("subresources") or {}
    lost: list[str] = [each for each in old.get("subresources") or () if each not in served]
    for subresource in lost:
        yield name, "subresource removed", subresource
    selectable = {each["jsonPath"] for each in new.get("selectableFields") or ()}
    for each in old.get("selectableFields") or ():
        if each["jsonPath"] not in selectable:
            yield name, "selectable field removed", each["jsonPath"]
    for path, change, what in _schema(_schema_of(old), _schema_of(new), ""):
        # The operator writes the status: what it leaves out is nobody's choice.
        if change != "default changed" or not f"{path}.".startswith(".status."):
            yield f"{name} {path or '(whole)'}", change, what


def _schema_of(version: Mapping[str, Any]) -> Schema:
    whole: Mapping[str, Schema] = version.get("schema") or {}
    return whole.get("openAPIV3Schema") or {}


def _schema(old: Schema, new: Schema, path: str) -> _Found:
    was, now = _type(old), _type(new)
    if now not in (was, "anything") and (was, now) not in _WIDER:
        yield path, "type changed", f"{was} is now {now}"
        return
    yield from _values(old, new, path)
    yield from _bounds(old, new, path)
    yield from _merging(old, new, path)
    yield from _fields(old, new, path)
    if "items" in old and "items" in new:
        yield from _schema(old["items"], new["items"], f"{path}[]")
    if "additionalProperties" in old and "additionalProperties" in new:
        yield from _schema(old["additionalProperties"], new["additionalProperties"], f"{path}[]")


def _type(schema: Schema) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    if schema.get("x-kubernetes-embedded-resource"):
        return "embedded resource"
    if "additionalProperties" in schema:
        return "map"
    kind: str = schema.get("type", "anything")
    return kind


def _values(old: Schema, new: Schema, path: str) -> _Found:
    if "enum" in new:
        gone = [each for each in old.get("enum", ()) if each not in new["enum"]]
        if "enum" not in old:
            yield path, "enum narrowed", f"anything was allowed, now {', '.join(map(str, new['enum']))}"
        elif gone:
            yield path, "enum narrowed", f"no longer {', '.join(map(str, gone))}"
    if old.get("nullable") and not new.get("nullable"):
        yield path, "null refused", "it could be null"
    if old.get("default") != new.get("default"):
        yield path, "default changed", f"{_said(old, 'default')} is now {_said(new, 'default')}"
    known = {rule["rule"] for rule in old.get("x-kubernetes-validations") or ()}
    for rule in new.get("x-kubernetes-validations") or ():
        if rule["rule"] not in known and "oldSelf" not in rule["rule"]:
            yield path, "rule added", rule["rule"]


def _bounds(old: Schema, new: Schema, path: str) -> _Found:
    for name in (*_LEAST, *_MOST):
        was, now = old.get(name), new.get(name)
        if now is None or was == now:
            continue
        if was is None or (now > was if name in _LEAST else now < was):
            yield path, "bounds narrowed", f"{name} {_said(old, name)} is now {now}"
    for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if new.get(name) and not old.get(name) and old.get(bound) == new.get(bound):
            yield path, "bounds narrowed", f"{bound} {new.get(bound)} itself is no longer allowed"
    for name in _EXACT:
        if name in new and old.get(name) != new[name]:
            yield path, "bounds narrowed", f"{name} {_said(old, name)} is now {new[name]}"


def _merging(old: Schema, new: Schema, path: str) -> _Found:
    for name in ("x-kubernetes-list-type", "x-kubernetes-map-type"):
        usual = "atomic" if "list" in name else "granular"
        was, now = old.get(name, usual), new.get(name, usual)
        if was != now:
            yield path, "list keys changed", f"{name} {was} is now {now}"
    keys = "x-kubernetes-list-map-keys"
    was_keys, now_keys = old.get(keys), new.get(keys)
    if was_keys and now_keys and set(was_keys) != set(now_keys):
        yield path, "list keys changed", f"{', '.join(was_keys)} is now {', '.join(now_keys)}"


def _fields(old: Schema, new: Schema, path: str) -> _Found:
    keeps = "x-kubernetes-preserve-unknown-fields"
    if old.get(keeps) and not new.get(keeps):
        yield path, "unknown content dropped", "it was kept whatever it was"
    there = new.get("properties", {})
    for name, each in old.get("properties", {}).items():
        if name in there:
            yield from _schema(each, there[name], f"{path}.{name}")
        elif not new.get(keeps):
            yield f"{path}.{name}", "field removed", f"it was {_type(each)}"
    was_required = set(old.get("required", ()))
    for name in new.get("required", ()):
        if name not in was_required and "default" not in there.get(name, {}):
            known = name in old.get("properties", {})
            yield f"{path}.{name}", "required added", "it was optional" if known else "it is new"


def _said(schema: Schema, name: str) -> str:
    return repr(schema[name]) if name in schema else "(none)"
