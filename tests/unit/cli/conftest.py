"""What tests of the commands that work on a project share: a folder, and `rumpf` in it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from rumpf import cli

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `rumpf` in an empty folder, as often as a test likes: each time it reads the declarations anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = _forgotten()

    def run_(*arguments: str) -> Result:
        _forgotten()
        return CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)

    yield run_
    _forgotten()
    sys.modules.update(before)


@pytest.fixture
def project(run: Run, tmp_path: Path) -> Path:
    """A project with one operator, note."""
    assert run("new", "note", "--group", "notes.example.com").exit_code == 0
    return tmp_path


def _forgotten() -> dict[str, ModuleType]:
    """Forget the operators that were imported, and return them."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "operators"}
