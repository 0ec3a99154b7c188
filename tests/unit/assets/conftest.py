"""What the tests of binaries share."""

import json
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from rumpf.cluster.assets import catalog, golang, pins
from tests.unit.assets.origin import Origin, serving
from tests.unit.assets.scene import VERSIONS, Scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Scene]:
    """A machine with nothing on PATH, nothing in the cache, and no release pinned."""
    scene = Scene(path=tmp_path / "path", cache=tmp_path / "cache", pins=tmp_path / "pins.json")
    scene.path.mkdir()
    scene.pins.write_text(json.dumps({name: {"version": version} for name, version in VERSIONS.items()}))
    monkeypatch.setenv("PATH", str(scene.path))
    monkeypatch.setenv("RUMPF_CACHE", str(scene.cache))
    monkeypatch.delenv("RUMPF_BIN", raising=False)
    monkeypatch.setattr(pins, "PINS", scene.pins)
    monkeypatch.setattr(golang, "_USUAL", tmp_path / "no-go")
    _forget()
    yield scene
    _forget()


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Generator[Origin]:
    """A mirror of releases; it has none yet."""
    with serving(Origin()) as origin:
        monkeypatch.setenv("RUMPF_MIRROR", origin.url)
        yield origin


@pytest.fixture
def small_disk(scene: Scene) -> Generator[Path]:
    """Make the cache a disk of its own, of 200 kB."""
    scene.cache.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", scene.cache],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk needs a mount, and this user may not do that")
    yield scene.cache
    subprocess.run(["/bin/umount", "--lazy", scene.cache], check=True)


def _forget() -> None:
    pins.pinned.cache_clear()
    catalog.upstreams.cache_clear()
