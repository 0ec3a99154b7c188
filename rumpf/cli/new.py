"""`rumpf new`: a new operator that works, to be changed from there."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from rumpf.console import for_stream
from rumpf.project import Project, enclosing
from rumpf.scaffold import Plan, plan
from rumpf.scaffold.committed import differences, write
from rumpf.scaffold.image import steps, write_image
from rumpf.scaffold.plan import DEFAULT_GROUP, PROJECT_FILE, clashes


@click.command("new")
@click.argument("name")
@click.option("--kind", help="The kind that it reconciles. Default: NAME as Kubernetes writes kinds.")
@click.option(
    "--group", default=DEFAULT_GROUP, show_default=True, help="The API group: a DNS name that is yours."
)
@click.option("--plural", help="The plural of the kind, as in URLs and rules. Default: a good guess.")
def new(*, name: str, kind: str | None, group: str, plural: str | None) -> None:
    """Write a new operator: its declaration, its manifests and its tests.

    It goes into the project that this folder is in. An empty folder becomes one, with an image that all its
    operators will share. Nothing is overwritten.
    """
    planned = plan(name, kind=kind, group=group, plural=plural)
    console = for_stream()
    there = enclosing()
    project = there or Project(Path.cwd())
    written = planned.files()
    if taken := [path for path in written if (project.root / path).exists()]:
        raise clashes(taken)
    if there is None:
        new_project = planned.project_files()
        kept = [path for path in new_project if (project.root / path).exists()]
        written |= {path: text for path, text in new_project.items() if path not in kept}
        if PROJECT_FILE in kept:
            console.say(f"{PROJECT_FILE} stays as it is: have it install rumpf, and the package operators")
    for path, text in written.items():
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).write_text(text, encoding="utf-8")
    made = list(differences(project, project.load(planned.name)))
    for difference in made:
        write(difference)
    image = write_image(project.root) if there is None else []
    for shown in (*written, *(str(each.path.relative_to(project.root)) for each in made), *image):
        console.say(f"wrote {shown}")
    for line in _next(planned, steps(project.root), first=there is None):
        console.say(line)


def _next(planned: Plan, image: Sequence[str], *, first: bool) -> Iterator[str]:
    name, folder = planned.name, planned.folder
    yield f"next: make operators/{folder}/operator.py do what you want, then"
    if first:
        yield "  pip install -e '.[testing]'"
    yield f"  rumpf render --write {name}"
    yield f"  rumpf check {name}"
    yield f"  pytest tests/unit/test_{folder}.py tests/e2e/test_{folder}.py"
    if image:
        yield "and for the image, which all operators here share:"
        yield from (f"  {step}" for step in image)
