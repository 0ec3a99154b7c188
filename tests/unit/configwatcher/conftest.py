"""What the tests of ConfigWatcher's decisions share."""

import asyncio
import importlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.unit.configwatcher.town import Town

Play = Callable[..., Town]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Make a town whose Pods are at work, and whose ConfigMap was adopted some seconds ago."""
    # Its package has an attribute of that name: the operator itself.
    module = importlib.import_module("operators.configwatcher.operator")

    with asyncio.Runner() as runner:

        def made(*, adopt: bool = True, **options: Any) -> Town:  # noqa: ANN401 - those of Town
            town = Town(runner, **options)

            class Clock(datetime):
                @classmethod
                def now(cls, _: object = None) -> datetime:  # type: ignore[override]
                    return town.now

            monkeypatch.setattr(module, "datetime", Clock)
            for _ in range(20):
                town.live(0.5)
            if adopt:
                assert town.look()
                town.live(2)
            return town

        yield made
