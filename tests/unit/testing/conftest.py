"""What the tests of the test harness share."""

from pathlib import Path

import pytest

from tests.unit.testing.programs import Programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Programs of the test's own on PATH."""
    return Programs(tmp_path / "programs", monkeypatch)
