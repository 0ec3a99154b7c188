"""docs/cli.md tells of every command, every option of it, and every exit code: no more, no less."""

import importlib
import re
from pathlib import Path

import click
import pytest

from rumpf import cli, errors
from rumpf.errors import RumpfError

PAGE = (Path(__file__).parents[3] / "docs/cli.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
ELSEWHERE = {"cluster", "image", "olm"}


def command(name: str) -> click.Command:
    found: click.Command = getattr(importlib.import_module(f"rumpf.cli.{name}"), name)
    return found


def test_every_command_is_told_of() -> None:
    named = {line.split()[0] for line in _listed()}
    assert SECTIONS.keys() | ELSEWHERE == named
    for name in named:
        assert f"rumpf {name}" in PAGE or f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_every_option_is_told_of_and_no_other(name: str) -> None:
    parameters = command(name).params
    options = {option for each in parameters for option in each.opts if option.startswith("--")}
    table = "\n".join(line for line in SECTIONS[name].splitlines() if line.startswith("| `--"))
    cells = [line.split("|")[1] for line in table.splitlines()]
    assert {option for cell in cells for option in re.findall(r"--[a-z-]+", cell)} == options


def test_every_exit_code_is_told_of() -> None:
    codes = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, RumpfError)
    }
    table = PAGE.split("**Exit codes**")[1].split("`run` passes on")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == codes | {0, 1}


def _listed() -> list[str]:
    context = click.Context(cli.cli)
    return cli.cli.list_commands(context)
