"""An operator with two rights that can be withheld: one that it has by default, and one that it has not."""

from rumpf import ConfigMap, Grant, Operator, Resource, Rule, Secret, Status, Watch, World, reconciler

SECRETS = Grant("secrets", "Reads the Secrets that a Restarter names.")
ROLLOUT = Grant("rollout", "Changes the templates of Deployments.", default=True)


class Restarter(Resource, group="restart.example.com", version="v1", plural="restarters"):
    """Restarts something when something changes."""

    status: Status = Status()


def _named(_: Restarter) -> tuple[str, ...]:
    return ()


@reconciler(
    Restarter,
    watches=[
        Watch(ConfigMap, refers=_named, metadata_only=True),
        Watch(Secret, refers=_named, metadata_only=True, grant=SECRETS),
    ],
    may=[
        Rule("", "pods/eviction", ("create",)),
        Rule("apps", "deployments", ("patch",), grant=ROLLOUT),
        Rule("", "nodes", ("get",), grant=ROLLOUT),
    ],
)
async def _reconcile(_restarter: Restarter, _world: World) -> Status:
    return Status()


operator = Operator("restarter", _reconcile, description="Restarts things.", grants=[SECRETS, ROLLOUT])
shows = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment"}
