"""Operators are found from anywhere in a project, and loaded, or it is said why not and where."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rumpf.errors import DeclarationError, UsageError
from rumpf.project import Project, enclosing, find, load

Write = Callable[[str, str], Path]

DECLARATION = """
from rumpf import Operator, Resource, Status, reconciler


class Note(Resource, group="notes.example.com", version="v1", plural="notes"):
    status: Status = Status()


@reconciler(Note)
async def reconcile(note, world):
    return None


operator = Operator("%s", reconcile, description="Notes.")
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file of a project."""
    # What is imported here is forgotten afterwards.
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "operators").mkdir()
    (tmp_path / "operators/__init__.py").touch()
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "operators"}

    def write_(path: str, text: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    for name in before:
        monkeypatch.delitem(sys.modules, name)
    return write_


def test_operators_are_found_from_any_folder_below(write: Write, tmp_path: Path) -> None:
    inside = write("operators/note/operator.py", DECLARATION % "note").parent
    write("operators/config_watcher/operator.py", "")
    write("operators/no_operator/other.py", "")
    assert find(inside) == find(tmp_path) == Project(tmp_path)
    assert find(inside).names == ("config-watcher", "note")


def test_a_link_to_the_operators_does_not_make_a_project_of_an_images_folder(
    write: Write, tmp_path: Path
) -> None:
    write("operators/note/operator.py", DECLARATION % "note")
    image = tmp_path / "images/operators"
    image.mkdir(parents=True)
    (image / "operators").symlink_to("../../operators")
    assert find(image) == Project(tmp_path)


def test_where_there_is_no_project_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    assert enclosing(tmp_path) is None
    with pytest.raises(UsageError, match=r"no operators/<name>/operator\.py here or above") as refusal:
        find(tmp_path)
    assert "rumpf new" in refusal.value.remedy


def test_an_operator_is_loaded_by_either_way_to_write_its_name(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("operators/config_watcher/operator.py", DECLARATION % "config-watcher")
    monkeypatch.chdir(tmp_path)
    assert load("config-watcher") is load("config_watcher")
    assert load("config-watcher").full_name == "config-watcher-operator"


def test_a_declaration_is_loaded_without_what_hosts_it(write: Write, tmp_path: Path) -> None:
    write("operators/note/__init__.py", "raise RuntimeError('hosted')")
    write("operators/note/operator.py", "from operators.note.names import NAME\n" + DECLARATION % "note")
    write("operators/note/names.py", "NAME = 'note'")
    assert Project(tmp_path).load("note").name == "note"


def test_hosting_it_afterwards_is_hosting_the_same(write: Write, tmp_path: Path) -> None:
    write("operators/note/__init__.py", "from operators.note.operator import operator\nhosted = operator")
    write("operators/note/operator.py", DECLARATION % "note")
    loaded = Project(tmp_path).load("note")
    assert importlib.import_module("operators.note").hosted is loaded


def test_projects_do_not_mix_though_their_operators_are_called_alike(write: Write, tmp_path: Path) -> None:
    for project in ("one", "two"):
        write(f"{project}/operators/__init__.py", "")
        write(f"{project}/operators/note/operator.py", DECLARATION % "note" + f"\nplace = '{project}'")
    for project in ("one", "two", "one"):
        Project(tmp_path / project).load("note")
        assert sys.modules["operators.note.operator"].place == project


def test_a_package_that_hides_the_projects_own_is_named(write: Write, tmp_path: Path) -> None:
    write("operators/note/operator.py", DECLARATION % "note")
    (tmp_path / "operators/__init__.py").unlink()
    with pytest.raises(DeclarationError, match="another package called operators hides it") as refusal:
        Project(tmp_path).load("note")
    assert refusal.value.remedy == f"put an empty __init__.py into {tmp_path}/operators"


def test_one_that_is_not_there_is_refused_with_those_that_are(write: Write, tmp_path: Path) -> None:
    write("operators/note/operator.py", DECLARATION % "note")
    with pytest.raises(UsageError, match=r"there is no .*operators/nota/operator.py") as refusal:
        Project(tmp_path).load("nota")
    assert refusal.value.remedy == "there is note; rumpf new nota makes one"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("x = 1\ny = = 2\n", "operators/note/operator.py:2", "SyntaxError"),
        ("import nowhere_to_be_found\n", "operators/note/operator.py:1", "No module named"),
        ("\n\nx = undefined\n", "operators/note/operator.py:3", "NameError: name 'undefined'"),
        ("operator = 1\n", "operators/note/operator.py", "no Operator called `operator`"),
        (DECLARATION % "nota", "operators/note/operator.py", "is called 'nota', its folder 'note'"),
    ],
)
def test_a_declaration_that_cannot_be_loaded_says_where_it_fails(
    write: Write, tmp_path: Path, text: str, where: str, what: str
) -> None:
    write("operators/note/operator.py", text)
    with pytest.raises(DeclarationError) as refusal:
        Project(tmp_path).load("note")
    assert refusal.value.where == where
    assert what in refusal.value.what


def test_what_a_declaration_itself_refuses_is_told_as_it_is(write: Write, tmp_path: Path) -> None:
    write("operators/note/operator.py", DECLARATION.replace('plural="notes"', 'plural=""') % "note")
    with pytest.raises(DeclarationError, match="plural is missing"):
        Project(tmp_path).load("note")


def test_a_file_is_what_it_was_at_a_commit(write: Write, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        names = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", tmp_path, *names, *words], check=True, capture_output=True)

    project = Project(tmp_path / "below")
    file = write("below/a.txt", "안녕\n")
    assert (project.committed(file), project.has_commit("HEAD")) == (None, False)
    assert project.committed_in(tmp_path / "below") == ()
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "v1")
    file.write_text("two\n")
    git("commit", "-qam", "two")
    file.unlink()
    assert project.committed(file, "v1") == "안녕\n"
    assert project.committed(file) == "two\n"
    assert project.committed(tmp_path / "below/b.txt") is None
    assert project.committed_in(tmp_path / "below") == (file,)
    assert project.committed_in(tmp_path / "below/more") == ()
    assert [project.has_commit(ref) for ref in ("v1", "HEAD", "v2", "--all")] == [True, True, False, False]
