"""Whether bundles and catalogs are what OLM and its tools ask for, and what those miss."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rumpf.errors import UsageError
from rumpf.olm.checking import (
    access,
    beyond,
    catalogs,
    contents,
    crds,
    hub,
    images,
    layout,
    objects,
    platforms,
    practices,
    removed,
    schemas,
    service_versions,
    shape,
)
from rumpf.olm.checking.catalogs import Catalog, load_catalog
from rumpf.olm.checking.finding import Finding, Problem
from rumpf.olm.checking.loading import Loaded, load_bundle
from rumpf.olm.checking.together import default_channels

BundleRule = Callable[[Loaded], Iterator[Problem]]
CatalogRule = Callable[[Catalog], Iterator[Problem]]

OF_BUNDLES: Mapping[str, tuple[BundleRule, ...]] = {
    "default": (
        layout.as_read,
        layout.annotations,
        layout.dependencies,
        layout.kinds,
        layout.service_accounts,
        layout.size,
        shape.shape,
        service_versions.required,
        service_versions.names,
        service_versions.examples,
        service_versions.owned_names,
        service_versions.install_modes,
        service_versions.kubernetes,
        service_versions.annotation_names,
        contents.owned_crds,
        contents.related_images,
        contents.release_name,
        crds.crds,
    ),
    "operatorhub": (
        hub.provider,
        hub.maintainers,
        hub.links,
        hub.version,
        hub.icon,
        hub.capabilities,
        hub.categories,
        removed.removed_apis,
    ),
    "good-practices": (
        practices.requests,
        practices.descriptions,
        practices.channel_names,
        practices.making_crds,
        practices.bundle_names,
    ),
    "multiarch": (platforms.labels, platforms.affinity),
    "objects": (objects.budgets, objects.priorities, objects.roles),
    "beyond": (
        layout.left_out,
        access.policies,
        access.accounts,
        beyond.upgrade,
        beyond.modes,
        beyond.scope,
        beyond.both_olms,
        beyond.strategy,
        beyond.words,
        beyond.icon,
        schemas.examples,
        schemas.descriptors,
        beyond.annotated,
        images.pins,
        shape.known_fields,
    ),
}
"""What `operator-sdk bundle validate` looks for, suite by suite, and beyond it what it does not."""

OF_CATALOGS: tuple[CatalogRule, ...] = (
    catalogs.as_read,
    catalogs.packages,
    catalogs.channels,
    catalogs.bundles,
    catalogs.deprecations,
)
"""What `opm validate` looks for, and some more."""

SUITES = (*OF_BUNDLES, "catalog")

_SCHEMA = re.compile(r"""["']?\bschema["']?\s*:\s*["']?olm\.""")


@dataclass(frozen=True)
class Checked:
    """A bundle or a catalog that was checked."""

    path: Path
    what: str
    findings: tuple[Finding, ...]


def check(folder: Path, suites: Iterable[str] = SUITES) -> list[Checked]:
    """Check the bundle, the bundles, or the catalog in a folder. Raises UsageError where there is none."""
    chosen = tuple(suites)
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), remedy="name a bundle or a catalog")
    if found := list(_bundles(folder)):
        return [Checked(each, "bundle", tuple(_check_bundle(each, chosen))) for each in found]
    if _is_catalog(folder):
        return [Checked(folder, "catalog", tuple(_check_catalog(folder, chosen)))]
    raise UsageError(
        "there is neither a bundle (manifests/, metadata/) nor a catalog (schema: olm.package) in it",
        where=str(folder),
        remedy="name the folder of a bundle, of several, or of a catalog",
    )


def check_together(folders: Iterable[Path], suites: Iterable[str] = SUITES) -> list[Checked]:
    """Check what is in several folders, and whether the catalogs among it agree with the bundles among it."""
    chosen = tuple(suites)
    checked = [each for folder in folders for each in check(folder, chosen)]
    bundles = [load_bundle(each.path) for each in checked if each.what == "bundle"]
    if "catalog" not in chosen or not bundles:
        return checked
    return [_beside(each, bundles) if each.what == "catalog" else each for each in checked]


def _beside(catalog: Checked, bundles: list[Loaded]) -> Checked:
    found = _found("catalog", default_channels(load_catalog(catalog.path), bundles))
    return replace(catalog, findings=(*catalog.findings, *found))


def _check_bundle(folder: Path, suites: tuple[str, ...]) -> Iterator[Finding]:
    bundle = load_bundle(folder)
    for suite, rules in OF_BUNDLES.items():
        if suite in suites:
            for rule in rules:
                yield from _found(suite, rule(bundle))


def _check_catalog(folder: Path, suites: tuple[str, ...]) -> Iterator[Finding]:
    if "catalog" in suites:
        catalog = load_catalog(folder)
        for rule in OF_CATALOGS:
            yield from _found("catalog", rule(catalog))


def _found(suite: str, problems: Iterable[Problem]) -> Iterator[Finding]:
    for each in problems:
        yield Finding(suite, each.rule, each.level, each.where, each.what, each.remedy)


def _bundles(folder: Path) -> Iterator[Path]:
    """Yield the bundles in a folder, itself if it is one."""
    if (folder / "manifests").is_dir() or (folder / "metadata").is_dir():
        yield folder
        return
    for each in sorted(folder.iterdir()):
        if each.is_dir() and not each.name.startswith("."):
            yield from _bundles(each)


def _is_catalog(folder: Path) -> bool:
    suffixes = {".yaml", ".yml", ".json"}
    files = (each for each in sorted(folder.rglob("*")) if each.suffix in suffixes and each.is_file())
    return any(_SCHEMA.search(each.read_text("utf-8", errors="replace")) for each in files)
