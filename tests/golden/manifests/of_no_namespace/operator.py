"""What is in no namespace needs a ClusterRole, also where an operator looks after one namespace alone."""

from rumpf import Kind, Operator, Resource, Rule, Secret, Status, View, Watch, World, reconciler
from rumpf.manifests import Options


class Tenant(Resource, group="tenants.example.com", version="v1", plural="tenants", namespaced=False):
    """A customer."""

    status: Status = Status()


class Zone(View):
    """Somebody else's kind."""

    kind = Kind("dns.example.com", "v1", "Zone", "zones", namespaced=False)


async def forget(_tenant: Tenant, _world: World) -> Status:
    """Do nothing: nobody runs it."""
    return Status()


@reconciler(
    Tenant,
    owns=[Secret],
    watches=[Watch(Zone, lambda _zone, _index: [])],
    may=[
        Rule("", "nodes", ("get",)),
        Rule("", "pods/eviction", ("create",)),
        Rule("billing.example.com", "accounts", ("get", "update"), namespaced=False),
    ],
    finalize=forget,
)
async def reconcile(_tenant: Tenant, _world: World) -> Status:
    """Do nothing: nobody runs it."""
    return Status()


operator = Operator("tenant", reconcile, description="Has tenants.")
options = Options(watch=["tenants"])
shows = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
