"""`rumpf check`: whether what is committed is what the source says, is safe, and breaks nobody."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import click

from rumpf.errors import CheckFailed, UsageError
from rumpf.manifests import from_yaml, render
from rumpf.manifests.breaking import breaking
from rumpf.manifests.files import CRDS
from rumpf.manifests.policies import OF_SAMPLES, violations
from rumpf.olm import shelf
from rumpf.operator import Operator
from rumpf.project import Project, find
from rumpf.scaffold.committed import differences

_DIFF_LINES = 12
_NEWEST = "HEAD"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    operator: str
    check: Literal["files", "policy", "compatibility", "bundle"]
    where: str
    what: str
    remedy: str
    diff: str = ""


@click.command("check")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--against",
    default=_NEWEST,
    show_default=True,
    metavar="GIT_REF",
    help="The commit, branch or tag that users have: its CRDs must not be broken.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(*, names: tuple[str, ...], against: str, output: str) -> None:
    """Check operators; without a NAME, all of them.

    The files in operators/NAME/k8s must be what `rumpf render --write` makes, and bundles, if there are
    any, what `rumpf olm render` makes; what is installed must keep the policies (no wildcard, restricted
    Pods...); no CRD may break objects that users have stored since GIT_REF. Ends with 8 where something is
    wrong. In CI, say --against the last release or the main branch.
    """
    project = find()
    compared = project.has_commit(against)
    if not compared and against != _NEWEST:
        raise UsageError(
            f"{against!r} names no commit here",
            remedy="name a branch, a tag or a commit; is it fetched?",
            where="--against",
        )
    operators = project.select(names)
    findings = [each for operator in operators.values() for each in findings_of(project, operator, against)]
    if output == "json":
        rows = [asdict(each) for each in findings]
        said = {"operators": list(operators), "against": against if compared else None, "findings": rows}
        click.echo(json.dumps(said, indent=2))
    else:
        for each in findings:
            click.echo(_shown(each))
    if findings:
        wrong = list(dict.fromkeys(each.operator for each in findings))
        what = "1 thing is" if len(findings) == 1 else f"{len(findings)} things are"
        raise CheckFailed(
            f"{what} not as it should be" if len(findings) == 1 else f"{what} not as they should be",
            where=", ".join(wrong),
            remedy="each says above what to do",
        )
    if output == "text":
        fine = f"{', '.join(operators)}: files and policies are as they should be"
        click.echo(
            f"{fine}, nothing breaks since {against}" if compared else f"{fine}; nothing is committed yet"
        )


def findings_of(project: Project, operator: Operator, against: str = _NEWEST) -> Iterator[Finding]:
    """Yield all that is wrong with an operator, compared with what it was at a commit."""
    yield from _files(project, operator)
    rendered = render(operator)
    for violation in (*violations(rendered.all), *violations(rendered.samples, OF_SAMPLES)):
        yield Finding(
            operator.name,
            "policy",
            violation.where,
            f"{violation.what} ({violation.policy})",
            violation.remedy,
        )
    yield from _compatibility(project, operator, against)
    if shelf.kept(project, against):
        yield from _bundle(project, operator, against)


def _files(project: Project, operator: Operator) -> Iterator[Finding]:
    for each in differences(project, operator):
        yield Finding(
            operator.name,
            "files",
            str(each.path.relative_to(project.root)),
            each.what,
            f"rumpf render --write {operator.name}",
            each.diff(_DIFF_LINES),
        )


def _bundle(project: Project, operator: Operator, against: str) -> Iterator[Finding]:
    bundles = shelf.Shelf.of(project)
    late = set(bundles.renumbered(operator))
    for each in bundles.differences(operator):
        yield Finding(
            operator.name,
            "bundle",
            str(each.path.relative_to(project.root)),
            each.what,
            f"{bundles.version} was released: raise the project's version, then rumpf olm render"
            if each.path in late
            else f"rumpf olm render {operator.name}",
            each.diff(_DIFF_LINES),
        )
    for path in bundles.rewritten(operator, against):
        yield Finding(
            operator.name,
            "bundle",
            str(path.relative_to(project.root)),
            f"it was released, and is not what it was at {against}",
            f"git checkout {against} -- {path.relative_to(project.root)}; mend it by a new release",
        )


def _compatibility(project: Project, operator: Operator, against: str) -> Iterator[Finding]:
    path = project.manifests(operator.name) / CRDS
    before = project.committed(path, against)
    if before is None:
        return
    now = {crd["metadata"]["name"]: crd for crd in render(operator).crds}
    for old in from_yaml(before):
        name = old["metadata"]["name"]
        if name not in now:
            yield Finding(
                operator.name,
                "compatibility",
                name,
                f"the CRD was there at {against} and is not any more: deleting it deletes all its objects",
                "keep it, served and deprecated, until nobody has such objects",
            )
            continue
        for broken in breaking(old, now[name]):
            yield Finding(
                operator.name,
                "compatibility",
                f"{name} {broken.path}",
                f"{broken.change} since {against}: {broken.what}",
                broken.remedy,
            )


def _shown(finding: Finding) -> str:
    diff = "".join(f"\n    {line}" for line in finding.diff.splitlines())
    return f"{finding.operator}: {finding.where}: {finding.what}{diff}\n  -> {finding.remedy}"
