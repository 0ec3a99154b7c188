"""A cluster of Google Kubernetes Engine: private nodes, and no more rights than it needs.

Its API server has an address in the internet, and `authorizedNetworks` says who reaches it.
"""

import json
from typing import Any

import pulumi
from pulumi_gcp import container

from infra.clusters.access import Access
from infra.clusters.gke_account import Account, Project, node_account
from infra.clusters.gke_network import Network, network
from infra.clusters.gke_registry import registry
from infra.settings import GkeValues, PoolValues, key, parse
from rumpf.errors import UsageError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""What a node's account may do is told by its roles, and by nothing else."""
_SLOW = pulumi.CustomTimeouts(create="60m", update="60m", delete="60m")


def gke(values: GkeValues) -> Access:
    """Make a cluster with its network, its nodes' account and its registry.

    Raises UsageError where the config does not say in which project and where, or what it is called.
    """
    values = values if values.name else _like_the_stack(values)
    project = Project.enabled(_needed("project"))
    place = values.location or _needed("region")
    if values.mode == "autopilot" and _is_zone(place):
        raise UsageError(
            f"an Autopilot cluster is in a region, and {place} is a zone",
            where=key("gke", "location"),
            remedy=f"name its region, {place[:-2]}, or set {key('gke', 'mode')} to standard",
        )
    region = place[:-2] if _is_zone(place) else place
    net = network(values, region, project)
    account = node_account(values.name, project)
    images = registry(values, region, project, account)
    cluster = _cluster(values, place, project, net, account)
    # An Autopilot cluster has no pools: Google makes nodes for the Pods that there are.
    pools = (
        [] if values.mode == "autopilot" else [_pool(each, cluster, account.email) for each in values.pools]
    )
    return Access(
        f"gke {project.name}/{place}/{values.name}",
        pulumi.Output.secret(
            pulumi.Output.all(cluster.endpoint, cluster.master_auth).apply(
                lambda known: _kubeconfig(values.name, *known)
            )
        ),
        provider={"cluster_identifier": cluster.self_link},
        made=cluster,
        protected=values.deletion_protection,
        image=images.image,
        mirrors=values.registry == "mirror",
        needed=(*pools, *images.ready, *net.ready),
        notes={"registry": images.address} if images.address else {},
    )


def _cluster(
    values: GkeValues, place: str, project: Project, net: Network, account: Account
) -> container.Cluster:
    autopilot = values.mode == "autopilot"
    kind = _autopilot(account.email) if autopilot else _standard(account.email, project)
    allowed = values.authorized_networks
    return container.Cluster(
        "cluster",
        name=values.name,
        project=project.name,
        location=place,
        deletion_protection=values.deletion_protection,
        network=net.network.id,
        subnetwork=net.subnetwork.id,
        networking_mode="VPC_NATIVE",
        ip_allocation_policy={
            "cluster_secondary_range_name": net.pods,
            "services_secondary_range_name": net.services,
        },
        # The API server keeps its address in the internet: it is from there that `pulumi up` asks it.
        private_cluster_config={
            "enable_private_nodes": values.private_nodes,
            "enable_private_endpoint": False,
        },
        master_authorized_networks_config=None
        if allowed is None
        else {
            "cidr_blocks": [
                {"display_name": name, "cidr_block": block} for name, block in sorted(allowed.items())
            ]
        },
        master_auth={"client_certificate_config": {"issue_client_certificate": False}},
        release_channel={"channel": values.release_channel},
        resource_labels={"managed-by": "pulumi", "app": "rumpf"},
        opts=pulumi.ResourceOptions(
            depends_on=[*project.ready, *account.ready],
            # Else what is around it, and the memory of what is on it, would be gone before Google refuses.
            protect=values.deletion_protection,
            custom_timeouts=_SLOW,
            ignore_changes=_LATER,
        ),
        **kind,
    )


_LATER = ["nodeConfig", "initialNodeCount"]
"""What only counts for the pool that a Standard cluster is born with, and loses at once."""


