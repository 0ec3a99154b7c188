"""What docs/tutorial.md tells a reader to do is done, block by block, and shows what the page says."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rumpf.cluster import attach, best_nodes
from rumpf.cluster.assets import CONTROL_PLANE, FAKE_NODE, REAL_NODE, Assets
from rumpf.console import Lines
from rumpf.errors import NoSuchCluster
from tests.e2e.pages import Block, Reader, blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial.md"
CLUSTER = "tea"
ENGINES = ("docker", "podman", "buildah")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody who has nothing but Python, the clone, and an empty folder beside it."""
    with suppress(NoSuchCluster):
        attach(CLUSTER)
        pytest.skip(f"a cluster called {CLUSTER} is up: somebody reads the tutorial")
    # What a first cluster fetches or builds takes minutes, and is no part of what is tested here.
    Assets(console=Lines()).ensure(CONTROL_PLANE | FAKE_NODE | REAL_NODE)
    (tmp_path / "rumpf").symlink_to(ROOT)
    python = Path(getattr(sys, "_base_executable", sys.executable)).parent
    without = {"KUBECONFIG", "PYTHONPATH", "VIRTUAL_ENV"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in without},
        "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
        # A person's terminal would not say it either.
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with Reader(PAGE, tmp_path, environment) as reader:
        yield reader
    with suppress(NoSuchCluster):
        attach(CLUSTER).down()


def test_the_tutorial_shows_what_it_says(reader: Reader) -> None:
    missing = what_is_missing()
    left_out: list[Block] = []
    for block in blocks(PAGE.read_text()):
        if block.words & missing:
            left_out.append(block)
        else:
            reader.do(block)
    if left_out:
        where = ", ".join(f"{PAGE.name}:{block.line}" for block in left_out)
        pytest.skip(f"all was done but {where}: there is no {' and no '.join(sorted(missing))}")


def what_is_missing() -> set[str]:
    """Tell what the machine cannot do that some blocks need."""
    missing = set[str]()
    if best_nodes()[0] != "real":
        missing |= {"real", "engine"}
    if not any(map(shutil.which, ENGINES)):
        missing.add("engine")
    return missing
