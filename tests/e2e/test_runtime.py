"""What users of any operator see: children that change, finalizers, timers, watches, namespaces, trouble."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rumpf.cluster.ports import free_port
from rumpf.testing import Faults, Kubectl, Operators
from tests.e2e.runtime.stage import Notes, looks, until, writes

PROJECT = Path(__file__).parent / "runtime"
FINALIZER = "notes.test/notes"
MANAGED_BY = "app.kubernetes.io/managed-by"


@pytest.fixture
def notes(
    kubectl: Kubectl, operators: Operators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Notes]:
    """Notes in the test's own namespace; their CRDs and the operator's rights are installed."""
    monkeypatch.chdir(PROJECT)
    operators.install("notes")
    outside = tmp_path / "outside"
    outside.mkdir()
    yield Notes(kubectl, operators, outside)
    # Whatever is left of a test that failed can be deleted.
    operators.close()
    for name in kubectl.run("get", "notes", "--output=name").stdout.split():
        kubectl.run("patch", name, "--type=merge", '--patch={"metadata": {"finalizers": null}}')


def test_a_child_follows_its_resource_and_keeps_what_others_added(notes: Notes) -> None:
    notes.operator()
    notes.create(text="first", extra="more")
    until(notes.is_ready, "it is ready")
    before = notes.get("configmap/note-one")
    assert before["data"] == {"text": "first", "extra": "more"}
    notes.patch("configmap/note-one", data={"theirs": "x"}, metadata={"labels": {"their": "label"}})
    notes.patch(spec={"text": "second", "extra": None})
    until(lambda: notes.data() == {"text": "second", "theirs": "x"}, "it is changed, and a field removed")
    after = notes.get("configmap/note-one")["metadata"]
    assert after["labels"] == {"their": "label", MANAGED_BY: "notes-operator"}
    assert after["uid"] == before["metadata"]["uid"]


@pytest.mark.parametrize(
    "harm",
    [
        {"data": {"text": "wrong"}},
        {"data": {"text": None}},
        {"metadata": {"labels": {MANAGED_BY: None}}},
        {"metadata": {"labels": {MANAGED_BY: None}}, "data": {"text": "wrong"}},
        None,
    ],
    ids=["edited", "emptied", "stripped of its label", "edited and stripped", "deleted"],
)
def test_a_child_that_somebody_harms_is_mended_every_time(
    notes: Notes, harm: dict[str, object] | None
) -> None:
    notes.operator()
    notes.create(text="right")
    until(notes.is_ready, "it is ready")
    for _ in range(2):
        if harm is None:
            notes.kubectl("delete", "configmap", "note-one")
        else:
            notes.patch("configmap/note-one", **harm)
        until(lambda: notes.data() == {"text": "right"}, "it says the right thing again")
        until(
            lambda: notes.get("configmap/note-one")["metadata"]["labels"] == {MANAGED_BY: "notes-operator"},
            "it has its label again",
        )


def test_what_is_as_it_should_be_costs_nothing(notes: Notes) -> None:
    operator = notes.operator()
    notes.create(text="text", parts=["a", "b"])
    until(notes.is_ready, "it is ready")
    notes.patch("configmap/note-one", metadata={"annotations": {"their": "own"}})
    until(lambda: "their" in notes.get("configmap/note-one")["metadata"]["annotations"], "somebody was there")
    # Another one, so that all that was to come has come.
    notes.create("two")
    until(lambda: notes.is_ready("note/two") and "Created" in notes.events(), "another one is ready")
    until(lambda: len(notes.events()) == 2, "both Events are told")
    before, version = writes(operator), notes.get()["metadata"]["resourceVersion"]
    seen = looks(operator)
    notes.patch(metadata={"labels": {"look": "again"}})
    until(lambda: looks(operator) > seen, "it looks again")
    assert writes(operator) == before
    assert int(notes.get()["metadata"]["resourceVersion"]) > int(version)
    operator.stop()
    operator = notes.operator()
    until(lambda: looks(operator) >= 2, "another process has looked at both")
    assert writes(operator) == 0


def test_a_status_tells_of_the_newest_generation_and_nothing_of_an_older_one(notes: Notes) -> None:
    notes.operator()
    notes.create(text="x", parts=["a", "b"])
    until(notes.is_ready, "it is ready")
    assert notes.get()["status"]["parts"] == {"a": "x", "b": "x"}
    since = notes.ready()["lastTransitionTime"]
    notes.patch(spec={"parts": ["b", "c"]})
    until(lambda: notes.get()["status"]["observedGeneration"] == 2, "it is about the change")
    assert notes.get()["status"]["parts"] == {"b": "x", "c": "x"}
    assert notes.ready()["lastTransitionTime"] == since
    notes.patch(spec={"trouble": "refused"})
    until(lambda: notes.ready().get("reason") == "NotAllowed", "it is refused")
    notes.patch(spec={"trouble": ""})
    until(notes.is_ready, "it is ready again")
    assert notes.ready()["lastTransitionTime"] >= since


def test_a_status_field_that_the_crd_does_not_know_is_not_written_over_and_over(notes: Notes) -> None:
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/parts"
    patch = json.dumps([{"op": "remove", "path": path}])
    notes.kubectl("patch", "crd", "notes.notes.test", "--type=json", f"--patch={patch}")
    try:
        operator = notes.operator()
        notes.create(parts=["a"])
        until(notes.is_ready, "it is ready")
        notes.create("two")
        until(lambda: notes.is_ready("note/two"), "another is ready")
        assert looks(operator) < 20
    finally:
        notes.operators.install("notes")


@pytest.mark.parametrize(
    ("trouble", "reason"), [("fails", "ReconcileFailed"), ("refused", "NotAllowed"), ("waits", "Warming")]
)
def test_what_goes_wrong_is_said_and_once_it_is_mended_all_is_well(
    notes: Notes, trouble: str, reason: str
) -> None:
    operator = notes.operator()
    notes.create(trouble=trouble)
    notes.create("good")
    until(lambda: notes.ready().get("reason") == reason, "it says so")
    until(lambda: notes.is_ready("note/good"), "the other one is ready")
    assert looks(operator) < 20
    notes.patch(spec={"trouble": ""})
    until(notes.is_ready, "it is well", 5)


def test_a_policy_that_changes_reaches_all_whom_it_concerns(notes: Notes) -> None:
    notes.operator()
    for name in ("one", "two"):
        notes.create(name)
        until(lambda name=name: notes.is_ready(f"note/{name}"), "it is ready")  # type: ignore[misc]
    label = {"labels": {"notes.test/policy": "plain"}}

    def says(policy: str | None) -> bool:
        return all(notes.get(f"note/{name}")["status"].get("policy") == policy for name in ("one", "two"))

    notes.make("ConfigMap", "odd", metadata={"labels": {"notes.test/policy": "odd"}})
    notes.make("ConfigMap", "policy", metadata=label, data={"say": "first"})
    until(lambda: says("first"), "there is a policy")
    notes.patch("configmap/policy", data={"say": "second"})
    until(lambda: says("second"), "it has changed")
    notes.kubectl("delete", "configmap", "policy")
    until(lambda: says(None), "it is gone")


def test_what_lies_outside_is_there_with_the_resource_and_goes_before_it(notes: Notes) -> None:
    operator = notes.operator()
    notes.create()
    until(notes.is_ready, "it is ready")
    assert notes.get()["metadata"]["finalizers"] == [FINALIZER]
    assert [each.name for each in notes.outside.iterdir()] == [f"{notes.namespace}.one"]
    notes.patch(spec={"trouble": "refused"})
    notes.kubectl("delete", "note", "one", "--wait=false")
    until(lambda: notes.ready().get("reason") == "NotAllowed", "it says why it cannot go")
    assert list(notes.outside.iterdir())
    notes.patch(spec={"trouble": ""})
    until(lambda: not notes.get(), "it is gone")
    assert list(notes.outside.iterdir()) == []
    # What is created and deleted while nobody is there.
    notes.create("two")
    until(lambda: notes.is_ready("note/two"), "it is ready")
    operator.kill()
    notes.create("three")
    notes.kubectl("delete", "note", "two", "three", "--wait=false")
    until(lambda: not notes.get("note/three"), "one that was never seen is gone at once")
    assert list(notes.outside.iterdir())
    notes.operator()
    until(lambda: not notes.get("note/two"), "the other is cleaned up at the start")
    assert list(notes.outside.iterdir()) == []


def test_a_timer_goes_on_for_as_long_as_it_is_asked_for(notes: Notes) -> None:
    notes.operator()
    notes.create(every=200)
    until(lambda: notes.get().get("status", {}).get("looks", 0) >= 5, "it was looked at five times")
    notes.patch(spec={"every": None})
    until(lambda: notes.get()["status"]["looks"] == 0, "the timer stops")


def test_a_resource_of_the_whole_cluster_has_its_child_where_it_says(notes: Notes) -> None:
    name = notes.namespace
    notes.operator()
    notes.make("Shelf", name, metadata={}, spec={"namespace": notes.namespace, "text": "first"})
    try:
        child = f"configmap/shelf-{name}"
        until(lambda: notes.is_ready(f"shelf/{name}"), "it is ready")
        assert notes.data(child) == {"text": "first"}
        notes.patch(child, data={"text": "wrong"})
        until(lambda: notes.data(child) == {"text": "first"}, "it is mended")
        notes.patch(f"shelf/{name}", spec={"text": "second"})
        until(lambda: notes.data(child) == {"text": "second"}, "it is changed")
    finally:
        notes.kubectl("delete", "shelf", name)


def test_a_resource_made_again_under_its_name_has_a_child_of_its_own(notes: Notes) -> None:
    notes.operator()
    notes.create(text="first")
    until(notes.is_ready, "it is ready")
    before = notes.get("configmap/note-one")["metadata"]["uid"]
    notes.kubectl("delete", "note", "one")
    notes.create(text="second")
    # Garbage is collected when the collector has heard of the kind: that takes up to half a minute.
    until(lambda: notes.data() == {"text": "second"}, "it has its child", 90)
    assert notes.get("configmap/note-one")["metadata"]["uid"] != before
    assert "NameTaken" not in notes.events()


def test_of_several_namespaces_each_is_looked_after_and_no_other(notes: Notes, faults: Faults) -> None:
    other, third = f"{notes.namespace[:50]}-other", f"{notes.namespace[:50]}-third"
    for namespace in (other, third):
        notes.kubectl("create", "namespace", namespace)
    try:
        notes.allow(other)
        with faults.proxy() as proxy:
            identity = proxy.identity("operator", token=notes.operators.token("notes"))
            watched = f"{notes.namespace}, {other}"
            notes.operator(kubeconfig=identity.kubeconfig, environment={"WATCH_NAMESPACE": watched})
            for namespace in (notes.namespace, other, third):
                Notes(notes.kubectl.within(namespace), notes.operators, notes.outside).create()
            theirs, unseen = (
                Notes(notes.kubectl.within(each), notes.operators, notes.outside) for each in (other, third)
            )
            until(lambda: notes.is_ready() and theirs.is_ready(), "both are ready")
            proxy.cut_watches(client="operator")
            for each in (notes, theirs):
                each.patch("configmap/note-one", data={"text": "wrong"})
            until(lambda: notes.data() == theirs.data() == {"text": "text"}, "both are mended")
            assert not unseen.ready()
            assert not unseen.get("configmap/note-one")
            for each in (notes, theirs):
                each.kubectl("delete", "note", "one")
    finally:
        notes.kubectl("delete", "namespace", other, third, "--wait=false")


def test_a_namespace_that_is_gone_keeps_no_other_from_being_served_and_is_served_when_it_is_back(
    notes: Notes,
) -> None:
    gone = f"{notes.namespace[:50]}-gone"
    operator = notes.operator(environment={"WATCH_NAMESPACE": f"{notes.namespace},{gone}"})
    notes.create()
    until(notes.is_ready, "the one that is there is served")
    said = [line for line in operator.log.read_text().splitlines() if "if there is no namespace" in line]
    assert any(f"watch of notes.notes.test in {gone}: " in line and "ERROR" in line for line in said), said
    assert len(said) == len(set(said)), "each is said once"
    notes.kubectl("create", "namespace", gone)
    try:
        notes.allow(gone)
        theirs = Notes(notes.kubectl.within(gone), notes.operators, notes.outside)
        theirs.create()
        until(theirs.is_ready, "it is served when it is back", 60)
        theirs.kubectl("delete", "note", "one")
    finally:
        notes.kubectl("delete", "namespace", gone, "--wait=false")


def test_a_kind_that_is_not_installed_yet_is_waited_for_and_named(notes: Notes) -> None:
    notes.operators.token("notes")
    crd = notes.kubectl("get", "crd", "shelves.notes.test", "--output=json")
    notes.kubectl("delete", "crd", "shelves.notes.test")
    try:
        operator = notes.starting()
        until(lambda: "is the CRD installed" in operator.get("/readyz")[1], "it says what is missing")
        status, text = operator.get("/readyz")
        assert status == 503
        assert "shelves.notes.test" in text
        assert operator.get("/healthz")[0] == 200
        assert "is the CRD installed" in operator.log.read_text()
    finally:
        found = json.loads(crd)
        kept = {"name": found["metadata"]["name"], "labels": found["metadata"].get("labels", {})}
        made = {**found, "metadata": kept, "status": None}
        notes.kubectl("create", "--filename=-", input=json.dumps(made))
    operator.wait_ready(40)
    notes.create()
    until(notes.is_ready, "it works")


def test_credentials_that_are_renewed_are_taken_up_soon(notes: Notes, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("no longer valid")
    operator = notes.starting(kubeconfig=notes.kubeconfig_with(token))
    until(lambda: "Unauthorized" in operator.get("/readyz")[1], "it says why it hears nothing")
    token.write_text(notes.operators.token("notes"))
    operator.wait_ready(40)
    notes.create()
    until(notes.is_ready, "it works")


def test_a_right_that_is_missing_is_named_and_taken_up_when_it_is_granted(notes: Notes) -> None:
    notes.operators.token("notes")
    bindings = notes.kubectl("get", "rolebindings", "--output=name").split()
    notes.kubectl("delete", *bindings)
    operator = notes.starting()
    until(lambda: "is forbidden" in operator.get("/readyz")[1], "it says what it may not")
    notes.allow()
    operator.wait_ready(40)
    notes.create()
    until(notes.is_ready, "it works")


def test_one_that_hangs_does_not_keep_the_process_from_stopping(notes: Notes) -> None:
    operator = notes.operator()
    notes.create(trouble="hangs")
    until(lambda: list(notes.outside.iterdir()), "it hangs")
    begun = time.monotonic()
    assert operator.stop() == 0
    assert time.monotonic() - begun < 19


def test_a_request_without_an_answer_does_not_keep_the_process_from_stopping(
    notes: Notes, faults: Faults
) -> None:
    with faults.proxy() as proxy:
        identity = proxy.identity("operator", token=notes.operators.token("notes"))
        operator = notes.operator(kubeconfig=identity.kubeconfig)
        with proxy.hold(writes=True, client="operator") as held:
            notes.create()
            until(lambda: held.hits, "a request is on its way")
            begun = time.monotonic()
            operator.process.send_signal(signal.SIGTERM)
            assert operator.process.wait(28) == 0
            assert time.monotonic() - begun < 25


def test_an_address_that_is_taken_is_named_and_the_process_ends(notes: Notes) -> None:
    import socket

    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        operator = notes.starting(environment={"RUMPF_HTTP": f"127.0.0.1:{port}"})
        assert operator.process.wait(30) not in {0, None}
    assert "another process listens there" in operator.log.read_text()
