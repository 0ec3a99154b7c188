"""All that can be chosen is chosen: two namespaces, one replica, another image, settings, where it runs."""

from rumpf import ConfigMap, Deployment, Operator, Resource, Resources, Setting, Status, World, reconciler
from rumpf.manifests import Options


class Site(Resource, group="web.example.com", version="v1beta2", plural="sites"):
    """A web site."""

    status: Status = Status()


@reconciler(Site, owns=[ConfigMap, Deployment])
async def reconcile(_site: Site, _world: World) -> Status:
    """Do nothing: nobody runs it."""
    return Status()


operator = Operator(
    "static-site",
    reconcile,
    description="Serves sites.",
    settings=[
        Setting("SITE_IMAGE", "nginx:1", "The web server."),
        Setting("SITE_BANNER", "off", "What stands above each page."),
        Setting("SITE_COLOUR", "1e3", "Any colour."),
    ],
    connects_to=[5432, 443],
    resources=Resources(cpu="100m", memory="64Mi", memory_limit="1Gi"),
)

options = Options(
    namespace="tools",
    image="registry.example.com/site@sha256:" + "0" * 64,
    watch=["team-b", "tools", "team-b"],
    replicas=1,
    settings={"SITE_BANNER": 'costs $5, "really": $(HOME)'},
)
