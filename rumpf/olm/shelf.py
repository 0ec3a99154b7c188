"""The bundles and catalogs of a project: what was released stays as it is, the newest is rendered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rumpf.errors import DeclarationError
from rumpf.manifests import Options, from_yaml
from rumpf.olm.bundle import bundle_of
from rumpf.olm.catalog import CATALOG, Released, catalog_of, dockerfile
from rumpf.olm.ledger import Ledger, read_ledger
from rumpf.olm.release import place_among
from rumpf.olm.service_version import DEFAULTS
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import MANIFESTS
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
        """Read it."""
        return cls(project, read_ledger(project.root), version_of(project))

    def versions(self, operator: Operator) -> tuple[Version, ...]:
        """Return the versions of an operator that were released, from the oldest to the newest."""
        folders = (self.project.root / BUNDLES / operator.name).glob("*/")
        found = (Version.parse(folder.name) for folder in folders)
        return tuple(sorted(each for each in found if each is not None and each != self.version))

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

    def rewritten(self, operator: Operator, ref: str) -> Iterator[Path]:
        """Yield the files of released bundles that differ from a commit: history is not edited."""
        for version in self.versions(operator):
            folder = self.project.root / BUNDLES / operator.name / str(version)
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                before = self.project.committed(path, ref)
                if before is not None and before != _read(path):
                    yield path

    def folder(self, operator: Operator) -> str:
        """Return the folder of an operator's newest bundle, in the project."""
        return f"{BUNDLES}/{operator.name}/{self.version}"


def kept(project: Project) -> bool:
    """Whether a project keeps bundles at all."""
    return (project.root / BUNDLES).is_dir()


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _csv_first(manifests: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(manifests, key=lambda each: each.get("kind") != "ClusterServiceVersion")
