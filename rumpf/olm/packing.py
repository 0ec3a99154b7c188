"""The image of a bundle: its files and nothing else, the same bytes for the same bundle."""

from pathlib import Path

from rumpf.errors import UsageError
from rumpf.image.oci import File, write_archive
from rumpf.image.reference import Reference
from rumpf.manifests import from_yaml
from rumpf.manifests.reading import part
from rumpf.olm.bundle import ANNOTATIONS
from rumpf.olm.references import by_digest
from rumpf.olm.vocabulary import MANIFESTS, METADATA, PACKAGE_LABEL, SCORECARD


def pack(folder: Path, prefix: str, into: Path) -> tuple[str, Path]:
    """Write the image of the bundle in a folder; return its name with its digest, and where it lies.

    It is called PREFIX/PACKAGE-bundle:VERSION, and is the same on every architecture.
    """
    if not (folder / ANNOTATIONS).is_file():
        raise UsageError("there is no bundle in it", where=str(folder), remedy="name the folder of one")
    (said,) = from_yaml((folder / ANNOTATIONS).read_text("utf-8"))
    labels = {name: str(value) for name, value in part(said, "annotations").items()}
    package = labels[PACKAGE_LABEL]
    name = f"{prefix}/{package}-bundle:{folder.name}"
    folders = [folder / each for each in (MANIFESTS, METADATA, SCORECARD)]
    paths = [path for each in folders for path in sorted(each.rglob("*"))]
    files = {f"/{path.relative_to(folder)}": File(path) for path in paths if path.is_file()}
    archive = into / f"{package}-bundle-{folder.name}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    digest = write_archive(archive, name=name, files=files, labels=labels, architecture="amd64")
    return by_digest(str(Reference.parse(name)), digest), archive
