"""A cluster of GKE: private, with its own network and account, and no more rights than it needs."""

import json
from typing import Any
from unittest.mock import patch

import pulumi
import pytest
import yaml

from rumpf.olm.ledger import read_ledger
from rumpf.operator import IMAGE
from tests.infra.stack import ROOT, Graph, Registered, run

CLUSTER = "gcp:container/cluster:Cluster"
POOL = "gcp:container/nodePool:NodePool"
GUARD = "rumpf:index:Guard"
ACCOUNT = "rumpf-nodes@somewhere.example"


def gke(**values: object) -> Graph:
    return run("gke", {"gcp:project": "somewhere", "rumpf:gke": values})


AUTOPILOT = gke()
STANDARD = gke(mode="standard")


@pytest.fixture(params=[AUTOPILOT, STANDARD], ids=["autopilot", "standard"])
def graph(request: pytest.FixtureRequest) -> Graph:
    found: Graph = request.param
    return found


def cluster(graph: Graph) -> dict[str, Any]:
    return graph.one(CLUSTER).inputs


def nodes(graph: Graph) -> list[dict[str, Any]]:
    """Return what is said of nodes, wherever it is said."""
    said = [
        each.inputs["nodeConfig"]
        for each in [*graph.of_type(POOL), graph.one(CLUSTER)]
        if "nodeConfig" in each.inputs
    ]
    automatic = cluster(graph).get("clusterAutoscaling", {}).get("autoProvisioningDefaults")
    return [*said, *([automatic] if automatic else [])]


def test_autopilot_is_the_default_and_has_no_pools() -> None:
    assert cluster(AUTOPILOT)["enableAutopilot"] is True
    assert not AUTOPILOT.of_type(POOL)
    assert "enableAutopilot" not in cluster(STANDARD)
    assert len(STANDARD.of_type(POOL)) == 1


def test_nodes_have_no_address_in_the_internet_unless_the_config_says_so(graph: Graph) -> None:
    assert cluster(graph)["privateClusterConfig"]["enablePrivateNodes"] is True
    assert cluster(gke(privateNodes=False))["privateClusterConfig"]["enablePrivateNodes"] is False


def test_private_nodes_reach_the_internet_by_a_nat_only_if_wanted(graph: Graph) -> None:
    assert len(graph.of_type("gcp:compute/routerNat:RouterNat")) == 1
    for values in ({"nat": False}, {"privateNodes": False}, {"privateNodes": False, "nat": False}):
        other = {} if "privateNodes" in values else {"rumpf:values": COPIES}
        graph = run("gke", {"gcp:project": "somewhere", "rumpf:gke": values, **other})
        assert not graph.of_type("gcp:compute/routerNat:RouterNat")


COPIES = {"message": {"settings": {"MESSAGE_IMAGE": "europe-docker.pkg.dev/somewhere/copies/busybox:1.37"}}}


@pytest.mark.parametrize(
    ("gke", "more", "image", "key"),
    [
        ({}, {}, "docker.io/library/busybox:1.37", "values.message.settings.MESSAGE_IMAGE"),
        (
            {},
            {"values": {**COPIES, "configwatcher": {"image": "gcr.io.example/own:1"}}},
            "gcr.io.example/own:1",
            "values.configwatcher.image",
        ),
        ({}, {"values": COPIES, "image": "busybox"}, "busybox", "values.configwatcher.image"),
        ({"registry": "none"}, {"values": COPIES}, IMAGE, "values.configwatcher.image"),
    ],
)
def test_an_image_that_nodes_without_a_way_out_cannot_pull_is_refused_before_anything_is_made(
    gke: dict[str, object], more: dict[str, object], image: str, key: str
) -> None:
    config = {f"rumpf:{name}": value for name, value in more.items()}
    seen: list[str] = []

    with pytest.raises(pulumi.RunError) as raised:
        run("gke", {"gcp:project": "p", "rumpf:gke": {"nat": False, **gke}, **config}, seen=seen)

    assert str(raised.value).startswith(f"rumpf:gke.nat: without it, nodes cannot pull {image}")
    assert f"pulumi config set --path 'rumpf:{key}'" in str(raised.value)
    assert seen == []


