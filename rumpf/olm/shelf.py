"""The bundles and catalogs of a project: what was released stays as it is, the newest is rendered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rumpf.errors import DeclarationError
from rumpf.manifests import Options, from_yaml
from rumpf.olm.bundle import bundle_of
from rumpf.olm.catalog import CATALOG, Released, catalog_of, dockerfile
from rumpf.olm.ledger import LEDGER, Ledger, read_ledger
from rumpf.olm.release import bundle_name, place_among
from rumpf.olm.service_version import DEFAULTS
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CHANNELS, MANIFESTS
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
            yield Released(version, tuple(_csv_first(manifests)))

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
        head = Released(self.version, bundle.manifests)
        released = [
            Released(each.version, each.manifests, images.get(str(each.csv["metadata"]["name"]), ""))
            for each in (*self.history(operator), head)
        ]
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
        for channel, version in self.ledger.plans.newest.items():
            if version not in bundles.values():
                raise DeclarationError(
                    f"{version} was never released",
                    where=f"{LEDGER}, channels, {channel}",
                    remedy=f"there is {', '.join(map(str, sorted(set(bundles.values()))))}",
                )
        known = {*bundles, *CHANNELS, *packages.values()}
        if unknown := sorted(set(self.ledger.plans.deprecated) - known):
            raise DeclarationError(
                f"neither a bundle nor a channel nor a package is called {', '.join(unknown)}",
                where=f"{LEDGER}, deprecated",
                remedy=f"there is {', '.join(sorted(known))}",
            )


def kept(project: Project) -> bool:
    """Whether a project keeps bundles at all."""
    return (project.root / BUNDLES).is_dir()


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _csv_first(manifests: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(manifests, key=lambda each: each.get("kind") != "ClusterServiceVersion")
