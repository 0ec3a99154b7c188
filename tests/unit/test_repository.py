"""Rules of this repository that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "rumpf").rglob("*.py"))
LOCKS = sorted(
    (*ROOT.glob("requirements/*.txt"), *ROOT.glob("images/*/requirements.txt"), ROOT / "rumpf/image/pip.txt")
)

LONGEST_MODULE = 300  # lines that are not empty
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}

# Taken apart, or this file would name them.
INDEX_HOSTS = tuple(
    name.replace(" ", ".")
    for name in (
        *("pypi org", "pythonhosted org", "proxy golang org", "registry npmjs org"),
        *("deb debian org", "security debian org", "snapshot debian org"),
    )
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_says_in_its_first_line_why_it_exists_and_is_short(module: Path) -> None:
    text = module.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "say in the first line why this module exists"
    assert re.fullmatch(r".*[.:]", docstring.splitlines()[0]), "the first line is a whole sentence"
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) <= LONGEST_MODULE, (
        f"{len(lines)} lines: look for the second reason to exist, and split it"
    )
    assert module.stem not in NAMES_THAT_SAY_NOTHING


@pytest.mark.parametrize("lock", LOCKS, ids=_name)
def test_a_lock_pins_everything_by_hash_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    for pin in pins:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[^ ]+( ; .+)? \\", pin), (
            "a version and a hash, nothing else"
        )
    assert "://" not in text


def test_the_image_of_the_operators_has_what_they_and_rumpf_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["operators"]]
    names = {re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in needed}
    assert set((ROOT / "images/operators/requirements.in").read_text().split()) == names


def test_no_file_names_the_host_of_a_package_index() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so what belongs to it cannot be told")
    files = [path for name in listed.stdout.split("\0") if (path := ROOT / name).is_file()]
    named = [
        f"{_name(path)}: {host}"
        for path in files
        for host in INDEX_HOSTS
        if host in path.read_text(errors="replace")
    ]
    assert named == []


def test_ci_runs_the_test_command_of_the_readme_to_the_letter() -> None:
    last_line = (ROOT / ".ci/run").read_text().splitlines()[-1]
    assert last_line.endswith(".venv/bin/nox")
    assert last_line in (ROOT / "README.md").read_text().splitlines()


def test_the_wheel_brings_all_that_is_not_python_too(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    files = {
        _name(path)
        for path in (ROOT / "rumpf").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }
    assert {"rumpf/py.typed", "rumpf/image/pip.txt", "rumpf/cluster/assets/go/etcd/go.sum"} <= files
    assert files <= names
