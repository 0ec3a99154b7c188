"""The files that are made from an operator's declaration and committed: which differ, and writing them."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rumpf.manifests import files_of
from rumpf.manifests.files import MADE
from rumpf.operator import Operator
from rumpf.project import Project

_WIDEST = 200


@dataclass(frozen=True)
class Difference:
    """A file that is not what its source says. `wanted` is None for one that should not be there."""

    path: Path
    there: str | None
    wanted: str | None

    @property
    def what(self) -> str:
        """What is wrong with it, in a few words."""
        if self.there is None:
            return "it is missing"
        if self.wanted is None:
            return "nothing makes it any more"
        return "it differs from its source"

    def diff(self, longest: int) -> str:
        """Return what writing it would change, in no more lines than that and one, none of them endless."""
        if self.there is None or self.wanted is None:
            return ""
        lines = list(
            difflib.unified_diff(self.there.splitlines(), self.wanted.splitlines(), n=1, lineterm="")
        )[2:]
        more = len(lines) - longest
        shown = [each if len(each) <= _WIDEST else f"{each[:_WIDEST]}..." for each in lines[:longest]]
        return "\n".join(shown + ([f"... {more} more lines"] if more > 0 else []))


def differences(project: Project, operator: Operator) -> Iterator[Difference]:
    """Yield each file in an operator's `k8s` folder that is not what its declaration says.

    A file that somebody wrote by hand there is none of ours, and not looked at.
    """
    folder = project.manifests(operator.name)
    wanted = files_of(operator)
    for name, text in wanted.items():
        path = folder / name
        there = path.read_text(encoding="utf-8") if path.is_file() else None
        if there != text:
            yield Difference(path, there, text)
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in wanted:
            there = path.read_text(encoding="utf-8")
            if there.startswith(f"# {MADE}"):
                yield Difference(path, there, None)


def write(difference: Difference) -> None:
    """Make a file be what its source says."""
    if difference.wanted is None:
        difference.path.unlink()
    else:
        difference.path.parent.mkdir(parents=True, exist_ok=True)
        difference.path.write_text(difference.wanted, encoding="utf-8")
