"""`rumpf new`: an operator that passes every check from the first moment, and harms nothing that is there."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rumpf.errors import UsageError
from rumpf.image.oci import File, write_archive
from rumpf.manifests import from_yaml
from rumpf.scaffold import plan
from rumpf.scaffold.plan import plural_of

Run = Callable[..., Result]
ROOT = Path(__file__).parents[3]
LONGEST_LINE = 110
LOCK = (
    "uv pip compile --universal --python-version 3.11 --generate-hashes -P rumpf"
    " -o images/operators/requirements.txt images/operators/requirements.in"
)
# It notes what it is shown to build from, and hands out an archive that was there before.
DOCKER = """#!/bin/sh
for last; do :; done
case "$1" in build) cp -r "$last" "{seen}";; save) cp "{saved}" "$3";; esac
"""


def written(folder: Path) -> list[str]:
    """Return the files and links below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return sorted(str(path.relative_to(folder)) for path in found if path.suffix != ".pyc")


def test_an_empty_folder_becomes_a_project(run: Run, tmp_path: Path) -> None:
    done = run("new", "config-watcher")
    files = written(tmp_path)
    assert files == [
        ".gitignore",
        "images/operators/Containerfile",
        "images/operators/operators",
        "images/operators/requirements.in",
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
    assert sorted(line.split()[1] for line in said if line.startswith("wrote ")) == files
    assert "wrote images/operators/operators -> ../../operators" in said
    assert said[len(files) :] == [
        "next: make operators/config_watcher/operator.py do what you want, then",
        "  pip install -e '.[testing]'",
        "  rumpf render --write config-watcher",
        "  rumpf check config-watcher",
        "  pytest tests/unit/test_config_watcher.py tests/e2e/test_config_watcher.py",
        "and for the image, which all operators here share:",
        "  pip install uv",
        "  pip wheel --no-deps --wheel-dir dist/wheels /path/to/rumpf",
        "  export UV_FIND_LINKS=dist/wheels PIP_FIND_LINKS=dist/wheels",
        f"  {LOCK}",
        "  rumpf image build operators",
    ]


def test_it_passes_its_checks_and_its_own_unit_tests(run: Run, tmp_path: Path) -> None:
    run("new", "note")
    assert run("check").exit_code == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests/unit"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_its_image_has_the_operators_and_is_called_as_their_deployments_say(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker, seen, saved = (project / name for name in ("path/docker", "seen", "saved.tar"))
    write_archive(saved, name="rumpf.local/operators:dev", files={"/x": File(b"")}, entrypoint=["/x"])
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(seen=seen, saved=saved))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    # Locking takes an index; with nothing wanted there is nothing to lock.
    (project / "images/operators/requirements.in").unlink()
    done = run("image", "build", "operators", "--engine", "docker", "--output", "json")
    (built,) = json.loads(done.stdout)
    manifests = from_yaml((project / "operators/note/k8s/operator-deploy.yaml").read_text())
    (deployment,) = (each for each in manifests if each["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == built["reference"]
    assert not (seen / "operators").is_symlink()
    assert (seen / "operators/note/operator.py").is_file()


def test_its_image_is_made_as_rumpfs_own_but_with_rumpf_from_the_lock(project: Path) -> None:
    steps = (project / "images/operators/Containerfile").read_text().splitlines()
    ours = (ROOT / "images/operators/Containerfile").read_text()
    about_source = re.compile(r"(?s)# Rumpf, from.*?(?=COPY operators)")
    assert about_source.search(ours)
    assert steps[1:] == about_source.sub("", ours).splitlines()[1:]
    wanted = (project / "images/operators/requirements.in").read_text().splitlines()
    assert wanted[-2:] == [f"# {LOCK}", "rumpf"]


def test_an_image_that_is_there_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "images/operators").mkdir(parents=True)
    (tmp_path / "images/operators/Containerfile").write_text("# mine\n")
    done = run("new", "note")
    assert "wrote images" not in done.stderr
    assert written(tmp_path / "images") == ["operators/Containerfile"]
    assert (tmp_path / "images/operators/Containerfile").read_text() == "# mine\n"
    assert done.stderr.splitlines()[-1] == "  rumpf image build operators"


def test_the_next_operator_is_in_the_same_image_which_is_locked_only_once(run: Run, project: Path) -> None:
    assert f"  {LOCK}" in run("new", "before").stderr.splitlines()
    (project / "images/operators/requirements.txt").touch()
    before = written(project / "images")
    said = run("new", "after").stderr
    assert written(project / "images") == before
    assert LOCK not in said
    assert said.splitlines()[-1] == "  rumpf image build operators"


def test_a_project_without_an_image_is_given_none(run: Run, project: Path) -> None:
    shutil.rmtree(project / "images")
    assert "image" not in run("new", "other").stderr
    assert not (project / "images").exists()


def test_the_next_one_joins_the_project_from_any_folder_of_it(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project / "pyproject.toml").read_text()
    monkeypatch.chdir(project / "operators/note/k8s")
    done = run("new", "other")
    assert (project / "operators/other/operator.py").is_file()
    assert (project / "pyproject.toml").read_text() == before
    assert "pip install -e" not in done.stderr
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


def test_git_ignores_what_is_made_of_a_project_and_no_file_of_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("# mine\n")
    run("new", "note")
    assert (tmp_path / ".gitignore").read_text() == "# mine\n"
    (tmp_path / ".gitignore").unlink()
    shutil.rmtree(tmp_path / "operators")
    shutil.rmtree(tmp_path / "tests")
    run("new", "note")
    made = [".venv/bin/python", "dist/wheels/rumpf.whl", "operators/note/__pycache__/operator.pyc"]
    for path in made:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    shown = [*git, "status", "--porcelain", "--untracked-files=all"]
    listed = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.splitlines()
    assert sorted(line[3:] for line in listed) == [path for path in written(tmp_path) if seen(path, made)]


def seen(path: str, made: list[str]) -> bool:
    return path not in made and not path.startswith(".git/")


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
