"""What the pages about OLM say is so: every option, every suite, every file and name that they speak of."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rumpf.cli.olm import olm
from rumpf.olm.checking import OF_BUNDLES, SUITES
from rumpf.olm.shelf import Shelf
from rumpf.olm.vocabulary import CHANNELS
from rumpf.olm.words import pyproject
from rumpf.project import Project

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).parents[3]
PACKAGING = (ROOT / "docs/packaging.md").read_text()
GUIDE = (ROOT / "docs/install/olm.md").read_text()
INSTALL = ROOT / "docs/install"
COMMANDS = sorted(olm.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told_of_and_no_other(name: str) -> None:
    command: click.Command = olm.commands[name]
    options = {option for each in command.params for option in each.opts if option.startswith("--")}
    section = PACKAGING.split(f"\n## rumpf olm {name}\n")[1].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `--")]
    assert {option for cell in cells for option in re.findall(r"--[a-z-]+", cell)} == options


def test_every_suite_is_told_of() -> None:
    section = PACKAGING.split("\n## rumpf olm check\n")[1]
    told = re.findall(r"^\| `([a-z][a-z-]+)` \|", section, re.MULTILINE)
    assert sorted(told) == sorted(SUITES)
    assert OF_BUNDLES.keys() < set(SUITES)


def test_every_table_of_pyproject_that_is_used_here_is_told_of() -> None:
    said = pyproject(ROOT)["tool"]["rumpf"]["olm"]
    names = {*said, *(key for each in said["operators"].values() for key in each)} - {"operators"}
    assert {name for name in names if f"`{name}" not in PACKAGING} == set()


def test_the_channels_are_those_that_there_are() -> None:
    assert re.findall(r"^\| `(\w+)`", GUIDE, re.MULTILINE) == list(CHANNELS)


def test_a_page_leads_to_every_way_of_installing() -> None:
    index = (INSTALL / "README.md").read_text()
    pages = [each.name for each in INSTALL.glob("*.md") if each.name != "README.md"]
    assert {"kubectl.md", "olm.md"} <= set(pages)
    assert [each for each in pages if f"({each})" not in index] == []


def test_the_releases_that_the_pages_name_are_there() -> None:
    project = Project(ROOT)
    shelf = Shelf.of(project)
    for page in INSTALL.glob("*.md"):
        for path in re.findall(r"bundle/\w+/\d[\w.-]*/install\.yaml", page.read_text()):
            assert (ROOT / path).is_file(), f"{page.name}: {path}"
    assert f"bundle/message/{shelf.version}/install.yaml" in (INSTALL / "kubectl.md").read_text()
