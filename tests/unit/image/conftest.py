"""What the tests of images share."""

from pathlib import Path

import pytest

from rumpf.image.oci import File, write_archive
from tests.unit.image.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Clear PATH and the cache for one test."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path / "cache"))
    return Stage(folder, tmp_path / "notes")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An archive such as an engine saves."""
    path = tmp_path / "saved-by-engine.tar"
    write_archive(path, name="rumpf.local/hello:dev", files={"hello": File(b"hi")}, entrypoint=["/hello"])
    return path
