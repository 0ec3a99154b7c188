"""What a failed test shows: short, in order, and never an error of its own."""

from pathlib import Path
from typing import Any

from rumpf.testing import Kubectl, Logs
from rumpf.testing.logs import tail
from rumpf.testing.report import Object, sections, told_events, told_pod
from tests.unit.testing.programs import Programs


def _event(reason: str, message: str = "words", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    about = {"kind": "Pod", "name": "web"}
    return {
        "metadata": {},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": about,
        **more,
    }


def test_events_come_in_the_order_in_which_they_last_happened() -> None:
    told = told_events(
        [
            _event(
                "Third", series={"count": 7, "lastObservedTime": "2026-01-01T00:00:03.5Z"}, lastTimestamp=None
            ),
            _event("First", lastTimestamp="2026-01-01T00:00:01Z", count=1),
            _event("Second", lastTimestamp=None, eventTime="2026-01-01T00:00:02.1Z"),
        ]
    )
    assert told.splitlines() == [
        "00:00:01 Warning First Pod/web: words",
        "00:00:02 Warning Second Pod/web: words",
        "00:00:03 Warning Third Pod/web: words (x7)",
    ]


def test_events_of_one_second_come_in_the_order_in_which_they_were_written() -> None:
    def written(version: str, reason: str, **when: str) -> dict[str, Any]:
        return _event(reason, **when) | {"metadata": {"resourceVersion": version}}

    told = told_events(
        [
            written("1000", "Started", lastTimestamp="2026-01-01T00:00:01Z"),
            written("998", "Pulled", lastTimestamp="2026-01-01T00:00:01Z"),
            written("999", "Created", lastTimestamp="2026-01-01T00:00:01Z"),
            written("997", "Scheduled", eventTime="2026-01-01T00:00:01.900000Z"),
            written("1001", "Before", lastTimestamp="2026-01-01T00:00:00Z"),
        ]
    )
    assert [line.split()[2] for line in told.splitlines()] == [
        "Before",
        "Scheduled",
        "Pulled",
        "Created",
        "Started",
    ]


def test_an_event_is_one_line_whatever_its_message() -> None:
    assert told_events([_event("Failed", "one\n\ttwo")]).endswith("Failed Pod/web: one two")
    assert told_events([]) == "(none)"


def test_of_a_pod_is_told_what_is_not_as_it_should_be() -> None:
    pod: Object = {
        "metadata": {"name": "web"},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {
                    "type": "Ready",
                    "status": "False",
                    "reason": "ContainersNotReady",
                    "message": "unready: [main]",
                },
            ],
            "initContainerStatuses": [{"name": "init", "state": {}}],
            "containerStatuses": [
                {
                    "name": "main",
                    "restartCount": 4,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ],
        },
    }
    assert told_pod(pod).splitlines() == [
        "web: Running",
        "  not Ready (ContainersNotReady: unready: [main])",
        "  container init: not started, 0 restarts",
        (
            "  container main: waiting (CrashLoopBackOff: back-off 40s), 4 restarts; "
            "before: terminated (OOMKilled), exit code 137"
        ),
    ]


def test_a_pod_that_nobody_has_looked_at_yet_is_told_too() -> None:
    pod: Object = {
        "metadata": {"name": "web"},
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
            ],
        },
    }
    assert told_pod(pod) == "web: Pending\n  not PodScheduled (Unschedulable: 0/1 nodes)"


def test_a_cluster_that_does_not_answer_is_told_and_no_error(programs: Programs) -> None:
    nobody = Kubectl(programs.add("kubectl", "echo connection refused >&2; exit 1"), Path("k"), "mine")
    assert list(sections(nobody, pods_run=True)) == [
        ("events of namespace mine", "(not to be had: connection refused)"),
    ]
    gone = Kubectl(Path("/nowhere/kubectl"), Path("k"), "mine")
    ((_, text),) = sections(gone, pods_run=True)
    assert text.startswith("(not to be had: ")


def test_of_a_log_are_shown_the_last_lines_and_how_many_came_before() -> None:
    text = "\n".join(str(number) for number in range(60))
    assert tail(text).splitlines() == ["... 10 lines before", *(str(number) for number in range(10, 60))]
    assert tail("few\nlines") == "few\nlines"


def test_a_log_that_cannot_be_read_is_told_and_does_not_hide_the_others(tmp_path: Path) -> None:
    def broken() -> str:
        raise RuntimeError("no luck")

    logs = Logs()
    logs.add("missing", tmp_path / "missing")
    logs.add("broken", broken)
    logs.add("fine", lambda: "text")
    told = dict(logs.tails())
    assert told["missing"].startswith("(cannot be read: ")
    assert told["broken"] == "(cannot be read: no luck)"
    assert told["fine"] == "text"
