"""`pulumi up` installs what all other ways install: CRDs byte for byte, rights rule for rule."""

from functools import cache

import pytest

from tests.infra.stack import Graph, plain, run
from tests.unit.test_ways import NAMES, PROJECT, WAYS, Way, of


@cache
def graph() -> Graph:
    return run()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_pulumi_installs_the_same_as_every_other_way(way: Way, name: str) -> None:
    mine = [plain(each.manifest) for each in graph().objects if each.name.startswith(f"rumpf-{name}/")]

    assert mine
    installed, expected = of(mine), way(PROJECT.load(name))
    assert installed.crds == expected.crds
    assert installed.rules == expected.rules
    assert installed.beside == expected.beside
    assert installed.container == expected.container
