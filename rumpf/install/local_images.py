"""Images on an embedded cluster, whose node reaches no registry: what was built here is put into it."""

import copy
import json
import re
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rumpf.console import Console
from rumpf.errors import ImageError, InstallError
from rumpf.install.target import Target
from rumpf.manifests.pods import containers_of, pods_in
from rumpf.objects import Manifest
from rumpf.operator import Operator

_LOCAL = "rumpf.local/"
_BUILT = Path("dist/images")
_IMAGE = "operators"
_BUSYBOX = re.compile(r"(docker\.io/)?(library/)?busybox(:[\w.-]+)?")
_BUILD = f"rumpf image build {_IMAGE}"


@dataclass(frozen=True)
class Image:
    """The image that an operator is to run from."""

    name: str | None
    """None: the operator's own."""
    digest: str = ""
    """What it is now, of one that is built anew under the same name."""
    archive: Path | None = None
    """Where it lies, if it was built here."""


def image_for(target: Target, operator: Operator, chosen: str | None, root: Path, console: Console) -> Image:
    """Return the image to install. On an embedded cluster, one that was built here stands in for its own."""
    if target.embedded is None or target.simulated:
        # One of rumpf.local may well be in the nodes of a kind cluster: nobody but they can tell.
        return Image(chosen)
    archive = _archive(root, chosen)
    if archive is None:
        return Image(chosen)
    if not archive.is_file():
        raise InstallError(
            f"it has not been built here: there is no {archive}",
            where=str(chosen),
            remedy=f"{_BUILD}, then again",
        )
    name, digest = contents(archive)
    if chosen is None and name != operator.image:
        console.say(f"{operator.name}: image {name}, built here, instead of {operator.image}")
    if _is_older(archive, root):
        console.say(f"{operator.name}: the image is older than its source; {_BUILD} makes a new one")
    return Image(name, digest, archive)


def settings_for(
    target: Target, operator: Operator, chosen: Mapping[str, str], console: Console
) -> dict[str, str]:
    """Return the chosen settings; on an embedded cluster, busybox by another name is the one made here."""
    if target.embedded is None or target.simulated:
        return dict(chosen)
    return {**chosen, **local_settings(operator, chosen, console)}


def put_into_node(
    target: Target,
    operator: Operator,
    image: Image | None,
    settings: Mapping[str, str],
    console: Console,
    *,
    samples: Iterable[Manifest] = (),
) -> None:
    """Put what an operator, its Pods and its samples run from into the node of an embedded cluster."""
    if target.embedded is None or target.simulated:
        return
    if _is_local_busybox({*settings.values(), *_images_in(samples)}):
        target.embedded.load(_busybox(console))
    if image is None:
        return
    if image.archive is not None:
        target.embedded.load(image.archive)
        return
    wanted = image.name or operator.image
    console.say(f"{operator.name}: fetching {wanted} into the node")
    try:
        target.embedded.pull(wanted)
    except ImageError as error:
        raise InstallError(
            f"the node of {target.embedded.name} cannot have the image: {error.what}",
            where=wanted,
            remedy=f"{_BUILD}, then again: what is built here is put into the node",
        ) from error


def _is_local_busybox(named: Collection[str]) -> bool:
    from rumpf.cluster.busybox import IMAGE

    return IMAGE in named


def _images_in(samples: Iterable[Manifest]) -> Iterator[str]:
    for pod in pods_in(samples):
        yield from (str(container.get("image")) for _, container in containers_of(pod.spec))


def local_settings(operator: Operator, chosen: Mapping[str, str], console: Console) -> dict[str, str]:
    """Return the settings that name an image which a node without a registry has under another name."""
    from rumpf.cluster.busybox import IMAGE

    replaced: dict[str, str] = {}
    for setting in operator.settings:
        if setting.name not in chosen and _BUSYBOX.fullmatch(setting.default):
            replaced[setting.name] = IMAGE
            console.say(f"{operator.name}: {setting.name}={IMAGE}, made here, instead of {setting.default}")
    return replaced


def local_samples(operator: Operator, samples: Iterable[Manifest], console: Console) -> tuple[Manifest, ...]:
    """Return samples whose Pods run from an image that a node without a registry has."""
    from rumpf.cluster.busybox import IMAGE

    found = copy.deepcopy(tuple(samples))
    for pod in pods_in(found):
        for _, container in containers_of(pod.spec):
            named = str(container.get("image"))
            if _BUSYBOX.fullmatch(named):
                cast("dict[str, Any]", container)["image"] = IMAGE
                console.say(f"{operator.name}: sample with {IMAGE}, made here, instead of {named}")
    return found


def _busybox(console: Console) -> Path:
    from rumpf.cluster.busybox import busybox_archive

    return busybox_archive(console)


def _archive(root: Path, chosen: str | None) -> Path | None:
    """Return where the archive of a local image is; None of one from a registry."""
    if chosen is None:
        built = root / _BUILT / f"{_IMAGE}.tar"
        return built if built.is_file() else None
    if not chosen.startswith(_LOCAL):
        return None
    return root / _BUILT / f"{chosen.removeprefix(_LOCAL).partition(':')[0]}.tar"


def _is_older(archive: Path, root: Path) -> bool:
    built = archive.stat().st_mtime
    # Where rumpf itself is part of the project, it is part of the image.
    sources = (source for folder in ("operators", "rumpf") for source in (root / folder).rglob("*.py"))
    return any(source.stat().st_mtime > built for source in sources)


def contents(archive: Path) -> tuple[str, str]:
    """Return the name and the digest of the image in an archive."""
    try:
        with tarfile.open(archive) as tar:
            index, named = (_json(tar, name) for name in ("index.json", "manifest.json"))
        return str(named[0]["RepoTags"][0]), str(index["manifests"][0]["digest"])
    except (OSError, KeyError, IndexError, ValueError, tarfile.TarError) as error:
        raise InstallError(
            f"it is not an archive that rumpf made: {error}", where=str(archive), remedy=f"{_BUILD} makes one"
        ) from error


def _json(tar: tarfile.TarFile, name: str) -> Any:  # noqa: ANN401 - JSON
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return json.load(file)
