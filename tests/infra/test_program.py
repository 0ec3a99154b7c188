"""What the program registers on every stack: all of an operator, in order, exactly as it is rendered."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from infra.clusters.access import Access
from infra.program import REACHED, install
from infra.released import as_released
from rumpf.manifests import Options, from_yaml, render
from rumpf.manifests.policies import violations
from rumpf.objects import Manifest
from rumpf.olm.bundle import INSTALL
from rumpf.olm.shelf import Shelf
from rumpf.olm.strategy import pinned
from rumpf.operator import IMAGE, Resources
from rumpf.project import Project
from tests.infra.stack import ROOT, Graph, Registered, plain, run

PROJECT = Project(ROOT)
NAMES = PROJECT.names
STACKS: dict[str, tuple[str, dict[str, object]]] = {
    "existing": ("existing", {}),
    "kind": ("kind", {"rumpf:kind": {"name": "tried"}}),
    "gke": ("gke", {"gcp:project": "somewhere"}),
    "gke-standard": ("gke", {"gcp:project": "somewhere", "rumpf:gke": {"mode": "standard"}}),
}
SHELF = Shelf.of(PROJECT)
RELEASE = SHELF.ledger.release(SHELF.version)
FIRST, LAST = NAMES[0], NAMES[-1]
PROVIDER = "pulumi:providers:kubernetes"


@pytest.fixture(params=list(STACKS), scope="module")
def graph(request: pytest.FixtureRequest) -> Graph:
    stack, config = STACKS[request.param]
    return run(stack, config)


def manifests(graph: Graph, operator: str) -> list[Manifest]:
    mine = f"rumpf-{operator}/"
    return [plain(each.manifest) for each in graph.objects if each.name.startswith(mine)]


def in_order(found: list[Manifest]) -> list[Manifest]:
    return sorted(
        found,
        key=lambda each: (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]),
    )


def kinds_needed(graph: Graph, resource: Registered) -> set[str]:
    return {urn.split("::")[2].rpartition(":")[2] for urn in graph.needs(resource)}


def test_every_stack_registers_exactly_what_rumpf_render_prints(graph: Graph) -> None:
    image = graph.outputs["operators"][FIRST]["image"]
    for name in NAMES:
        operator = PROJECT.load(name)
        released = "@" in image
        options = pinned(operator, RELEASE, Options(image=image)) if released else Options(image=image)
        assert in_order(manifests(graph, name)) == in_order(list(render(operator, options).all))


def test_what_is_installed_by_default_is_the_release_as_its_install_yaml_has_it() -> None:
    graph = run()

    for name in NAMES:
        folder = ROOT / SHELF.folder(PROJECT.load(name))
        assert in_order(manifests(graph, name)) == in_order(list(from_yaml((folder / INSTALL).read_text())))
        assert graph.outputs["operators"][name]["image"].endswith(f"@{SHELF.ledger.digests[IMAGE]}")


def test_another_image_is_taken_as_it_is_named_and_so_are_those_of_its_settings() -> None:
    graph = run("existing", {"rumpf:image": IMAGE, "rumpf:operators": ["message"]})

    assert in_order(manifests(graph, "message")) == in_order(
        list(render(PROJECT.load("message"), Options(image=IMAGE)).all)
    )


def test_a_setting_that_names_an_image_keeps_what_it_was_given() -> None:
    chosen = {"settings": {"MESSAGE_IMAGE": "docker.io/library/busybox:1.37"}}
    graph = run("existing", {"rumpf:operators": ["message"], "rumpf:values": {"message": chosen}})
    options = Options(image=pinned(PROJECT.load("message"), RELEASE, Options()).image, **chosen)  # type: ignore[arg-type]

    assert in_order(manifests(graph, "message")) == in_order(
        list(render(PROJECT.load("message"), options).all)
    )


def test_a_version_that_no_ledger_knows_is_taken_by_its_tag() -> None:
    operator = PROJECT.load("message")
    unknown = {name: digest for name, digest in SHELF.ledger.digests.items() if name != IMAGE}

    assert as_released(operator, Options(), unknown) == Options()
    assert as_released(operator, Options(), SHELF.ledger.digests) == pinned(operator, RELEASE, Options())


def test_all_operators_that_there_are_are_installed(graph: Graph) -> None:
    components = graph.of_type("rumpf:index:InstalledOperator")

    assert {each.name for each in components} == {f"rumpf-{name}" for name in NAMES}
    assert set(graph.outputs["operators"]) == set(NAMES)
    assert {each.parent for each in components} == {graph.one("rumpf:index:Distribution").urn}


def test_crds_and_rights_are_there_before_a_deployment(graph: Graph) -> None:
    for name in NAMES:
        deployment = graph.one("kubernetes:apps/v1:Deployment", f"rumpf-{name}/{name}-operator")
        rest = {
            each.urn
            for each in graph.objects
            if each.name.startswith(f"rumpf-{name}/") and each.urn != deployment.urn
        }

        assert rest <= graph.needs(deployment)


def test_everything_in_a_namespace_waits_for_it(graph: Graph) -> None:
    for name in NAMES:
        home = graph.one("kubernetes:core/v1:Namespace", f"rumpf-{name}/{name}-operator")
        inside = [
            each for each in graph.objects if each.manifest["metadata"].get("namespace") == f"{name}-operator"
        ]

        assert inside
        assert all(home.urn in graph.needs(each) for each in inside)


def test_no_operator_waits_for_another(graph: Graph) -> None:
    for name in NAMES:
        others = tuple(f"rumpf-{other}/" for other in NAMES if other != name)
        of_others = {each.urn for each in graph.objects if each.name.startswith(others)}

        for each in graph.objects:
            if each.name.startswith(f"rumpf-{name}/"):
                assert not of_others & graph.needs(each)


def test_what_is_registered_keeps_the_policies(graph: Graph) -> None:
    assert violations(plain(each.manifest) for each in graph.objects) == ()


def test_crds_stay_when_the_stack_goes_and_nothing_else(graph: Graph) -> None:
    kept = {each.manifest["kind"] for each in graph.objects if each.retained}

    assert kept == {"CustomResourceDefinition"}
    assert all(each.retained for each in graph.objects if each.manifest["kind"] == "CustomResourceDefinition")


def test_without_keep_data_nothing_stays() -> None:
    graph = run("existing", {"rumpf:keepData": False})

    assert not any(each.retained for each in graph.objects)


def test_replicas_are_left_to_whoever_scales_unless_the_config_says_how_many() -> None:
    graph = run("existing", {"rumpf:values": {FIRST: {"replicas": 3}}})
    named = graph.one("kubernetes:apps/v1:Deployment", f"rumpf-{FIRST}/{FIRST}-operator")
    other = graph.one("kubernetes:apps/v1:Deployment", f"rumpf-{LAST}/{LAST}-operator")

    assert named.manifest["spec"]["replicas"] == 3
    assert named.ignore_changes == ()
    assert other.ignore_changes == ("spec.replicas",)


def test_nothing_but_the_number_of_pods_is_left_to_others(graph: Graph) -> None:
    assert {ignored for each in graph.objects for ignored in each.ignore_changes} == {"spec.replicas"}


def test_each_operator_has_its_own_values() -> None:
    values = {
        "replicas": 4,
        "image": "registry.example/mine:1",
        "watch": ["team-a", "team-b"],
        "resources": {"cpu": "100m", "memoryLimit": "512Mi"},
    }
    graph = run("existing", {"rumpf:values": {FIRST: values}, "rumpf:image": "registry.example/all:1"})
    operator = PROJECT.load(FIRST)
    resources = Resources("100m", operator.resources.memory, "512Mi")
    options = Options(
        image="registry.example/mine:1", watch=("team-a", "team-b"), replicas=4, resources=resources
    )

    assert in_order(manifests(graph, FIRST)) == in_order(list(render(operator, options).all))
    assert graph.outputs["operators"][FIRST]["watches"] == ["team-a", "team-b"]
    assert graph.outputs["operators"][LAST]["image"] == "registry.example/all:1"


def test_settings_and_grants_reach_the_operator_that_has_them() -> None:
    for name in NAMES:
        operator = PROJECT.load(name)
        chosen: dict[str, Any] = {
            "settings": {
                each.name: "registry.example/other:2" if each.name.endswith("IMAGE") else "7"
                for each in operator.settings
            },
            "grants": {each.name: ["team-a"] for each in operator.grants},
        }
        graph = run("existing", {"rumpf:operators": [name], "rumpf:values": {name: chosen}})
        options = Options(image=graph.outputs["operators"][name]["image"], **chosen)

        assert in_order(manifests(graph, name)) == in_order(list(render(operator, options).all))


def test_only_the_operators_that_the_config_names_are_installed() -> None:
    graph = run("existing", {"rumpf:operators": [LAST]})

    assert list(graph.outputs["operators"]) == [LAST]
    assert all(each.name.startswith(f"rumpf-{LAST}/") for each in graph.objects)


def test_a_namespace_that_is_there_is_neither_made_nor_deleted() -> None:
    graph = run("existing", {"rumpf:operators": [FIRST], "rumpf:values": {FIRST: {"namespace": "platform"}}})

    assert not graph.of_type("kubernetes:core/v1:Namespace")
    assert {each.manifest["metadata"].get("namespace", "platform") for each in graph.objects} == {"platform"}


def test_a_preview_needs_no_cluster() -> None:
    for stack, config in STACKS.values():
        assert run(stack, config, preview=True).objects


def test_the_outputs_tell_how_to_try_it(graph: Graph) -> None:
    told = graph.outputs["operators"]["message"]
    made = graph.outputs["cluster"] != "the current context"

    assert told["demo"] == [
        # A cluster that the stack made is not the one that a person's kubectl asks.
        *(REACHED if made else []),
        "kubectl apply -f operators/message/k8s/example-message.yaml",
        "kubectl get messages.myorg.dev",
    ]
    assert (told["namespace"], told["crds"]) == ("message-operator", ["messages.myorg.dev"])
    for name in NAMES:
        for command in graph.outputs["operators"][name]["demo"]:
            if " -f " in command:
                assert (ROOT / command.rpartition(" ")[2]).is_file()


def test_a_kubeconfig_is_a_secret(tmp_path: Path) -> None:
    graph = run("existing", {"rumpf:kubeconfig": str(kubeconfig_of(tmp_path, "mine"))})

    assert all(rpc.is_rpc_secret(each.inputs["kubeconfig"]) for each in graph.of_type(PROVIDER))
    assert "kubeconfig" not in graph.outputs
    for stack in ("kind", "gke", "gke-standard"):
        assert run(*STACKS[stack]).secrets == {"kubeconfig"}


def test_the_kubeconfig_and_context_that_the_config_names_are_used(tmp_path: Path) -> None:
    kubeconfig = kubeconfig_of(tmp_path, "other", "mine")

    graph = run("existing", {"rumpf:kubeconfig": str(kubeconfig), "rumpf:context": "mine"})

    assert graph.outputs["cluster"] == "mine"
    for name in ("rumpf", "rumpf-crds"):
        provider = graph.one(PROVIDER, name)
        assert provider.inputs["context"] == "mine"
        assert '"name": "mine"' in str(provider.inputs["kubeconfig"])
        assert "other" not in str(provider.inputs["kubeconfig"])


def test_a_stack_stays_on_its_cluster_whichever_context_is_current(tmp_path: Path) -> None:
    alone, several = kubeconfig_of(tmp_path, "mine"), kubeconfig_of(tmp_path, "mine", "other")

    assert run("existing", {"rumpf:kubeconfig": str(alone)}).outputs["cluster"] == "mine"
    with pytest.raises(pulumi.RunError) as raised:
        run("existing", {"rumpf:kubeconfig": str(several)})
    assert str(raised.value).startswith("rumpf:context: ")
    assert "pulumi config set rumpf:context mine" in str(raised.value)


def kubeconfig_of(folder: Path, *contexts: str) -> Path:
    """Write a kubeconfig; the first of its contexts is the current one."""
    path = folder / f"config-of-{len(contexts)}"
    content = {
        "current-context": contexts[0],
        "clusters": [{"name": each, "cluster": {"server": f"https://{each}"}} for each in contexts],
        "contexts": [{"name": each, "context": {"cluster": each, "user": each}} for each in contexts],
        "users": [{"name": each, "user": {"token": each}} for each in contexts],
    }
    path.write_text(json.dumps(content))
    return path


def test_only_crds_may_be_taken_over_from_whoever_installed_them(graph: Graph) -> None:
    ours_alone = graph.of_type("pulumi-python:dynamic/rumpf:KindCluster")

    assert kinds_with(graph, "enablePatchForce") == {"CustomResourceDefinition"}
    if not ours_alone:
        assert kinds_with(graph, "upsertExistingObjects") == {"CustomResourceDefinition"}


def test_what_a_refresh_forgot_of_a_kind_cluster_that_was_away_is_taken_over() -> None:
    graph = run(*STACKS["kind"])

    assert kinds_with(graph, "upsertExistingObjects") == {each.manifest["kind"] for each in graph.objects}


def kinds_with(graph: Graph, choice: str) -> set[str]:
    """Return the kinds of objects whose provider was told something."""
    told = {f"{each.urn}::{each.name}-id" for each in graph.of_type(PROVIDER) if choice in each.inputs}
    return {each.manifest["kind"] for each in graph.objects if each.provider in told}


@pytest.mark.parametrize(
    ("config", "where", "remedy"),
    [
        ({"rumpf:operators": ["mesage"]}, "rumpf:operators: ", "there is "),
        ({"rumpf:values": {"other": {}}}, "rumpf:values.other: ", "add it to operators"),
        ({"rumpf:values": {"message": {"watch": ["Team"]}}}, "rumpf:values.message.watch: ", "lower-case"),
        (
            {"rumpf:values": {"message": {"settings": {"X": "1"}}}},
            "rumpf:values.message.settings: ",
            "MESSAGE_IMAGE",
        ),
        (
            {"rumpf:values": {"configwatcher": {"settings": {"MAX_ROLLOUTS": "many"}}}},
            "rumpf:values.configwatcher.settings.MAX_ROLLOUTS: ",
            "write one that matches",
        ),
        (
            {"rumpf:values": {"message": {"replicas": 0}}},
            "rumpf:values.message.replicas: ",
            "pulumi config set",
        ),
        ({"rumpf:kubeconfig": "/nowhere/config"}, "rumpf:kubeconfig: /nowhere/config: ", "pulumi config set"),
    ],
)
def test_an_error_names_the_key_and_the_remedy(config: dict[str, object], where: str, remedy: str) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        run("existing", config)

    assert str(raised.value).startswith(where)
    assert remedy in str(raised.value).partition("->")[2]


def test_the_program_takes_no_longer_to_import_for_clusters_that_it_does_not_make() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import infra.program, sys; print('pulumi_gcp' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "False"


def test_a_mistake_in_the_last_operators_values_is_told_before_anything_is_registered() -> None:
    registered: list[str] = []

    with pytest.raises(pulumi.RunError, match=f"rumpf:values.{LAST}.namespace"):
        run(
            "kind",
            {"rumpf:kind": {"name": "x"}, "rumpf:values": {LAST: {"namespace": "No"}}},
            seen=registered,
        )

    assert registered == []


def test_an_operator_with_an_image_of_its_own_is_not_given_the_copy_of_another(tmp_path: Path) -> None:
    theirs = tmp_path / "operators" / "message"
    theirs.mkdir(parents=True)
    (tmp_path / "operators" / "__init__.py").touch()
    declared = (ROOT / "operators" / "message" / "operator.py").read_text()
    access = Access("somewhere", None, image="copy.example/operators:1")

    for image, expected in ((IMAGE, access.image), ("own.example/message:1", "own.example/message:1")):
        (theirs / "operator.py").write_text(
            declared.replace("    description=", f'    image="{image}",\n    description=', 1)
        )
        for module in [each for each in sys.modules if each.partition(".")[0] == "operators"]:
            del sys.modules[module]
        graph = run(what=lambda: install({}, access, Project(tmp_path)))
        deployment = graph.one("kubernetes:apps/v1:Deployment").manifest
        assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == expected