@pytest.mark.parametrize(
    "image", ["gcr.io/somewhere/own:1", "eu.gcr.io/own:1", "us-docker.pkg.dev/a/b/own:1"]
)
def test_an_image_of_googles_registries_needs_no_way_out(image: str) -> None:
    config = {"gcp:project": "p", "rumpf:gke": {"nat": False, "registry": "none"}}

    assert run("gke", {**config, "rumpf:values": COPIES, "rumpf:image": image}).objects


def test_the_network_is_the_clusters_own_with_ranges_for_pods_and_services(graph: Graph) -> None:
    network = graph.one("gcp:compute/network:Network")
    subnetwork = graph.one("gcp:compute/subnetwork:Subnetwork").inputs
    ranges = {each["rangeName"]: each["ipCidrRange"] for each in subnetwork["secondaryIpRanges"]}
    used = cluster(graph)["ipAllocationPolicy"]

    assert network.inputs["autoCreateSubnetworks"] is False
    assert subnetwork["network"] == f"{network.name}-id"
    assert subnetwork["privateIpGoogleAccess"] is True
    assert ranges == {"pods": "10.68.0.0/14", "services": "10.72.0.0/20"}
    assert (used["clusterSecondaryRangeName"], used["servicesSecondaryRangeName"]) == ("pods", "services")


def test_nodes_run_as_an_account_of_their_own_that_may_write_logs_and_pull_images(graph: Graph) -> None:
    roles = graph.of_type("gcp:projects/iAMMember:IAMMember")
    reader = graph.one("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember").inputs

    assert {each["serviceAccount"] for each in nodes(graph)} == {ACCOUNT}
    assert [each.inputs["role"] for each in roles] == ["roles/container.defaultNodeServiceAccount"]
    assert (reader["role"], reader["repository"]) == ("roles/artifactregistry.reader", "gke")
    assert {each["member"] for each in (reader, roles[0].inputs)} == {f"serviceAccount:{ACCOUNT}"}


