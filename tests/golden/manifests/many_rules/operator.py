"""Rules that say the same become one; a kind without status needs no rule for it."""

from rumpf import ConfigMap, Operator, Pod, Resource, Rule, Secret, Status, Watch, World, reconciler


class Plan(Resource, group="plans.example.com", version="v1", plural="plans"):
    """A plan."""

    status: Status = Status()


class Note(Resource, group="plans.example.com", version="v1", plural="notes"):
    """A note, which has no status."""


@reconciler(
    Plan,
    owns=[ConfigMap, Pod],
    watches=[Watch(Secret, lambda _secret, _index: []), Watch(ConfigMap, lambda _config_map, _index: [])],
    may=[
        Rule("", "pods", ("list", "deletecollection")),
        Rule("", "pods/log", ("get",)),
        Rule("", "secrets", ("get", "list", "update"), names=("one", "two")),
        Rule("", "secrets", ("get",), names=("three",)),
        Rule("apps", "deployments/scale", ("patch",)),
    ],
)
async def reconcile_plan(_plan: Plan, _world: World) -> Status:
    """Do nothing: nobody runs it."""
    return Status()


@reconciler(
    Note,
    may=[Rule("apps", "statefulsets/scale", ("patch",)), Rule("", "secrets", ("update",), names=("three",))],
)
async def reconcile_note(_note: Note, _world: World) -> None:
    """Do nothing: nobody runs it."""


operator = Operator(
    "plan",
    reconcile_plan,
    reconcile_note,
    description="Follows plans.",
    rules=[Rule("apps", "deployments/scale", ("get",)), Rule("apps", "statefulsets/scale", ("get",))],
)
shows = {"ClusterRole"}
