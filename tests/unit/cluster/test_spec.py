"""What a person may ask for, and what is refused before anything starts."""

import pytest

from rumpf.cluster import ClusterSpec
from rumpf.errors import UsageError


@pytest.mark.parametrize("name", ["a", "rumpf", "test-1", "0", "a" * 40])
def test_a_name_is_lower_case_letters_digits_and_dashes(name: str) -> None:
    assert ClusterSpec(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "a b", "ä", "a\n", "a" * 41]
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a cluster's name") as refusal:
        ClusterSpec(name=name)
    assert (refusal.value.where, refusal.value.exit_code) == ("--name", 2)


def test_nodes_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="choose one of real, fake, none") as refusal:
        ClusterSpec(nodes="virtual")  # type: ignore[arg-type]
    assert refusal.value.where == "--nodes"


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_a_number_of_nodes_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="is not a number of nodes"):
        ClusterSpec(nodes="fake", count=count)


@pytest.mark.parametrize("nodes", ["real", "none"])
def test_only_fake_nodes_come_in_numbers(nodes: str) -> None:
    assert ClusterSpec(nodes="fake", count=100).count == 100
    with pytest.raises(UsageError, match="for many use --nodes fake --count N"):
        ClusterSpec(nodes=nodes, count=2)  # type: ignore[arg-type]
