"""Kubernetes' own types mean in Python what they mean in the cluster."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from rumpf import Model
from rumpf.errors import DeclarationError
from rumpf.types import (
    Duration,
    LabelRequirement,
    LabelSelector,
    Quantity,
    ResourceRequirements,
    Toleration,
    to_wire,
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        ("100m", "0.1"),
        ("1.5", "1.5"),
        ("-.5", "-0.5"),
        ("2.", "2"),
        ("2Ki", "2048"),
        ("1.5Gi", "1610612736"),
        ("1k", "1000"),
        ("1E", "1e18"),
        ("1e3", "1000"),
        ("1E-3", "0.001"),
        ("5n", "5e-9"),
    ],
)
def test_a_quantity_is_as_much_as_kubernetes_says(text: str, amount: str) -> None:
    assert Quantity(text).amount == Decimal(amount)
    assert Quantity(text) == text


@pytest.mark.parametrize("text", ["", "1GB", "1,5", "Mi", "1 Gi", "0x1", "1e", "1Gi\n"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="is no quantity"):
        Quantity(text)


def test_quantities_are_compared_by_size() -> None:
    assert Quantity("9") < Quantity("10")
    assert Quantity("1Gi") > "1G"
    assert max(Quantity("900m"), Quantity("1"), Quantity("0.5")) == "1"
    assert Quantity("1") <= "1000m"
    assert Quantity("1") >= "1000m"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("5µs", 5e-6)],
)
def test_a_duration_is_as_long_as_go_says(text: str, seconds: float) -> None:
    assert Duration(text).seconds == pytest.approx(seconds)
    assert Duration(text).delta.total_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1d", "90", "1h 30m", "-1s", "1s\n"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="is no duration"):
        Duration(text)


def test_durations_are_compared_by_length() -> None:
    assert Duration("90s") > "1m"
    assert Duration("9m") < "10m"
    assert Duration("60s") <= "1m" <= Duration("60s")
    assert Duration("60s") >= "1m"


class Amounts(Model):
    size: Quantity
    every: Duration = Duration("1m")


def test_amounts_are_read_from_the_wire_and_written_as_they_were() -> None:
    amounts = Amounts.model_validate_json('{"size": 2, "every": "1h"}')
    assert amounts.size.amount == 2
    assert amounts.every.seconds == 3600
    assert to_wire(amounts) == {"size": "2", "every": "1h"}
    assert type(to_wire(amounts)["size"]) is str
    with pytest.raises(ValidationError):
        Amounts.model_validate_json('{"size": "much"}')


SELECTOR = LabelSelector(
    match_labels={"app": "web"},
    match_expressions=(
        LabelRequirement(key="tier", operator="In", values=("a", "b")),
        LabelRequirement(key="zone", operator="NotIn", values=("x",)),
        LabelRequirement(key="team", operator="Exists"),
        LabelRequirement(key="old", operator="DoesNotExist"),
    ),
)


@pytest.mark.parametrize(
    ("change", "selected"),
    [
        ({}, True),
        ({"app": "other"}, False),
        ({"tier": "c"}, False),
        ({"zone": "x"}, False),
        ({"zone": "y"}, True),
        ({"old": ""}, False),
        ({"team": None}, False),
        ({"tier": None}, False),
    ],
)
def test_a_selector_selects_what_kubernetes_would(change: dict[str, str | None], selected: bool) -> None:  # noqa: FBT001
    labels = {"app": "web", "tier": "a", "team": "red"} | change
    assert SELECTOR.matches({key: value for key, value in labels.items() if value is not None}) is selected


def test_an_empty_selector_selects_everything() -> None:
    assert LabelSelector().matches({})
    assert LabelSelector().text() == ""


def test_a_selector_is_written_as_a_watch_takes_it() -> None:
    assert SELECTOR.text() == "app=web,tier in (a,b),zone notin (x),team,!old"


def test_a_model_in_a_manifest_says_only_what_was_said() -> None:
    assert to_wire(Toleration(operator="Exists", toleration_seconds=5)) == {
        "operator": "Exists",
        "tolerationSeconds": 5,
    }
    assert to_wire(LabelSelector()) == {}
    assert to_wire(ResourceRequirements(limits={"memory": Quantity("1Gi")})) == {"limits": {"memory": "1Gi"}}
