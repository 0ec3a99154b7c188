"""Resources as a row of a table tells of them."""

from typing import Any

from rumpf.install.sight import Row, row_of
from rumpf.kinds import Kind

KIND = Kind("things.test", "v1", "Thing", "things")


def thing(*conditions: dict[str, object], generation: int = 2) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "one",
            "namespace": "here",
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "status": {"conditions": list(conditions)},
    }


def ready(status: str, generation: int | None = 2) -> dict[str, object]:
    found: dict[str, object] = {"type": "Ready", "status": status, "reason": "Because", "message": "So it is"}
    return found if generation is None else {**found, "observedGeneration": generation}


def test_a_row_tells_whether_a_resource_is_ready_and_why() -> None:
    row = row_of(thing(ready("True")), KIND)
    assert row == Row("Thing", "here", "one", "True", "Because", "So it is", "2026-01-01T00:00:00Z")
    assert row.is_ready
    assert row.place == "here/one"
    assert not row_of(thing(ready("False")), KIND).is_ready


def test_what_was_said_of_an_earlier_generation_counts_no_more() -> None:
    assert row_of(thing(ready("True", 1)), KIND).ready == "Unknown"
    assert row_of(thing(ready("True", None)), KIND).is_ready


def test_a_resource_that_nobody_has_looked_at_says_nothing() -> None:
    assert row_of(thing(), KIND).ready == ""
    bare: dict[str, Any] = {"metadata": {"name": "one"}}
    assert row_of(bare, KIND).place == "one"
