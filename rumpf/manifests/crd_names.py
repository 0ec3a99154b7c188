"""Whether the names of a resource are such that an API server takes them."""

import re

from rumpf.errors import DeclarationError
from rumpf.resource import ResourceNames

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_PART = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_GROUP = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})+")
_PROTECTED = re.compile(r"(.*\.)?(k8s|kubernetes)\.io")
_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STAGES = ("alpha", "beta", None)

_IN_LOWER_CASE = "use lower-case letters, digits and dashes"


def check_names(names: ResourceNames) -> None:
    """Refuse names that an API server would refuse, or that would surprise those who type them."""
    kind = names.kind
    checks = [
        (_KIND, kind.kind, "is no kind", "write it LikeThis, with up to 63 letters"),
        (_GROUP, kind.group, "is no API group", "write a domain of yours: myorg.dev"),
        (_VERSION, kind.version, "is no version", "write v1, v1beta1 or v2alpha1"),
        (_LABEL, kind.plural, "cannot be a plural: it is part of a path", _IN_LOWER_CASE),
        (_LABEL, names.singular, "cannot be a singular: people type it", _IN_LOWER_CASE),
        *(
            (_LABEL, each, "cannot be a short name: people type it", _IN_LOWER_CASE)
            for each in names.short_names
        ),
        *(
            (_LABEL, each, "cannot be a category: people type it", _IN_LOWER_CASE)
            for each in names.categories
        ),
    ]
    for pattern, name, what, remedy in checks:
        if not pattern.fullmatch(name):
            raise DeclarationError(f"{name!r} {what}", where=kind.kind, remedy=remedy)
    if _PROTECTED.fullmatch(kind.group):
        raise DeclarationError(
            f"{kind.group!r} belongs to Kubernetes",
            where=kind.kind,
            remedy="write a domain of yours: myorg.dev",
        )
    taken = [kind.plural, names.singular, *names.short_names]
    if twice := sorted({name for name in names.short_names if taken.count(name) > 1}):
        raise DeclarationError(
            f"the name {twice[0]!r} is there twice", where=kind.kind, remedy="leave one of them out"
        )


def check_other_version(stored: ResourceNames, other: ResourceNames) -> None:
    """Refuse a further version that is another resource, or no other version."""
    where = f"{stored.kind.kind}, version {other.kind.version}"
    for what, mine, its in (
        ("group", stored.kind.group, other.kind.group),
        ("kind", stored.kind.kind, other.kind.kind),
        ("plural", stored.kind.plural, other.kind.plural),
        ("scope", stored.kind.namespaced, other.kind.namespaced),
        ("singular", stored.singular, other.singular),
    ):
        if mine != its:
            raise DeclarationError(
                f"its {what} is {its!r}, and that of {stored.kind.version} is {mine!r}",
                where=where,
                remedy="versions of one resource have all their names in common"
                + (f': kind="{mine}"' if what == "kind" else ""),
            )
    for what, names, common in (
        ("short names", other.short_names, stored.short_names),
        ("categories", other.categories, stored.categories),
    ):
        if names and names != common:
            raise DeclarationError(
                f"it has {what} of its own", where=where, remedy="write them at the version that is stored"
            )
    versions = [stored.kind.version, *(each.names.kind.version for each in stored.other_versions)]
    if versions.count(other.kind.version) > 1:
        raise DeclarationError("this version is there twice", where=where, remedy="leave one out")
    if other.other_versions:
        raise DeclarationError(
            "it names further versions itself", where=where, remedy="name all at the version that is stored"
        )


def priority(version: str) -> tuple[int, int, int]:
    """Return what sorts versions from the oldest to the newest: v1alpha1, v1beta1, v1, v2."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (-1, 0, 0)
    return (_STAGES.index(found[2]), int(found[1]), int(found[3] or 0))
