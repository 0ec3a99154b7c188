"""What the tests of a cluster's life share: machines to live on, and the binaries, ready to run."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from rumpf.cluster import best_nodes
from rumpf.cluster.assets import CONTROL_PLANE, DEFAULT_KUBERNETES, FAKE_NODE, REAL_NODE, SAMPLE_IMAGE, Assets
from rumpf.cluster.template import template_for
from rumpf.console import Lines
from rumpf.paths import cache_dir
from tests.e2e.lifecycle.machine import Machine, booted


class MakeMachine(Protocol):
    """Boots a machine whose cache has what is in stock, except what is named."""

    def __call__(
        self, *, without: tuple[str, ...] = (), owner: int = 0
    ) -> contextlib.AbstractContextManager[Machine]:
        """Boot it for the length of a block; its cache belongs to `owner`."""
        ...


@pytest.fixture(scope="session")
def stock() -> dict[Path, str]:
    """What is fetched or made once, by folder, and its place in a cache."""
    if os.geteuid() != 0:
        pytest.skip("a machine of one's own takes root")
    assets = Assets(console=Lines())
    binaries = assets.ensure(CONTROL_PLANE | FAKE_NODE | REAL_NODE | SAMPLE_IMAGE)
    assets.tools()
    template_of(binaries)
    return {path: name for name in ("bin", "system", "templates") if (path := cache_dir() / name).is_dir()}


def template_of(binaries: Mapping[str, Path]) -> Path:
    """The etcd data that a cluster of these binaries starts from."""
    return template_for(DEFAULT_KUBERNETES, {name: str(path) for name, path in binaries.items()}, Lines())


@pytest.fixture(scope="session")
def template_size(stock: dict[Path, str]) -> int:
    """How large that is, in kilobytes."""
    assert stock
    folder = template_of(Assets().ensure(CONTROL_PLANE))
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) // 1024


@pytest.fixture(scope="session")
def make_machine(stock: dict[Path, str]) -> MakeMachine:
    """Boot machines."""

    @contextmanager
    def make(*, without: tuple[str, ...] = (), owner: int = 0) -> Generator[Machine]:
        # Not below the test's own folder: that one is closed to other users.
        folder = Path(tempfile.mkdtemp(prefix="machine-"))
        cache = folder / "cache"
        try:
            cache.mkdir(mode=0o700)
            os.chown(cache, owner, owner)
            folder.chmod(0o755)
            shown = {source: cache / name for source, name in stock.items() if name not in without}
            with booted(folder, shown) as machine:
                yield machine
        finally:
            shutil.rmtree(folder)

    return make


@pytest.fixture
def machine(make_machine: MakeMachine) -> Generator[Machine]:
    """A machine of the test's own."""
    with make_machine() as machine:
        yield machine


@pytest.fixture(params=["real", "fake"])
def nodes(request: pytest.FixtureRequest) -> str:
    """A test that asks for it runs with both kinds of nodes; with real ones where they can run."""
    if request.param == "real":
        need_real_nodes()
    return str(request.param)


@pytest.fixture
def real_nodes() -> None:
    """Skip where no real node can run."""
    need_real_nodes()


def need_real_nodes() -> None:
    """Skip where no real node can run."""
    nodes, reason = best_nodes()
    if nodes != "real":
        pytest.skip(reason)
