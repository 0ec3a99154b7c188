"""A plan travels to the process that carries it out."""

import json

from rumpf.cluster.plan import Component, File, Plan


def test_a_plan_survives_the_journey() -> None:
    plan = Plan(
        files=(File("a", "text"), File("b/c", "ümläut\n", mode=0o644)),
        components=(
            Component("one", ("one", "--flag=with space")),
            Component("two", ("two",), env={"A": "b"}, after="ready"),
        ),
        prepare=(("load", "it"),),
    )
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
