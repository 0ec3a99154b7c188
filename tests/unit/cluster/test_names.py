"""A name that cannot be a cluster's names no folder: what lies elsewhere is never swept away."""

from pathlib import Path

import pytest

from rumpf.cluster import attach
from rumpf.errors import RumpfError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with something dear in it, and the cache."""
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "clusters" / "up" / "logs").mkdir(parents=True)
    (tmp_path / "cache" / "bin").mkdir()
    (tmp_path / "dear").mkdir()
    (tmp_path / "dear" / "thesis.tex").write_text("all of it")
    return tmp_path


@pytest.mark.parametrize("name", ["", ".", "..", "../../dear", "{home}/dear", "up/logs"])
def test_nothing_is_removed_for_a_name_that_is_none(home: Path, name: str) -> None:
    before = sorted(home.rglob("*"))
    with pytest.raises(RumpfError):
        attach(name.format(home=home))
    assert sorted(home.rglob("*")) == before
