"""`rumpf check`: nothing differs from its source, nothing is unsafe, nobody's objects break."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rumpf.errors import CheckFailed, UsageError

Run = Callable[..., Result]
DECLARATION = "operators/note/operator.py"
DEPLOY = "operators/note/k8s/operator-deploy.yaml"


@pytest.fixture
def change(project: Path) -> Callable[[str, str, str], None]:
    """Replace a text in a file of the project."""

    def change_(path: str, old: str, new: str) -> None:
        text = (project / path).read_text()
        assert old in text
        (project / path).write_text(text.replace(old, new))

    return change_


@pytest.fixture
def commit(project: Path) -> Callable[[str], None]:
    """Commit everything, under a tag."""

    def git(*words: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", project, *name, *words], check=True, capture_output=True)

    def commit_(tag: str) -> None:
        git("init", "-q")
        git("add", "-A")
        git("commit", "-qm", tag)
        git("tag", tag)

    return commit_


Change = Callable[[str, str, str], None]
Commit = Callable[[str], None]


def found(project: Path, *arguments: str) -> list[dict[str, str]]:
    """Run the check as a shell does, see it fail, and return what it found."""
    done = rumpf(project, "check", *arguments, "--output=json")
    assert done.returncode == 8, done.stderr
    assert "not as" in done.stderr
    rows: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return rows


def rumpf(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rumpf", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.usefixtures("project")
def test_a_new_operator_passes_and_it_is_said_with_what_it_was_compared(run: Run, commit: Commit) -> None:
    fine = "note: files and policies are as they should be"
    assert run("check").stdout == f"{fine}; nothing is committed yet\n"
    said = {"operators": ["note"], "against": None, "findings": []}
    assert json.loads(run("check", "--output=json").stdout) == said
    commit("v1")
    assert run("check").stdout == f"{fine}, nothing breaks since HEAD\n"
    assert json.loads(run("check", "--against=v1", "--output=json").stdout) == said | {"against": "v1"}


def test_a_file_that_differs_is_shown_with_the_command_that_mends_it(
    project: Path, change: Change, run: Run
) -> None:
    change(DEPLOY, "replicas: 2", "replicas: 5")
    done = rumpf(project, "check")
    assert done.returncode == 8
    first, *diff, remedy = done.stdout.splitlines()
    assert first == f"note: {DEPLOY}: it differs from its source"
    assert {"    -  replicas: 5", "    +  replicas: 2"} <= set(diff)
    assert remedy == "  -> rumpf render --write note"
    assert done.stderr == ("error: note: 1 thing is not as it should be\n  -> each says above what to do\n")
    assert run("render", "--write", "note").exit_code == 0
    assert run("check").exit_code == 0


def test_a_long_difference_is_cut_short(project: Path) -> None:
    (project / DEPLOY).write_text("nothing\n" * 100)
    (finding,) = found(project)
    lines = finding["diff"].splitlines()
    assert len(lines) == 13
    assert lines[-1].endswith("more lines")


def test_a_line_without_an_end_is_cut_short(project: Path) -> None:
    (project / DEPLOY).write_text("x" * 10_000)
    (finding,) = found(project)
    assert max(map(len, finding["diff"].splitlines())) < 250


def test_a_file_that_is_missing_or_left_over_is_named(project: Path) -> None:
    folder = project / "operators/note/k8s"
    (folder / "example-note.yaml").rename(folder / "example-nota.yaml")
    (folder / "by-hand.yaml").write_text("kind: ConfigMap\n")
    assert [(each["where"], each["what"]) for each in found(project)] == [
        ("operators/note/k8s/example-note.yaml", "it is missing"),
        ("operators/note/k8s/example-nota.yaml", "nothing makes it any more"),
    ]


def test_what_breaks_a_policy_is_named(project: Path, change: Change, run: Run) -> None:
    rule = 'rules=[__import__("rumpf").Rule("", "pods/*", ("get",))], samples=['
    change(DECLARATION, "samples=[", rule)
    run("render", "--write")
    (finding,) = found(project)
    assert (finding["check"], finding["where"]) == ("policy", "ClusterRole note-operator")
    assert finding["what"] == "resources has a * (no-wildcard)"


def test_a_sample_that_breaks_a_policy_is_named(project: Path, change: Change, run: Run) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "paper"}, "spec": {"hostNetwork": True}}
    change(DECLARATION, "samples=[", f"samples=[{pod!r}, ")
    run("render", "--write")
    (finding,) = found(project)
    assert (finding["check"], finding["where"]) == ("policy", "Pod paper, hostNetwork")


def test_a_change_that_breaks_stored_objects_is_named_until_it_is_undone(
    project: Path, change: Change, commit: Commit, run: Run
) -> None:
    commit("v1")
    change(DECLARATION, "text: Annotated", "words: Annotated")
    change(DECLARATION, 'spec": {"text"', 'spec": {"words"')
    change(DECLARATION, "spec.text", "spec.words")
    run("render", "--write")
    findings = found(project)
    assert {each["check"] for each in findings} == {"compatibility"}
    assert any(
        each["where"] == "notes.notes.example.com v1alpha1 .spec.text"
        and each["what"].startswith("field removed since HEAD")
        for each in findings
    )
    commit("v2")
    assert run("check").exit_code == 0
    assert found(project, "--against", "v1") != []


def test_a_crd_that_is_gone_breaks_everybody(project: Path, change: Change, commit: Commit, run: Run) -> None:
    commit("v1")
    change(DECLARATION, 'plural="notes"', 'plural="notas"')
    run("render", "--write")
    (finding,) = found(project)
    assert finding["where"] == "notes.notes.example.com"
    assert "deleting it deletes all its objects" in finding["what"]


def test_an_operator_that_was_not_there_yet_breaks_nobody(run: Run, commit: Commit) -> None:
    commit("v1")
    run("new", "other")
    assert run("check", "--against", "v1").exit_code == 0


def test_a_commit_that_is_not_there_is_refused(run: Run, commit: Commit) -> None:
    commit("v1")
    with pytest.raises(UsageError, match="'v9' names no commit here"):
        run("check", "--against", "v9")


@pytest.mark.usefixtures("project")
def test_only_the_operators_that_are_named_are_checked(run: Run, change: Change) -> None:
    run("new", "other")
    change(DEPLOY, "replicas: 2", "replicas: 5")
    assert run("check", "other").exit_code == 0
    with pytest.raises(CheckFailed, match="note: 1 thing"):
        run("check")
