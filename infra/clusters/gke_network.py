"""The network of a GKE cluster: its own, with ranges for nodes, Pods and Services."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_gcp import compute

from infra.clusters.gke_account import Project
from infra.settings import GkeValues


@dataclass(frozen=True)
class Network:
    """Where a cluster is."""

    network: compute.Network
    subnetwork: compute.Subnetwork
    pods: str
    """The name of the range of Pods."""
    services: str
    """The name of the range of Services."""
    ready: Sequence[pulumi.Resource]
    """What must be there before a node can pull an image."""


def network(values: GkeValues, region: str, project: Project) -> Network:
    """Make a network that has nothing else in it."""
    pods, services = "pods", "services"
    own = compute.Network(
        "network",
        name=values.name,
        project=project.name,
        auto_create_subnetworks=False,
        routing_mode="REGIONAL",
        opts=pulumi.ResourceOptions(depends_on=project.ready, protect=values.deletion_protection),
    )
    subnetwork = compute.Subnetwork(
        "subnetwork",
        name=values.name,
        project=project.name,
        region=region,
        network=own.id,
        ip_cidr_range=values.node_range,
        # Google's registry and APIs are within reach of nodes without an address in the internet.
        private_ip_google_access=True,
        secondary_ip_ranges=[
            {"range_name": pods, "ip_cidr_range": values.pod_range},
            {"range_name": services, "ip_cidr_range": values.service_range},
        ],
    )
    way_out = [_nat(values, region, project, own)] if values.private_nodes and values.nat else []
    return Network(own, subnetwork, pods, services, way_out)


def _nat(values: GkeValues, region: str, project: Project, own: compute.Network) -> compute.RouterNat:
    router = compute.Router("router", name=values.name, project=project.name, region=region, network=own.id)
    return compute.RouterNat(
        "nat",
        name=values.name,
        project=project.name,
        region=region,
        router=router.name,
        nat_ip_allocate_option="AUTO_ONLY",
        source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
        log_config={"enable": True, "filter": "ERRORS_ONLY"},
        opts=pulumi.ResourceOptions(protect=values.deletion_protection),
    )
