"""The bundles and catalogs of a project: what was released stays as it is, the newest is rendered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rumpf.errors import DeclarationError
from rumpf.manifests import Options, from_yaml
from rumpf.manifests.reading import part
from rumpf.olm.bundle import ANNOTATIONS, bundle_of
from rumpf.olm.catalog import (
    CATALOG,
    Released,
    catalog_of,
    default_channel,
    dockerfile,
    newest_release,
)
from rumpf.olm.ledger import LEDGER, Ledger, read_ledger
from rumpf.olm.release import bundle_name, place_among
from rumpf.olm.service_version import DEFAULTS
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CHANNELS, DEFAULT_CHANNEL_LABEL, MANIFESTS
from rumpf.olm.words import package_for, version_of
from rumpf.operator import Operator
from rumpf.project import Project
from rumpf.scaffold.committed import Difference

BUNDLES, CATALOGS = "bundle", "catalog"
CATALOG_DOCKERFILE = "catalog.Dockerfile"
NOBODY: Mapping[str, str] = {}


@dataclass(frozen=True)
class Shelf:
    """The bundles of a project: `bundle/NAME/VERSION/`, a folder a release."""

    project: Project
    ledger: Ledger
    version: Version
    """The number of the release that is not yet history."""

    @classmethod
    def of(cls, project: Project) -> "Shelf":
        """Read it. Raises DeclarationError where the ledger speaks of bundles that are not on it."""
        shelf = cls(project, read_ledger(project.root), version_of(project))
        shelf._refuse_unknown()
        return shelf

    def versions(self, operator: Operator) -> tuple[Version, ...]:
        """Return the versions of an operator that were released, from the oldest to the newest."""
        return self._history_of(operator.name)

    def history(self, operator: Operator) -> Iterator[Released]:
        """Yield the bundles that were released, as they are on disk."""
        for version in self.versions(operator):
            folder = self.project.root / BUNDLES / operator.name / str(version) / MANIFESTS
            manifests = [
                each for path in sorted(folder.glob("*.yaml")) for each in from_yaml(path.read_text("utf-8"))
            ]
            if not any(each.get("kind") == "ClusterServiceVersion" for each in manifests):
                raise DeclarationError(
                    "there is no ClusterServiceVersion in it",
                    where=str(folder.relative_to(self.project.root)),
                    remedy="bring it back as it was released",
                )
            named = self._default_channel(folder.parent)
            yield Released(version, tuple(_csv_first(manifests)), default_channel=named)

    def files(
        self, operator: Operator, options: Options = DEFAULTS, images: Mapping[str, str] = NOBODY
    ) -> dict[str, str]:
        """Return the text of an operator's newest bundle and of its catalog, by path in the project.

        `images`: the images that hold bundles, by bundle; where there is none, the catalog holds all.
        """
        older = self.versions(operator)
        if newer := [each for each in older if each > self.version]:
            raise DeclarationError(
                f"{newer[-1]} was released, and the project is at {self.version}",
                where=f"{BUNDLES}/{operator.name}",
                remedy="raise the project's version",
            )
        place = place_among(operator.full_name, self.version, older)
        chosen = {value for value in (options.image, *options.settings.values()) if value}
        release = self.ledger.release(self.version, chosen)
        bundle = bundle_of(operator, package_for(self.project, operator), release, place, options)
        folder = self.folder(operator)
        files = {f"{folder}/{path}": text for path, text in bundle.files.items()}
        head = Released(self.version, bundle.manifests, default_channel=release.channels[-1])
        released = [
            replace(each, image=images.get(str(each.csv["metadata"]["name"]), ""))
            for each in (*self.history(operator), head)
        ]
        self._refuse_other_default(operator.full_name, released)
        files[f"{CATALOGS}/{operator.name}/{CATALOG}"] = catalog_of(
            operator.full_name, released, self.ledger.plans
        )
        files[CATALOG_DOCKERFILE] = dockerfile(CATALOGS)
        return files

    def differences(self, operator: Operator) -> Iterator[Difference]:
        """Yield each file of an operator's newest bundle and of its catalog that is not what is rendered."""
        wanted = self.files(operator)
        root = self.project.root
        for name, text in wanted.items():
            there = _read(root / name)
            if there != text:
                yield Difference(root / name, there, text)
        for path in sorted((root / self.folder(operator)).rglob("*")):
            if path.is_file() and str(path.relative_to(root)) not in wanted:
                yield Difference(path, _read(path), None)

    def renumbered(self, operator: Operator) -> Iterator[Path]:
        """Yield the files of the newest bundle that would change, though people have it already."""
        if self.ledger.released(self.version):
            folder = self.project.root / self.folder(operator)
            yield from (each.path for each in self.differences(operator) if folder in each.path.parents)

    def rewritten(self, operator: Operator, ref: str) -> Iterator[Path]:
        """Yield the files of released bundles that are not what they were at a commit, or not there.

        History is not edited.
        """
        folder = self.project.root / BUNDLES / operator.name
        for path in self.project.committed_in(folder, ref):
            version = Version.parse(path.relative_to(folder).parts[0])
            if version is None or version == self.version:
                continue
            if self.project.committed(path, ref) != _read(path):
                yield path

    def folder(self, operator: Operator) -> str:
        """Return the folder of an operator's newest bundle, in the project."""
        return f"{BUNDLES}/{operator.name}/{self.version}"

    def _default_channel(self, bundle: Path) -> str:
        """Return what the annotations of a released bundle name as the default channel."""
        path = bundle / ANNOTATIONS
        said = from_yaml(path.read_text("utf-8")) if path.is_file() else []
        return next((str(part(each, "annotations").get(DEFAULT_CHANNEL_LABEL, "")) for each in said), "")

    def _refuse_other_default(self, package: str, released: Sequence[Released]) -> None:
        """Refuse a catalog by which who names no channel gets another than the newest bundle says."""
        newest = newest_release(released)
        wanted, is_now = newest.default_channel, default_channel(package, released, self.ledger.plans)
        held = self.ledger.plans.newest.get(wanted)
        # A channel that waits for the first release of a package is not there yet, and that is no slip.
        waits = held is not None and held < min(each.version for each in released)
        if wanted not in ("", is_now) and not waits:
            raise DeclarationError(
                f"the default channel of {package} would be {is_now}, and its newest bundle says {wanted}",
                where=f"{LEDGER}, channels",
                remedy=f'write {wanted} = "{newest.version}", or leave {wanted} out: then it has all',
            )

    def _history_of(self, name: str) -> tuple[Version, ...]:
        found = (Version.parse(each.name) for each in (self.project.root / BUNDLES / name).glob("*/"))
        return tuple(sorted(each for each in found if each is not None and each != self.version))

    def _refuse_unknown(self) -> None:
        packages = {name: f"{name}-operator" for name in self.project.names}
        bundles = {
            bundle_name(package, version): version
            for name, package in packages.items()
            for version in (*self._history_of(name), self.version)
        }
        there = sorted(set(bundles.values()))
        named = [(f"channels, {channel}", str(each)) for channel, each in self.ledger.plans.newest.items()]
        named += [("releases", each) for each in self.ledger.releases]
        for where, text in named:
            if Version.parse(text) not in there:
                raise DeclarationError(
                    f"{text} was never released",
                    where=f"{LEDGER}, {where}",
                    remedy=f"there is {', '.join(map(str, there))}",
                )
        known = {*bundles, *CHANNELS, *packages.values()}
        if unknown := sorted(set(self.ledger.plans.deprecated) - known):
            raise DeclarationError(
                f"neither a bundle nor a channel nor a package is called {', '.join(unknown)}",
                where=f"{LEDGER}, deprecated",
                remedy=f"there is {', '.join(sorted(known))}",
            )


def kept(project: Project, ref: str) -> bool:
    """Whether a project keeps bundles at all, or did at a commit."""
    folder = project.root / BUNDLES
    return folder.is_dir() or bool(project.committed_in(folder, ref))


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _csv_first(manifests: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(manifests, key=lambda each: each.get("kind") != "ClusterServiceVersion")
