"""`rumpf new`: an operator that passes every check from the first moment, and harms nothing that is there."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rumpf.errors import UsageError
from rumpf.manifests import from_yaml
from rumpf.scaffold import plan
from rumpf.scaffold.plan import plural_of

Run = Callable[..., Result]
LONGEST_LINE = 110


def written(folder: Path) -> list[str]:
    """Return the files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted(str(path.relative_to(folder)) for path in found)


def test_an_empty_folder_becomes_a_project(run: Run, tmp_path: Path) -> None:
    done = run("new", "config-watcher")
    files = written(tmp_path)
    assert files == [
        "operators/__init__.py",
        "operators/config_watcher/__init__.py",
        "operators/config_watcher/k8s/crd.yaml",
        "operators/config_watcher/k8s/example-configwatcher.yaml",
        "operators/config_watcher/k8s/operator-deploy.yaml",
        "operators/config_watcher/operator.py",
        "pyproject.toml",
        "tests/e2e/test_config_watcher.py",
        "tests/unit/test_config_watcher.py",
    ]
    said = done.stderr.splitlines()
    assert sorted(line.removeprefix("wrote ") for line in said if line.startswith("wrote ")) == files
    assert said[-5:] == [
        "next: make operators/config_watcher/operator.py do what you want, then",
        "  pip install -e '.[testing]'",
        "  rumpf render --write config-watcher",
        "  rumpf check config-watcher",
        "  pytest tests/unit/test_config_watcher.py tests/e2e/test_config_watcher.py",
    ]


def test_it_passes_its_checks_and_its_own_unit_tests(run: Run, tmp_path: Path) -> None:
    run("new", "note")
    assert run("check").exit_code == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests/unit"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_next_one_joins_the_project_from_any_folder_of_it(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project / "pyproject.toml").read_text()
    monkeypatch.chdir(project / "operators/note/k8s")
    done = run("new", "other")
    assert (project / "operators/other/operator.py").is_file()
    assert (project / "pyproject.toml").read_text() == before
    assert "pip install" not in done.stderr
    assert run("check").exit_code == 0


def test_names_can_be_chosen(run: Run, tmp_path: Path) -> None:
    run("new", "db", "--kind", "SQLDatabase", "--group", "data.example.org", "--plural", "sqldbs")
    (crd,) = from_yaml((tmp_path / "operators/db/k8s/crd.yaml").read_text())
    assert crd["metadata"]["name"] == "sqldbs.data.example.org"
    assert crd["spec"]["names"]["kind"] == "SQLDatabase"
    assert (
        "def config_map_for(sql_database: SQLDatabase)" in (tmp_path / "operators/db/operator.py").read_text()
    )


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "there", ["operators/other/operator.py", "tests/unit/test_other.py", "tests/e2e/test_other.py"]
)
def test_nothing_is_overwritten_and_then_nothing_is_written(run: Run, tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("mine")
    before = written(tmp_path)
    with pytest.raises(UsageError, match=f"already there: {there}") as refusal:
        run("new", "other")
    assert "nothing was written" in refusal.value.remedy
    assert written(tmp_path) == before
    assert (tmp_path / there).read_text() == "mine"


def test_a_pyproject_that_is_there_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("# mine\n")
    assert "pyproject.toml stays as it is" in run("new", "note").stderr
    assert (tmp_path / "pyproject.toml").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["Note"], "NAME: 'Note' will not do"),
        (["1st"], "NAME: '1st' will not do"),
        (["note-"], "NAME: 'note-' will not do"),
        (["../note"], "NAME: '../note' will not do"),
        (["a" * 49], f"NAME: '{'a' * 49}' will not do"),
        (["class", "--kind=Course"], "NAME: 'class' means something else in Python"),
        (["note", "--kind=note"], "--kind: 'note' will not do"),
        (["note", "--kind=Pod"], "--kind: Pod is what rumpf calls something else"),
        (["world"], "--kind: World is what rumpf calls something else"),
        (["config-map"], "--kind: ConfigMap is what rumpf calls something else"),
        (["note", "--plural=No-tes"], "--plural: 'No-tes' will not do"),
        (["note", "--group=notes"], "--group: 'notes' will not do"),
        (["note", "--group=notes.k8s.io"], "--group: notes.k8s.io is Kubernetes' own"),
    ],
    ids=" ".join,
)
def test_names_that_kubernetes_or_python_would_refuse_are_refused_first(
    run: Run, tmp_path: Path, arguments: list[str], what: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        run("new", *arguments)
    assert str(refusal.value).startswith(what)
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", ["a", "status", "reconcile", "import-job", "x" * 40])
def test_any_name_makes_python_that_compiles_in_lines_that_fit(name: str) -> None:
    kind = "Thing" if name == "status" else None
    for path, text in plan(name, kind=kind).files().items():
        ast.parse(text)
        for line in text.splitlines():
            assert len(line) <= LONGEST_LINE or len(name) > 20, (path, line)


@pytest.mark.parametrize("name", ["reconcile", "kept", "lambda-x"])
def test_a_kind_that_is_called_like_something_in_the_code_gets_another_variable(run: Run, name: str) -> None:
    assert run("new", name).exit_code == 0
    assert run("check").exit_code == 0


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("note", "notes"), ("policy", "policies"), ("day", "days"), ("box", "boxes"), ("batch", "batches")],
)
def test_the_plural_is_a_good_guess(singular: str, plural: str) -> None:
    assert plural_of(singular) == plural
