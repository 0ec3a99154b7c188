"""A kind cluster as Pulumi sees it: made, compared, looked at, deleted, by a `kind` that is written here."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from infra.clusters.kind_provider import KindClusterProvider, KindImageProvider
from rumpf.errors import ClusterError, ImageError, ToolMissing
from tests.infra.fake_kind import FakeKind
from tests.infra.stack import run

WANTED: dict[str, Any] = {"cluster": "tried", "node_image": None, "workers": 1.0, "wait": 30.0}
CLUSTER = KindClusterProvider()
IMAGE = KindImageProvider()


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKind:
    fake = FakeKind.on_path(tmp_path)
    monkeypatch.setenv("PATH", str(fake.bin))
    monkeypatch.setenv("HOME", str(tmp_path))
    return fake


def archive_of(folder: Path, content: str = "one") -> Path:
    """Write as much of an image archive as is read of it."""
    path = folder / "operators.tar"
    with tarfile.open(path, "w") as tar:
        for name, value in (
            ("index.json", {"manifests": [{"digest": f"sha256:{content}"}]}),
            ("manifest.json", [{"RepoTags": ["rumpf.local/operators:dev"]}]),
        ):
            data = json.dumps(value).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_a_cluster_is_made_as_the_config_says(kind: FakeKind) -> None:
    made = CLUSTER.create(WANTED | {"node_image": "kindest/node:v1.36.0"})

    assert kind.clusters == ["tried"]
    assert len(kind.nodes("tried")) == 2
    assert made.id == "tried"
    assert made.outs is not None
    assert "127.0.0.1:6443" in made.outs["kubeconfig"]
    assert "kindest/node:v1.36.0" in kind.calls


@pytest.mark.usefixtures("kind")
def test_a_persons_own_kubeconfig_is_left_alone(tmp_path: Path) -> None:
    CLUSTER.create(WANTED)
    CLUSTER.delete("tried", WANTED)

    assert not (tmp_path / ".kube").exists()


@pytest.mark.usefixtures("kind")
def test_a_cluster_that_somebody_else_made_is_not_taken() -> None:
    CLUSTER.create(WANTED)

    with pytest.raises(ClusterError, match="this stack did not make it") as raised:
        CLUSTER.create(WANTED)

    assert raised.value.where == "rumpf:kind.name"
    assert "kind delete cluster --name tried" in raised.value.remedy


def test_what_kind_says_when_it_fails_is_in_the_error(kind: FakeKind) -> None:
    kind.break_down()

    with pytest.raises(ClusterError, match="requires cgroup v2"):
        CLUSTER.create(WANTED)


def test_without_kind_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolMissing, match="rumpf:cluster existing"):
        CLUSTER.create(WANTED)


def test_a_cluster_that_somebody_deleted_is_noticed(kind: FakeKind) -> None:
    outs = CLUSTER.create(WANTED).outs or {}
    assert CLUSTER.read("tried", outs).id == "tried"

    kind.remove("tried")

    assert not CLUSTER.read("tried", outs).id


def test_a_cluster_that_was_started_anew_is_the_same_at_another_port(kind: FakeKind) -> None:
    outs = CLUSTER.create(WANTED).outs or {}
    kind.restart("tried")

    seen = CLUSTER.read("tried", outs).outs or {}

    assert "7443" in seen["kubeconfig"]
    assert seen["identity"] == outs["identity"]


@pytest.mark.usefixtures("kind")
def test_a_cluster_that_is_made_anew_under_its_name_is_another() -> None:
    first = CLUSTER.create(WANTED).outs or {}
    CLUSTER.delete("tried", first)

    second = CLUSTER.create(WANTED).outs or {}

    assert first["identity"] != second["identity"]


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({"workers": 3.0}, ["workers"]),
        ({"cluster": "another"}, ["cluster"]),
        ({"node_image": "kindest/node:v1.37.0"}, ["node_image"]),
        ({"workers": 2.0, "wait": 60.0}, ["workers"]),
    ],
)
def test_a_preview_says_which_changes_need_another_cluster(
    change: dict[str, Any], replaces: list[str]
) -> None:
    outs = CLUSTER.create(WANTED).outs or {}

    told = CLUSTER.diff("tried", outs, WANTED | change)

    assert (told.changes, told.replaces) == (True, replaces)
    assert told.delete_before_replace


@pytest.mark.usefixtures("kind")
def test_nothing_changed_is_no_change() -> None:
    outs = CLUSTER.create(WANTED).outs or {}

    for same in (WANTED, WANTED | {"wait": 60.0}):
        told = CLUSTER.diff("tried", outs, same)
        assert (told.changes, told.replaces) == (False, [])


def test_deleting_a_cluster_twice_is_fine(kind: FakeKind) -> None:
    CLUSTER.create(WANTED)

    CLUSTER.delete("tried", WANTED)
    CLUSTER.delete("tried", WANTED)

    assert kind.clusters == []


def test_a_name_that_kind_would_refuse_is_refused_in_the_preview() -> None:
    failures = CLUSTER.check({}, WANTED | {"cluster": "No_Name"}).failures or []

    assert [each.property for each in failures] == ["cluster"]


def test_the_image_is_loaded_and_again_only_when_it_is_another(kind: FakeKind, tmp_path: Path) -> None:
    cluster = CLUSTER.create(WANTED).outs or {}
    archive = str(archive_of(tmp_path))
    wanted = {
        "cluster": "tried",
        "identity": cluster["identity"],
        "archive": archive,
        "digest": "a",
        "image": "x",
    }
    outs = IMAGE.create(wanted).outs or {}

    assert kind.images("tried") == [archive]
    assert not IMAGE.diff("", outs, wanted).changes
    assert not IMAGE.diff("", outs, wanted | {"archive": "/elsewhere/operators.tar"}).changes
    anew = IMAGE.diff("", outs, wanted | {"digest": "b"})
    assert (anew.changes, anew.replaces) == (True, [])
    IMAGE.update("", outs, wanted | {"digest": "b"})
    assert kind.images("tried") == [archive, archive]
    assert IMAGE.diff("", outs, wanted | {"identity": "another"}).replaces == ["identity"]


def test_an_image_in_a_cluster_that_is_gone_is_gone_too(kind: FakeKind, tmp_path: Path) -> None:
    CLUSTER.create(WANTED)
    props = {"cluster": "tried", "archive": str(archive_of(tmp_path)), "image": "x"}
    assert IMAGE.read("tried/x", props).id

    kind.remove("tried")

    assert not IMAGE.read("tried/x", props).id
    with pytest.raises(ImageError, match="no nodes found"):
        IMAGE.create(props)


def test_the_providers_are_stored_by_name_so_that_a_stack_never_changes_for_them() -> None:
    for provider in (CLUSTER, IMAGE):
        stored = serialize_provider(provider)

        assert stored == serialize_provider(type(provider)())
        assert len(stored) < 200


def test_the_operators_run_from_the_image_that_was_loaded(tmp_path: Path) -> None:
    config: dict[str, object] = {"rumpf:kind": {"name": "tried", "archive": str(archive_of(tmp_path))}}
    graph = run("kind", config)
    loaded = graph.one("pulumi-python:dynamic/rumpf:KindImage")
    deployments = graph.of_type("kubernetes:apps/v1:Deployment")

    assert deployments
    for each in deployments:
        template = each.manifest["spec"]["template"]
        assert template["spec"]["containers"][0]["image"] == "rumpf.local/operators:dev"
        assert template["metadata"]["annotations"] == {"rumpf.dev/image-digest": "sha256:one"}
        assert loaded.urn in graph.needs(each)


def test_what_is_on_the_cluster_goes_with_it() -> None:
    graph = run("kind", {"rumpf:kind": {"name": "tried"}})
    cluster = graph.one("pulumi-python:dynamic/rumpf:KindCluster")

    assert cluster.secret_outputs == ("kubeconfig",)
    assert {each.deleted_with for each in graph.objects} == {cluster.urn}


def test_another_cluster_of_the_same_name_is_another_for_what_was_on_it() -> None:
    graph = run("kind", {"rumpf:kind": {"name": "tried"}})

    for provider in graph.of_type("pulumi:providers:kubernetes"):
        assert provider.inputs["clusterIdentifier"] == "first"
        assert provider.inputs["deleteUnreachable"] == "true"


def test_an_archive_that_is_not_there_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        run("kind", {"rumpf:kind": {"archive": str(tmp_path / "none.tar")}})

    assert str(raised.value).startswith("rumpf:kind.archive: ")
    assert "rumpf image build operators" in str(raised.value)