def _autopilot(account: pulumi.Output[str]) -> dict[str, Any]:
    """Return what makes an Autopilot cluster. Workload Identity and Shielded nodes it always has."""
    return {
        "enable_autopilot": True,
        "cluster_autoscaling": {
            "auto_provisioning_defaults": {"service_account": account, "oauth_scopes": [_SCOPE]}
        },
    }


def _standard(account: pulumi.Output[str], project: Project) -> dict[str, Any]:
    """Return what makes a Standard cluster, with all that an Autopilot cluster has by itself."""
    return {
        "remove_default_node_pool": True,
        "initial_node_count": 1,
        "node_config": _node(PoolValues(), account),
        "enable_shielded_nodes": True,
        "workload_identity_config": {"workload_pool": f"{project.name}.svc.id.goog"},
        # Without it a NetworkPolicy says nothing.
        "datapath_provider": "ADVANCED_DATAPATH",
    }


def _pool(values: PoolValues, cluster: container.Cluster, account: pulumi.Output[str]) -> container.NodePool:
    return container.NodePool(
        f"pool-{values.name}",
        name=values.name,
        cluster=cluster.id,
        autoscaling={"min_node_count": values.min_nodes, "max_node_count": values.max_nodes},
        initial_node_count=max(values.min_nodes, 1),
        management={"auto_repair": True, "auto_upgrade": True},
        upgrade_settings={"max_surge": 1, "max_unavailable": 0},
        node_config=container.NodePoolNodeConfigArgs(**_node(values, account)),
        # How many there are now is the autoscaler's to say.
        opts=pulumi.ResourceOptions(
            parent=cluster, deleted_with=cluster, custom_timeouts=_SLOW, ignore_changes=["initialNodeCount"]
        ),
    )


def _node(values: PoolValues, account: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "machine_type": values.machine_type,
        "disk_size_gb": values.disk_gb,
        "spot": values.spot,
        "image_type": "COS_CONTAINERD",
        "service_account": account,
        "oauth_scopes": [_SCOPE],
        "shielded_instance_config": {"enable_secure_boot": True, "enable_integrity_monitoring": True},
        "workload_metadata_config": {"mode": "GKE_METADATA"},
        "metadata": {"disable-legacy-endpoints": "true"},
    }


def _kubeconfig(name: str, endpoint: str, auth: object) -> str:
    """Return a kubeconfig without a secret in it: who uses it logs in as who he is, by Google's plugin."""
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "gke-gcloud-auth-plugin",
        "installHint": "gcloud components install gke-gcloud-auth-plugin",
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": True,
    }
    server = {"server": f"https://{endpoint}", "certificate-authority-data": _ca(auth)}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": server}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "users": [{"name": name, "user": {"exec": login}}],
        }
    )


def _ca(auth: Any) -> str:  # noqa: ANN401 - an output of Pulumi's own type, or a plain dictionary in tests
    return str(auth["cluster_ca_certificate"] if isinstance(auth, dict) else auth.cluster_ca_certificate)


def _like_the_stack(values: GkeValues) -> GkeValues:
    """Return a cluster that is called as the stack, so that two stacks can be in one project."""
    stack = pulumi.get_stack()
    try:
        parse({"cluster": "gke", "gke": {"name": stack}})
    except UsageError:
        raise UsageError(
            f"the cluster would be called {stack}, as the stack, and cannot be",
            where=key("gke", "name"),
            remedy=f"pulumi config set --path '{key('gke', 'name')}' NAME, of at most 24 of a-z, 0-9 and -",
        ) from None
    return values.model_copy(update={"name": stack})


def _is_zone(place: str) -> bool:
    return len(place) > 2 and place[-2] == "-"  # noqa: PLR2004 - europe-west1-b


def _needed(name: str) -> str:
    value = pulumi.Config("gcp").get(name)
    if not value:
        raise UsageError(
            "the config does not say it", where=f"gcp:{name}", remedy=f"pulumi config set gcp:{name} ..."
        )
    return value
