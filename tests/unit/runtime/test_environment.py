from pathlib import Path

import pytest

from rumpf import Operator, Setting
from rumpf.errors import UsageError
from rumpf.runtime import environment
from rumpf.runtime.environment import Environment, namespaces
from tests.unit.runtime.operating import mirror_nothing

OPERATOR = Operator(
    "test",
    mirror_nothing,
    description="A test.",
    settings=[Setting("TEST_IMAGE", "busybox", "An image."), Setting("TEST_MOOD", "calm", "A mood.")],
)


def of(**variables: str) -> Environment:
    return Environment.of(OPERATOR, variables)


@pytest.fixture(autouse=True)
def annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a Pod's annotations would be mounted."""
    path = tmp_path / "annotations"
    monkeypatch.setattr(environment, "_DOWNWARD", path)
    return path


def test_out_of_a_cluster_everything_is_watched_and_nobody_is_elected() -> None:
    found = of()
    assert (found.namespaces, found.home, found.elects, found.http) == ((), "", False, None)


def test_in_a_pod_a_leader_is_elected_and_probes_are_served() -> None:
    found = of(POD_NAMESPACE="home", POD_NAME="test-1")
    assert (found.home, found.elects, found.http) == ("home", True, ("0.0.0.0", 8080))  # noqa: S104
    assert found.identity.startswith("test-1_")


def test_no_two_processes_have_the_same_identity() -> None:
    assert of(POD_NAME="test-1").identity != of(POD_NAME="test-1").identity


def test_settings_are_taken_from_the_environment_or_have_their_default() -> None:
    assert of(TEST_IMAGE="nginx", TEST_MOOD="").settings == {"TEST_IMAGE": "nginx", "TEST_MOOD": "calm"}


def test_a_setting_that_cannot_be_what_it_is_ends_the_process_at_its_start() -> None:
    setting = Setting("TEST_MOST", "50", "At most.", pattern="[0-9]+")
    operator = Operator("test", mirror_nothing, description="A test.", settings=[setting])
    assert Environment.of(operator, {"TEST_MOST": ""}).settings == {"TEST_MOST": "50"}
    with pytest.raises(UsageError, match="TEST_MOST: it cannot be 'many'"):
        Environment.of(operator, {"TEST_MOST": "many"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), ("one", ("one",)), ("two, one,,two ", ("one", "two")), (" , ", ())],
)
def test_the_namespaces_to_watch_are_named_by_commas(text: str, expected: tuple[str, ...]) -> None:
    assert of(WATCH_NAMESPACE=text).namespaces == expected
    assert namespaces({"WATCH_NAMESPACE": text}) == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [('olm.targetNamespaces="b,a"', ("a", "b")), ('olm.targetNamespaces=""', ()), ('other="a"', ())],
)
def test_where_olm_says_which_namespaces_it_is_those(
    annotations: Path, annotation: str, expected: tuple[str, ...]
) -> None:
    annotations.write_text(f'first="1"\n{annotation}\nlast="2"\n')
    assert of().namespaces == expected
    assert of(WATCH_NAMESPACE="named").namespaces == ("named",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        (":9000", ("0.0.0.0", 9000)),  # noqa: S104
        ("9000", ("0.0.0.0", 9000)),  # noqa: S104
        ("[::1]:9000", ("::1", 9000)),
        ("", None),
    ],
)
def test_the_address_of_the_probes_can_be_chosen(text: str, expected: tuple[str, int] | None) -> None:
    assert of(RUMPF_HTTP=text).http == expected
    assert of(RUMPF_HTTP=text, POD_NAMESPACE="home").http == expected


@pytest.mark.parametrize("text", ["localhost", "host:port", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"RUMPF_HTTP.*is no address"):
        of(RUMPF_HTTP=text)


@pytest.mark.parametrize(
    ("text", "elects"), [("1", True), ("true", True), ("0", False), ("Off", False), ("", True)]
)
def test_whether_a_leader_is_elected_can_be_chosen(text: str, elects: bool) -> None:  # noqa: FBT001
    assert of(RUMPF_LEADER_ELECTION=text, POD_NAMESPACE="home").elects is elects


def test_a_choice_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(UsageError, match="RUMPF_LEADER_ELECTION: 'maybe' is neither yes nor no"):
        of(RUMPF_LEADER_ELECTION="maybe", POD_NAMESPACE="home")


def test_a_leader_cannot_be_elected_nowhere() -> None:
    with pytest.raises(UsageError, match="there is no namespace for the Lease"):
        of(RUMPF_LEADER_ELECTION="1")
