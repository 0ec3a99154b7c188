"""What people are told who look at a ConfigWatcher."""

from operators.configwatcher.content import MOST_KEYS, Content
from operators.configwatcher.gates import Gate
from operators.configwatcher.sources import Sighting
from operators.configwatcher.spec import Change, ConfigWatcherStatus, Pending, Rollout, SourceId
from operators.configwatcher.targets import Targets
from operators.configwatcher.telling import Circumstances, told
from tests.unit.configwatcher.test_gates import NOW, ago, spec_of
from tests.unit.configwatcher.test_targets import pod

ONE = SourceId("ConfigMap", "a")
CHANGES = (Change(kind="ConfigMap", name="a", keys=("message",)),)


def said(type: str, status: ConfigWatcherStatus, at: Circumstances) -> tuple[str, str, str]:  # noqa: A002
    found = next(each for each in told(status, at).conditions if each.type == type)
    return found.status, found.reason, found.message


def watching(*keys: str, has: tuple[str, ...] = ("message",)) -> Circumstances:
    spec = spec_of(configMap=None, configMaps=[{"name": "a", "keys": list(keys)}])
    content = Content("hash", dict.fromkeys(has if len(has) <= MOST_KEYS else (), "x"), None)
    return Circumstances(spec=spec, sighting=Sighting({ONE: content}))


def test_what_may_be_misspelt_is_told() -> None:
    some = ConfigWatcherStatus(pods=2)
    assert said("Ready", some, watching()) == ("True", "Watching", "watches ConfigMap a")
    assert said("Ready", some, watching("message"))[2] == "watches ConfigMap a"
    assert said("Ready", some, watching("mesage", "message"))[2].endswith("; ConfigMap a has no key mesage")
    nobody = ConfigWatcherStatus(pods=0)
    assert said("Ready", nobody, watching())[2].endswith("; the podSelector selects no Pod")


def test_of_more_keys_than_are_written_down_none_is_called_missing() -> None:
    many = tuple(f"key-{number}" for number in range(MOST_KEYS + 1))
    assert said("Ready", ConfigWatcherStatus(pods=1), watching(*many, has=many))[2] == "watches ConfigMap a"


def test_where_there_is_no_pod_none_stays_at_work() -> None:
    at = Circumstances(spec=spec_of(), sighting=Sighting({}), targets=Targets([]))
    assert said("Disruptive", ConfigWatcherStatus(), at)[1] == "NoPods"
    several = Circumstances(spec=spec_of(), sighting=Sighting({}), targets=Targets([pod("a"), pod("b")]))
    assert said("Disruptive", ConfigWatcherStatus(), several)[1] == "OthersStay"


def test_how_far_a_restart_is_is_told() -> None:
    rollout = Rollout(
        started_at=ago(9),
        seen_at=ago(9),
        changed_at=ago(9),
        changes=CHANGES,
        outdated=3,
        progressed_at=ago(9),
    )
    status = ConfigWatcherStatus(rollout=rollout, outdated=("a", "b"))
    at = Circumstances(spec=spec_of(), sighting=Sighting({}))
    why = "because of ConfigMap a (message)"
    assert said("Progressing", status, at)[2] == f"2 of 3 Pods are still to be replaced, {why}"


def test_what_a_change_waits_for_is_told_and_until_when() -> None:
    waiting = Pending(since=ago(9), seen_at=ago(9), changed_at=ago(9), changes=CHANGES)
    gate = Gate("Limit", "there were 6 restarts in the last hour", NOW)
    at = Circumstances(spec=spec_of(), sighting=Sighting({}), gate=gate)
    expected = (
        "ConfigMap a (message): there were 6 restarts in the last hour; "
        "it waits until 2026-01-01 12:00:00 UTC"
    )
    assert said("Progressing", ConfigWatcherStatus(pending=waiting), at) == ("True", "Limit", expected)
