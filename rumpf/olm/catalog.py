"""The catalog of packages: bundles in, one file a package out, in the form that OLM calls file-based."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rumpf.errors import DeclarationError
from rumpf.manifests import to_yaml
from rumpf.manifests.reading import part, parts
from rumpf.objects import Manifest
from rumpf.olm.release import bundle_name, place_among
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CHANNELS, CONFIGS_LABEL

CATALOG = "catalog.yaml"
_CSV = "ClusterServiceVersion"
_OPM = "quay.io/operator-framework/opm:v1.73.0"
_SHOWN = {
    "annotations": ("metadata", "annotations"),
    "apiServiceDefinitions": ("spec", "apiservicedefinitions"),
    "crdDescriptions": ("spec", "customresourcedefinitions"),
    "description": ("spec", "description"),
    "displayName": ("spec", "displayName"),
    "installModes": ("spec", "installModes"),
    "keywords": ("spec", "keywords"),
    "labels": ("metadata", "labels"),
    "links": ("spec", "links"),
    "maintainers": ("spec", "maintainers"),
    "maturity": ("spec", "maturity"),
    "minKubeVersion": ("spec", "minKubeVersion"),
    "provider": ("spec", "provider"),
}
"""What a catalog says of a bundle whose manifests are in an image, and where its CSV has it."""


@dataclass(frozen=True)
class Released:
    """A bundle as it was released: its version and its manifests, the CSV among them."""

    version: Version
    manifests: tuple[Manifest, ...]
    image: str = ""
    """The image that holds the same manifests; empty: the catalog holds them itself."""
    default_channel: str = ""
    """The channel that its annotations name as the package's default."""

    @property
    def csv(self) -> Manifest:
        """Its CSV."""
        return next(each for each in self.manifests if each["kind"] == _CSV)


@dataclass(frozen=True)
class Plans:
    """What the maintainers of a catalog decide, and no bundle can know."""

    newest: Mapping[str, Version] = field(default_factory=dict[str, Version])
    """How far a channel has come, by its name; a channel that is not named has all."""
    deprecated: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why nobody should use it any more, by the name of a bundle, a channel or the package."""


def catalog_of(package: str, bundles: Iterable[Released], plans: Plans) -> str:
    """Return the catalog of one package, from all of its releases."""
    ordered = sorted(bundles, key=lambda each: each.version)
    channels = list(_channels(package, ordered, plans))
    held = {entry["name"] for channel in channels for entry in channel["entries"]}
    csv = ordered[-1].csv
    head: Manifest = {
        "schema": "olm.package",
        "name": package,
        "defaultChannel": default_channel(package, ordered, plans),
        "description": csv["spec"]["description"],
    }
    if icons := parts(csv, "spec", "icon"):
        head["icon"] = dict(icons[0])
    documents = [head, *channels]
    documents += [_bundle(package, each) for each in ordered if bundle_name(package, each.version) in held]
    documents += _deprecations(package, plans.deprecated, held, {each["name"] for each in channels})
    return to_yaml(documents)


def default_channel(package: str, bundles: Iterable[Released], plans: Plans) -> str:
    """Return the channel of who names none: the last that has a bundle. Raises DeclarationError for none."""
    channels = [each["name"] for each in _channels(package, list(bundles), plans)]
    if not channels:
        raise DeclarationError(
            "no channel has come as far as its first release",
            where=package,
            remedy="let candidate have one, or leave candidate out: then it has all",
        )
    return str(channels[-1])


def newest_release(bundles: Iterable[Released]) -> Released:
    """Return the newest bundle: one that comes before a release only where there is no release yet."""
    return max(bundles, key=lambda each: (not each.version.pre, each.version))


def dockerfile(folder: str) -> str:
    """Return what makes an image of a catalog's folder, which serves it at once."""
    return "\n".join(
        (
            f"FROM {_OPM}",
            "",
            f"COPY {folder} /configs",
            'RUN ["/bin/opm", "serve", "/configs", "--cache-dir=/tmp/cache", "--cache-only"]',
            'ENTRYPOINT ["/bin/opm"]',
            'CMD ["serve", "/configs", "--cache-dir=/tmp/cache"]',
            "",
            f"LABEL {CONFIGS_LABEL}=/configs",
            "",
        )
    )


def _channels(package: str, bundles: list[Released], plans: Plans) -> Iterator[Manifest]:
    for channel in CHANNELS:
        newest = plans.newest.get(channel)
        inside = [
            each.version
            for each in bundles
            if (channel == CHANNELS[0] or not each.version.pre) and (newest is None or each.version <= newest)
        ]
        if inside:
            yield {
                "schema": "olm.channel",
                "package": package,
                "name": channel,
                "entries": [_entry(package, each, inside) for each in inside],
            }


def _entry(package: str, version: Version, inside: Iterable[Version]) -> Manifest:
    place = place_among(package, version, inside)
    entry = {"name": bundle_name(package, version)}
    if channel_before := place.replaces:
        entry["replaces"] = channel_before
    if place.skip_range:
        entry["skipRange"] = place.skip_range
    return entry


def _bundle(package: str, bundle: Released) -> Manifest:
    csv = bundle.csv
    gvks = [
        {"type": "olm.gvk", "value": {"group": group, "kind": kind, "version": version}}
        for group, kind, version in sorted(_owned(csv))
    ]
    properties: list[Manifest] = [
        {"type": "olm.package", "value": {"packageName": package, "version": str(bundle.version)}},
        *gvks,
    ]
    if bundle.image:
        properties.append({"type": "olm.csv.metadata", "value": _metadata(csv)})
    else:
        properties += [
            {"type": "olm.bundle.object", "value": {"data": _data(each)}} for each in bundle.manifests
        ]
    return {
        "schema": "olm.bundle",
        "package": package,
        "name": csv["metadata"]["name"],
        "image": bundle.image,
        "properties": properties,
        "relatedImages": [dict(each) for each in parts(csv, "spec", "relatedImages")]
        + ([{"name": "", "image": bundle.image}] if bundle.image else []),
    }


def _owned(csv: Manifest) -> Iterator[tuple[str, str, str]]:
    for owned in parts(csv, "spec", "customresourcedefinitions", "owned"):
        yield str(owned["name"]).partition(".")[2], str(owned["kind"]), str(owned["version"])


def _data(manifest: Manifest) -> str:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(text.encode()).decode()


def _metadata(csv: Manifest) -> Manifest:
    found: Manifest = {}
    for name, path in _SHOWN.items():
        value: Any = part(csv, *path[:-1]).get(path[-1])
        if value:
            found[name] = value
    return found


def _deprecations(
    package: str, why: Mapping[str, str], bundles: set[str], channels: set[str]
) -> Iterator[Manifest]:
    entries: list[Manifest] = []
    for name, message in sorted(why.items()):
        if name == package:
            entries.append({"reference": {"schema": "olm.package"}, "message": message})
        elif name in bundles or name in channels:
            schema = "olm.bundle" if name in bundles else "olm.channel"
            entries.append({"reference": {"schema": schema, "name": name}, "message": message})
    if entries:
        yield {"schema": "olm.deprecations", "package": package, "entries": entries}
