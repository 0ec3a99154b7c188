"""What golden tests share: `--accept` writes what came out, for a person to look at in the diff."""

from collections.abc import Callable
from pathlib import Path

import pytest

Expect = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--accept`."""
    parser.addoption("--accept", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Expect:
    """Compare a text with a golden file; a missing file is a difference."""

    def compare(golden: Path, text: str) -> None:
        if request.config.getoption("--accept"):
            golden.write_text(text)
        there = golden.read_text() if golden.exists() else ""
        assert text == there, f"{golden.name} differs; if it should: nox -s golden -- --accept"

    return compare