def test_nodes_of_a_standard_cluster_are_as_safe_as_those_of_autopilot() -> None:
    made = cluster(STANDARD)

    assert made["enableShieldedNodes"] is True
    assert made["workloadIdentityConfig"] == {"workloadPool": "somewhere.svc.id.goog"}
    assert made["datapathProvider"] == "ADVANCED_DATAPATH"
    assert made["removeDefaultNodePool"] is True
    assert len(nodes(STANDARD)) == 2
    for each in nodes(STANDARD):
        assert each["shieldedInstanceConfig"] == {"enableSecureBoot": True, "enableIntegrityMonitoring": True}
        assert each["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
        assert each["metadata"] == {"disable-legacy-endpoints": "true"}


def test_nobody_logs_in_by_a_client_certificate(graph: Graph) -> None:
    assert cluster(graph)["masterAuth"] == {"clientCertificateConfig": {"issueClientCertificate": False}}


def test_the_api_server_answers_only_the_networks_that_the_config_names() -> None:
    named = cluster(gke(authorizedNetworks={"office": "203.0.113.0/24"}))

    assert named["masterAuthorizedNetworksConfig"] == {
        "cidrBlocks": [{"displayName": "office", "cidrBlock": "203.0.113.0/24"}]
    }
    assert "masterAuthorizedNetworksConfig" not in cluster(AUTOPILOT)


def test_a_cluster_cannot_be_destroyed_by_accident_unless_the_config_lets_it() -> None:
    assert cluster(gke())["deletionProtection"] is True
    assert cluster(gke(deletionProtection=False))["deletionProtection"] is False
    assert cluster(run("gke", {"gcp:project": "somewhere"}))["deletionProtection"] is False


@pytest.mark.parametrize("mode", ["autopilot", "standard"])
def test_what_a_protected_cluster_needs_is_protected_with_it(mode: str) -> None:
    kinds = {
        CLUSTER,
        "gcp:compute/network:Network",
        "gcp:compute/routerNat:RouterNat",
        "gcp:artifactregistry/repository:Repository",
        *([POOL] if mode == "standard" else []),
        GUARD,
    }

    assert {each.type for each in gke(mode=mode).resources if each.protected} == kinds
    assert not any(each.protected for each in gke(mode=mode, deletionProtection=False).resources)


def test_a_destroy_comes_past_the_guard_before_it_comes_to_anything_else(graph: Graph) -> None:
    guard = graph.one(GUARD)
    parents = {each.parent for each in graph.resources}

    assert not any(guard.urn in each.needs for each in graph.resources)
    # What has parts goes after these.
    assert {each.urn for each in graph.resources if each.urn not in parents} - graph.needs(guard) == {
        guard.urn
    }


def test_a_cluster_is_called_as_its_stack_unless_the_config_says_how() -> None:
    own = gke(name="n" * 24)
    account = "gcp:serviceaccount/account:Account"

    assert cluster(AUTOPILOT)["name"] == "gke"
    assert cluster(own)["name"] == "n" * 24
    assert own.one(account).inputs["accountId"] == f"{'n' * 24}-nodes"
    assert own.one("gcp:compute/network:Network").inputs["name"] == "n" * 24


def test_a_stack_whose_name_no_cluster_can_have_is_told_to_name_it() -> None:
    config = {"gcp:project": "p", "gcp:region": "europe-west1"}

    with patch("pulumi.get_stack", return_value="Team_A"), pytest.raises(pulumi.RunError) as raised:
        run("gke", config)

    assert str(raised.value).startswith("rumpf:gke.name: the cluster would be called Team_A")
    assert "pulumi config set --path 'rumpf:gke.name'" in str(raised.value)


def test_versions_come_by_a_release_channel(graph: Graph) -> None:
    assert cluster(graph)["releaseChannel"] == {"channel": "REGULAR"}
    assert cluster(gke(releaseChannel="STABLE"))["releaseChannel"] == {"channel": "STABLE"}


def test_pools_are_as_the_config_says() -> None:
    pools = [
        {"name": "one"},
        {"name": "two", "machineType": "n2-standard-4", "minNodes": 0, "maxNodes": 9, "spot": True},
    ]
    graph = gke(mode="standard", pools=pools, location="europe-west1-b")
    two = graph.one(POOL, "pool-two")

    assert [each.name for each in graph.of_type(POOL)] in (["pool-one", "pool-two"], ["pool-two", "pool-one"])
    assert two.inputs["autoscaling"] == {"minNodeCount": 0, "maxNodeCount": 9}
    assert (two.inputs["nodeConfig"]["machineType"], two.inputs["nodeConfig"]["spot"]) == (
        "n2-standard-4",
        True,
    )
    assert "initialNodeCount" in two.ignore_changes
    assert cluster(graph)["location"] == "europe-west1-b"
    assert graph.one("gcp:compute/subnetwork:Subnetwork").inputs["region"] == "europe-west1"


def test_pods_wait_for_nodes_and_for_images() -> None:
    deployments = STANDARD.of_type("kubernetes:apps/v1:Deployment")
    first = [STANDARD.one(POOL), STANDARD.one("gcp:compute/routerNat:RouterNat"), repository(STANDARD)]

    assert deployments
    for each in deployments:
        assert {one.urn for one in first} <= STANDARD.needs(each)


def repository(graph: Graph) -> Registered:
    return graph.one("gcp:artifactregistry/repository:Repository")


def test_the_image_comes_through_a_mirror_of_the_public_one(graph: Graph) -> None:
    made = repository(graph).inputs
    images = {each["image"] for each in graph.outputs["operators"].values()}

    assert made["mode"] == "REMOTE_REPOSITORY"
    assert made["remoteRepositoryConfig"]["commonRepository"] == {"uri": "https://ghcr.io"}
    assert len(images) == 1
    digest = read_ledger(ROOT).digests[IMAGE]
    assert images.pop() == f"europe-west1-docker.pkg.dev/somewhere/gke/rumpf/operators@{digest}"


def test_an_own_registry_takes_a_tag_once_and_tells_where_to_push() -> None:
    graph = gke(registry="own")

    assert repository(graph).inputs["mode"] == "STANDARD_REPOSITORY"
    assert repository(graph).inputs["dockerConfig"] == {"immutableTags": True}
    assert graph.outputs["registry"] == "europe-west1-docker.pkg.dev/somewhere/gke"
    # What is pushed there may be packed anew, and then has another digest.
    tag = IMAGE.rpartition(":")[2]
    images = {each["image"] for each in graph.outputs["operators"].values()}
    assert images == {f"europe-west1-docker.pkg.dev/somewhere/gke/operators:{tag}"}


def test_without_a_registry_the_operators_own_image_is_used() -> None:
    graph = gke(registry="none")

    assert not graph.of_type("gcp:artifactregistry/repository:Repository")
    assert all(each["image"].startswith("ghcr.io/") for each in graph.outputs["operators"].values())


def test_services_are_enabled_first_and_stay_enabled(graph: Graph) -> None:
    services = graph.of_type("gcp:projects/service:Service")

    assert {each.inputs["service"].partition(".")[0] for each in services} >= {"container", "compute"}
    assert not any(each.inputs["disableOnDestroy"] for each in services)
    assert {each.urn for each in services} <= graph.needs(graph.one(CLUSTER))


def test_the_kubeconfig_logs_in_by_googles_plugin_and_holds_no_key(graph: Graph) -> None:
    config = yaml.safe_load(graph.outputs["kubeconfig"])

    assert graph.secrets == {"kubeconfig"}
    assert config["users"][0]["user"] == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "installHint": "gcloud components install gke-gcloud-auth-plugin",
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": True,
        }
    }
    assert config["clusters"][0]["cluster"] == {
        "server": "https://203.0.113.1",
        "certificate-authority-data": "Y2E=",
    }


