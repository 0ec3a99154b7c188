"""What OperatorHub.io asks for: who makes it, links, a version, an icon, a level, categories."""

import base64
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import at, numbered, record, text
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CAPABILITIES, CATEGORIES
from rumpf.olm.wording import is_email, is_url

_IMAGES = {"image/gif", "image/jpeg", "image/png", "image/svg+xml"}
_NONE = Version()


def provider(bundle: Loaded) -> Iterator[Problem]:
    """Somebody provides it."""
    if bundle.csv and not text(bundle.csv, "spec", "provider", "name").strip():
        yield error("provider", _where(bundle, "spec.provider.name"), "it is missing", "say who makes it")


def maintainers(bundle: Loaded) -> Iterator[Problem]:
    """Maintainers can be written to."""
    for number, each in numbered(bundle.csv, "spec", "maintainers"):
        where = _where(bundle, f"spec.maintainers[{number}]")
        mail = text(each, "email")
        if not text(each, "name") or not mail:
            yield error("maintainers", where, "name and email belong together", "write both")
        if mail and not is_email(mail):
            yield error("maintainers", where, f"{mail!r} is no address", "write name@example.com")


def links(bundle: Loaded) -> Iterator[Problem]:
    """Links lead somewhere."""
    for number, each in numbered(bundle.csv, "spec", "links"):
        where = _where(bundle, f"spec.links[{number}]")
        url = text(each, "url")
        if not text(each, "name") or not url:
            yield error("links", where, "name and url belong together", "write both")
        if url and not is_url(url):
            yield error("links", where, f"{url!r} is no address", "write https://...")


def version(bundle: Loaded) -> Iterator[Problem]:
    """It has a version, which is not 0.0.0."""
    if not bundle.csv:
        return
    said = at(bundle.csv, "spec", "version")
    found = Version.parse(said) if isinstance(said, str) else None
    where = _where(bundle, "spec.version")
    if said is not None and found is None:
        yield error("version", where, f"{said!r} is no version", "write it as 1.2.3")
    elif found is None or found == _NONE:
        yield error("version", where, "it is missing", "write it as 1.2.3")


def icon(bundle: Loaded) -> Iterator[Problem]:
    """It has one icon, of a type that a browser shows."""
    icons = list(numbered(bundle.csv, "spec", "icon"))
    where = _where(bundle, "spec.icon")
    if not bundle.csv:
        return
    if not icons:
        yield warning("icon", where, "there is none", "draw one: SVG, or PNG")
        return
    if len(icons) > 1:
        yield error("icon", where, f"there are {len(icons)}", "keep one")
    _, first = icons[0]
    media, data = text(first, "mediatype"), text(first, "base64data")
    if not media or not data:
        yield error("icon", where, "mediatype and base64data belong together", "write both")
    if media and media not in _IMAGES:
        yield error("icon", where, f"{media} is no type of icon", "write image/svg+xml")


def capabilities(bundle: Loaded) -> Iterator[Problem]:
    """Its level is one of the five."""
    annotations = record(bundle.csv, "metadata", "annotations")
    level = annotations.get("capabilities")
    if level is not None and level not in CAPABILITIES:
        yield error(
            "capabilities",
            _where(bundle, "metadata.annotations.capabilities"),
            f"{level!r} is no level",
            f"use one of: {', '.join(CAPABILITIES)}",
        )


def categories(bundle: Loaded) -> Iterator[Problem]:
    """Its categories are those that catalogs know."""
    annotations = record(bundle.csv, "metadata", "annotations")
    if "categories" not in annotations:
        return
    for each in text(annotations, "categories").split(","):
        if each.strip() not in CATEGORIES:
            yield error(
                "categories",
                _where(bundle, "metadata.annotations.categories"),
                f"no category is called {each.strip()!r}",
                f"use some of: {', '.join(sorted(CATEGORIES))}",
            )


def decoded_icon(bundle: Loaded) -> bytes | None:
    """Return the bytes of the first icon; None if they are no base64."""
    for _, first in numbered(bundle.csv, "spec", "icon"):
        try:
            return base64.b64decode(text(first, "base64data"), validate=True)
        except ValueError:
            return None
    return None


def _where(bundle: Loaded, path: str) -> str:
    return f"{bundle.csv_file}, {path}"
