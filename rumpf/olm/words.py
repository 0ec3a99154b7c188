"""The words about an operator: from its README.md and icon.svg, and from the project's pyproject.toml."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from rumpf.errors import DeclarationError
from rumpf.manifests.reading import part, parts, words
from rumpf.olm.descriptors import title
from rumpf.olm.icon import default_icon
from rumpf.olm.package import Package
from rumpf.olm.versions import Version
from rumpf.operator import Operator
from rumpf.project import Project

README, ICON, PYPROJECT = "README.md", "icon.svg", "pyproject.toml"
_TABLE = ("tool", "rumpf", "olm")
_COMMON = frozenset({"links", "maintainers", "min-kubernetes", "operators", "provider", "repository"})
_OWN = frozenset({"capabilities", "categories", "display-name", "keywords"})
_HEADING = re.compile(r"\A# (?P<title>.+)\n+")
_VERSION = re.compile(r"""^__version__\s*(?::\s*str\s*)?=\s*["'](?P<version>[^"']+)["']""", re.MULTILINE)


def package_for(project: Project, operator: Operator) -> Package:
    """Return the words about an operator. What nobody wrote follows from its declaration.

    `operators/NAME/README.md`: its heading is the display name, what follows the description.
    `operators/NAME/icon.svg`. `[tool.rumpf.olm]` in pyproject.toml: what all operators have in common;
    `[tool.rumpf.olm.operators.NAME]`: categories, capabilities, keywords.
    """
    written = pyproject(project.root)
    common = part(written, *_TABLE)
    own = part(common, "operators", operator.name)
    _refuse_unknown(common, _COMMON, f"{PYPROJECT}, [tool.rumpf.olm]")
    _refuse_unknown(own, _OWN, f"{PYPROJECT}, [tool.rumpf.olm.operators.{operator.name}]")
    folder = project.folder(operator.name)
    readme = _text(folder / README)
    heading = _HEADING.match(readme)
    icon = folder / ICON
    authors = parts(written, "project", "authors")
    provider = part(common, "provider")
    return Package(
        display_name=str(own.get("display-name") or (heading["title"] if heading else title(operator.name))),
        description=readme[heading.end() :] if heading else readme,
        icon=icon.read_bytes() if icon.is_file() else default_icon(operator.name),
        provider=str(provider.get("name") or _first_name(authors) or _name_of_project(written, project)),
        provider_url=str(provider.get("url", "")),
        categories=tuple(words(own, "categories")),
        capabilities=str(own.get("capabilities", Package.capabilities)),
        keywords=tuple(words(own, "keywords")),
        maintainers=_named(parts(common, "maintainers") or authors, "email"),
        links=_named(parts(common, "links"), "url"),
        repository=str(common.get("repository", "")),
        min_kubernetes=str(common.get("min-kubernetes", Package.min_kubernetes)),
    )


def version_of(project: Project) -> Version:
    """Return the number of the release that the project is at: its version, and nothing else's."""
    written = pyproject(project.root)
    text = str(part(written, "project").get("version", ""))
    where = f"{PYPROJECT}, [project]"
    if path := part(written, "tool", "hatch", "version").get("path"):
        where = str(path)
        found = _VERSION.search(_text(project.root / where))
        text = found["version"] if found else ""
    version = Version.parse(text)
    if version is None:
        raise DeclarationError(
            f"{text!r} is no version that OLM can compare" if text else "there is no version",
            where=where,
            remedy='write it as major.minor.patch: version = "0.1.0"',
        )
    return version


def pyproject(root: Path) -> Mapping[str, Any]:
    """Return what is in the project's pyproject.toml; nothing if there is none."""
    return read_toml(root / PYPROJECT)


def read_toml(path: Path) -> Mapping[str, Any]:
    """Return what is in a file; nothing if it is not there."""
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"it is no TOML: {error}", where=str(path), remedy="mend it") from error


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _named(of: object, key: str) -> dict[str, str]:
    entries = cast("list[Mapping[str, Any]]", of)
    return {str(each["name"]): str(each[key]) for each in entries if each.get("name") and each.get(key)}


def _first_name(authors: object) -> str:
    return next((str(each.get("name", "")) for each in cast("list[Mapping[str, Any]]", authors)), "")


def _name_of_project(written: Mapping[str, Any], project: Project) -> str:
    return str(part(written, "project").get("name", "")) or project.root.name


def _refuse_unknown(table: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    if unknown := sorted(set(table) - known):
        raise DeclarationError(
            f"nothing here is called {', '.join(unknown)}",
            where=where,
            remedy=f"there is {', '.join(sorted(known))}",
        )