def test_what_is_on_the_cluster_goes_with_it(graph: Graph) -> None:
    assert {each.deleted_with for each in graph.objects} == {graph.one(CLUSTER).urn}


def test_everything_is_in_the_project_that_the_config_names(graph: Graph) -> None:
    for each in graph.resources:
        if each.type.startswith("gcp:") and each.type != POOL:
            assert each.inputs["project"] == "somewhere", each.type


@pytest.mark.parametrize(
    ("config", "where", "remedy"),
    [
        ({}, "gcp:project: ", "pulumi config set gcp:project"),
        ({"gcp:project": "p", "gcp:region": None}, "gcp:region: ", "pulumi config set gcp:region"),
        (
            {"gcp:project": "p", "rumpf:gke": {"location": "europe-west1-b"}},
            "rumpf:gke.location: ",
            "europe-west1",
        ),
        ({"gcp:project": "p", "rumpf:gke": {"mode": "auto"}}, "rumpf:gke.mode: ", "pulumi config set"),
        ({"gcp:project": "p", "rumpf:gke": {"pool": []}}, "rumpf:gke.pool: ", "pools"),
        (
            {"gcp:project": "p", "rumpf:gke": {"pools": [{"minNodes": 5}]}},
            "rumpf:gke.pools[0]: ",
            "pulumi config set",
        ),
        (
            {"gcp:project": "p", "rumpf:gke": {"podRange": "10.0.0.0"}},
            "rumpf:gke.podRange: ",
            "pulumi config set",
        ),
        ({"gcp:project": "p", "rumpf:gke": {"name": "n" * 25}}, "rumpf:gke.name: ", "pulumi config set"),
        (
            {"gcp:project": "p", "rumpf:gke": {"serviceRange": "10.68.16.0/20"}},
            "rumpf:gke: Value error, podRange 10.68.0.0/14 and serviceRange 10.68.16.0/20 overlap",
            "pulumi config set",
        ),
        (
            {"gcp:project": "p", "rumpf:gke": {"nodeRange": "10.300.0.0/20"}},
            "rumpf:gke: Value error, '10.300.0.0/20' does not appear",
            "pulumi config set",
        ),
        (
            {"gcp:project": "p", "rumpf:gke": {"pools": [{"spot": True}, {}]}},
            "rumpf:gke: Value error, 2 pools are called default",
            "pulumi config set",
        ),
    ],
)
def test_an_error_names_the_key_and_the_remedy(config: dict[str, object], where: str, remedy: str) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        run("gke", config)

    assert str(raised.value).startswith(where), json.dumps(str(raised.value))
    assert remedy in str(raised.value).partition("->")[2]
