"""What the tutorial and the README tell a reader to do is done, block by block, and shows what they say."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rumpf.cluster import attach, best_nodes
from rumpf.cluster.assets import CONTROL_PLANE, FAKE_NODE, REAL_NODE, Assets
from rumpf.cluster.environment import exemption
from rumpf.console import Lines
from rumpf.errors import NoSuchCluster
from tests.e2e.pages import Block, Reader, blocks

ROOT = Path(__file__).parents[2]
TUTORIAL, README = ROOT / "docs/tutorial.md", ROOT / "README.md"
ENGINES = ("docker", "podman", "buildah")
_NOT_THEIRS = {"KUBECONFIG", "PYTHONPATH", "VIRTUAL_ENV"}


def test_the_tutorial_shows_what_it_says(tmp_path: Path) -> None:
    clone(tmp_path / "rumpf")
    with reading(TUTORIAL, tmp_path, cluster="tea") as reader:
        do_all(TUTORIAL, reader)


def test_the_readme_shows_what_it_says(tmp_path: Path) -> None:
    clone(tmp_path / "rumpf")
    with reading(README, tmp_path / "rumpf", cluster="rumpf") as reader:
        do_all(README, reader)


@contextmanager
def reading(page: Path, folder: Path, *, cluster: str) -> Iterator[Reader]:
    """Have somebody who has nothing but Python and a clone; the cluster that they bring up is ended."""
    with suppress(NoSuchCluster):
        attach(cluster)
        pytest.skip(f"a cluster called {cluster} is up: somebody reads {page.name}")
    # What a first cluster fetches or builds takes minutes, and is no part of what is tested here.
    Assets(console=Lines()).ensure(CONTROL_PLANE | FAKE_NODE | REAL_NODE)
    python = Path(getattr(sys, "_base_executable", sys.executable)).parent
    environment = {
        **{name: value for name, value in os.environ.items() if name not in _NOT_THEIRS},
        "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    if spared := exemption():
        # Behind a proxy, `up` prints this to be copied.
        environment["NO_PROXY"] = spared.partition("=")[2]
    try:
        with Reader(page, folder, environment) as reader:
            yield reader
    finally:
        with suppress(NoSuchCluster):
            attach(cluster).down()


def do_all(page: Path, reader: Reader) -> None:
    """Do all that a page says, but for what this machine cannot do."""
    missing = what_is_missing()
    left_out: list[Block] = []
    for block in blocks(page.read_text()):
        if block.words & missing:
            left_out.append(block)
        else:
            reader.do(block)
    if left_out:
        where = ", ".join(f"{page.name}:{block.line}" for block in left_out)
        pytest.skip(f"all was done but {where}: no {' and no '.join(sorted(missing))} here")


def what_is_missing() -> set[str]:
    """Tell what the machine cannot do that some blocks need."""
    missing = set[str]()
    if best_nodes()[0] != "real":
        missing |= {"real", "engine"}
    if not any(map(shutil.which, ENGINES)):
        missing.add("engine")
    return missing


def clone(folder: Path) -> None:
    """Copy what belongs to the repository, as it is now, and nothing that lies around in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so what belongs to it cannot be told")
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
