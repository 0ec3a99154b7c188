"""`rumpf image`: build the images of a repository."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import cast

import click

from rumpf.console import amount_of, for_stream
from rumpf.errors import UsageError
from rumpf.image.build import BaseChoice, build, images_in
from rumpf.image.engine import ENGINES, EngineName, choose


@click.group()
def image() -> None:
    """Build container images, also where there is no Docker and no registry."""


@image.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--engine", "engine_name", type=click.Choice(ENGINES), help="Use this one, and no other.")
@click.option(
    "--base",
    type=click.Choice(["auto", "pull", "debian"]),
    default="auto",
    show_default=True,
    help="Pull the base image, make it from Debian packages, or make it only where it cannot be pulled.",
)
@click.option("--renew-base", is_flag=True, help="Pull or make the base image anew, with the latest fixes.")
@click.option(
    "--images",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("images"),
    show_default=True,
    help="Where the images' folders are.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("dist/images"),
    show_default=True,
    help="Where the archives go.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def build_command(
    *,
    names: tuple[str, ...],
    engine_name: str | None,
    base: str,
    renew_base: bool,
    folder: Path,
    into: Path,
    output: str,
) -> None:
    """Build images/NAME/Containerfile; without a NAME, all of them.

    Each becomes dist/images/NAME.tar, which `rumpf cluster load` takes; NAME.cdx.json tells what is in it,
    NAME.provenance.json what it was made from. The engine is docker, podman
    or buildah, whichever is there and works. The build has no network; the wheels that
    images/NAME/requirements.txt pins are fetched before it.
    """
    known = images_in(folder)
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        missing = unknown[0] if unknown else "NAME"
        raise UsageError(
            f"there is no {folder / missing / 'Containerfile'}",
            remedy=f"name one of: {', '.join(known)}"
            if known
            else "run it where the images are, or say --images",
            where="image build",
        )
    console = for_stream()
    engine = choose(cast("EngineName | None", engine_name))
    built = [
        build(
            known[name],
            engine=engine,
            into=into,
            console=console,
            base=cast("BaseChoice", base),
            renew_base=renew_base,
        )
        for name in names or known
    ]
    if output == "json":
        click.echo(json.dumps([asdict(each) for each in built], indent=2, default=str))
        return
    for each in built:
        click.echo(f"{each.archive}  {each.reference}  {each.digest}  {amount_of(each.size, 'B')}")
