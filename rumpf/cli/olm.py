"""`rumpf olm`: bundles and catalogs for OLM, rendered from the project's operators, and checked."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from rumpf.cli.render import pairs
from rumpf.console import for_stream
from rumpf.errors import CheckFailed, DeclarationError, UsageError
from rumpf.manifests import Options
from rumpf.olm.checking import SUITES, Checked, check, check_together
from rumpf.olm.packing import pack
from rumpf.olm.release import bundle_name
from rumpf.olm.shelf import BUNDLES, Shelf
from rumpf.operator import Operator
from rumpf.project import find
from rumpf.scaffold.committed import write


@click.group()
def olm() -> None:
    """Bundles and catalogs for the Operator Lifecycle Manager, v0 and v1."""


@olm.command("render")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where bundle/ and catalog/ go. Default: the project, where they are committed.",
)
@click.option("--image", help="Another image than the operators' own, as it is: with a digest or without.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the operators that have it; may be repeated.",
)
@click.option(
    "--bundle-images",
    metavar="PREFIX",
    help="Have the catalog name the images that `rumpf olm image --prefix PREFIX` makes, by their digests.",
)
def render_command(
    *,
    names: tuple[str, ...],
    into: Path | None,
    image: str | None,
    settings: tuple[str, ...],
    bundle_images: str | None,
) -> None:
    """Write bundles of the project's version, and catalogs of all versions, for operators or all of them.

    bundle/NAME/VERSION/ and catalog/NAME/. Bundles of other versions are history: they are read, and never
    written again. A catalog holds its bundles itself, unless --bundle-images says where they are: OLM v1
    needs images, v0 takes both.
    """
    project = find()
    if into is None and (image or settings or bundle_images):
        raise UsageError(
            "the committed files are what the declarations and releases say, and nothing else",
            where="olm render",
            remedy="say --into DIR too",
        )
    console = for_stream()
    shelf, operators, chosen = Shelf.of(project), project.select(names), pairs(settings)
    known = {setting.name for each in operators.values() for setting in each.settings}
    if unknown := sorted(set(chosen) - known):
        raise UsageError(
            f"no operator has a setting {', '.join(unknown)}",
            where="--set",
            remedy=f"there is {', '.join(sorted(known)) or 'none'}",
        )
    for operator in operators.values() if into is None else ():
        if late := [path.relative_to(project.root) for path in shelf.renumbered(operator)]:
            raise DeclarationError(
                f"{shelf.version} was released, and would be another: {', '.join(map(str, late))}",
                where=shelf.folder(operator),
                remedy=f"raise the project's version, and render that; {shelf.version} stays as it is",
            )
    changed: list[str] = []
    for operator in operators.values():
        own = {each.name: chosen[each.name] for each in operator.settings if each.name in chosen}
        options, root = Options(image=image, settings=own), into or project.root
        changed += _write(root, shelf.files(operator, options))
        if bundle_images:
            images = _images(shelf, operator, root, bundle_images)
            changed += _write(root, shelf.files(operator, options, images))
    if into is None:
        changed += _clear(shelf, operators.values())
    for path in dict.fromkeys(changed):
        console.say(f"wrote {path}")
    if not changed:
        console.say("all files are what their source says")


@olm.command("image")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--prefix", required=True, help="Where they are pushed to: ghcr.io/somebody.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("dist/bundles"),
    show_default=True,
    help="Where the archives go.",
)
def image_command(*, folders: tuple[Path, ...], prefix: str, into: Path) -> None:
    """Write images of bundles, with no tool and no network: the same bytes for the same bundle.

    DIR is a bundle, or a folder with bundles in it. The archives are OCI layouts; `skopeo copy
    --preserve-digests oci-archive:FILE docker://NAME` pushes one.
    """
    for folder in (each.path for given in folders for each in check(given, ()) if each.what == "bundle"):
        reference, archive = pack(folder, prefix, into)
        click.echo(f"{archive}  {reference}")


@olm.command("check")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=click.Choice(SUITES),
    help="Only the rules of this suite; may be repeated. Default: all.",
)
@click.option("--errors-only", is_flag=True, help="Warnings are shown, and do no harm.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check_command(
    *, folders: tuple[Path, ...], suites: tuple[str, ...], errors_only: bool, output: str
) -> None:
    """Check bundles and catalogs: all that operator-sdk and opm look for, and what they miss.

    DIR is a bundle, a folder with bundles in it, or a catalog. A catalog is compared with the bundles that
    are named beside it. No other program is needed, and nobody is asked. Ends with 8 where something is
    wrong, be it a warning.
    """
    checked = check_together(folders, suites or SUITES)
    if output == "json":
        click.echo(json.dumps(_as_json(checked), indent=2))
    else:
        for each in checked:
            for finding in each.findings:
                click.echo(f"{each.path}: {finding}")
    counted = [
        finding
        for each in checked
        for finding in each.findings
        if finding.level == "error" or not errors_only
    ]
    if counted:
        raise CheckFailed(
            "1 thing is not as it should be"
            if len(counted) == 1
            else f"{len(counted)} things are not as they should be",
            where=", ".join(str(each.path) for each in checked if each.findings),
            remedy="each says above what to do",
        )
    if output == "text":
        click.echo(f"{', '.join(f'{each.what} {each.path}' for each in checked)}: as it should be")


def _as_json(checked: Iterable[Checked]) -> dict[str, object]:
    listed = list(checked)
    findings = [{"path": str(each.path), **asdict(finding)} for each in listed for finding in each.findings]
    return {
        "passed": not any(each["level"] == "error" for each in findings),
        "checked": [{"path": str(each.path), "kind": each.what} for each in listed],
        "findings": findings,
    }


def _write(root: Path, files: Mapping[str, str]) -> list[str]:
    changed = {
        path: text
        for path, text in files.items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    }
    for path, text in changed.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(changed)


def _clear(shelf: Shelf, operators: Iterable[Operator]) -> list[str]:
    """Delete what is in the newest bundles and nothing renders any more."""
    stale = [each for operator in operators for each in shelf.differences(operator) if each.wanted is None]
    for each in stale:
        write(each)
    return [str(each.path.relative_to(shelf.project.root)) for each in stale]


def _images(shelf: Shelf, operator: Operator, root: Path, prefix: str) -> dict[str, str]:
    """Return the names of the images that hold an operator's bundles, by bundle."""
    released = shelf.project.root / BUNDLES / operator.name
    folders = [released / str(version) for version in shelf.versions(operator)]
    with tempfile.TemporaryDirectory() as scratch:
        return {
            bundle_name(operator.full_name, version): pack(folder, prefix, Path(scratch))[0]
            for version, folder in zip(
                (*shelf.versions(operator), shelf.version),
                (*folders, root / shelf.folder(operator)),
                strict=True,
            )
        }
