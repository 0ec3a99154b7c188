"""What a person would look for after a failed test: events, Pods and their logs, as short texts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rumpf.testing.kubectl import Kubectl
from rumpf.testing.logs import LINES_SHOWN, tail

Object = Mapping[str, Any]
Section = tuple[str, str]
"""A title and a text."""

_A_MOMENT = 10.0
_EVENTS_SHOWN = 40
_PODS_SHOWN = 8
_SECONDS = len("2026-01-01T00:00:00")


def sections(kubectl: Kubectl, *, pods_run: bool) -> Iterator[Section]:
    """Tell what is in the namespace of `kubectl`. Never raises: what cannot be read is said instead."""
    where = f"namespace {kubectl.namespace}"
    events = _listed(kubectl, "events")
    if isinstance(events, str):
        # Nobody answers: to ask for more would only take longer.
        yield f"events of {where}", events
        return
    yield f"events of {where}", tail(told_events(events), _EVENTS_SHOWN)
    pods = _listed(kubectl, "pods")
    if isinstance(pods, str):
        yield f"Pods of {where}", pods
        return
    table = _said(kubectl, "get", "pods", "--output=wide")
    yield (
        f"Pods of {where}",
        "\n".join((table.rstrip(), *(told_pod(pod) for pod in pods))).strip() or "(none)",
    )
    if pods_run:
        yield from _logs(kubectl, sorted(pods, key=_is_fine)[:_PODS_SHOWN])


def told_events(events: Iterable[Object]) -> str:
    """Tell events in the order in which they last happened, one a line."""
    lines: list[tuple[tuple[str, int], str]] = []
    for event in events:
        series: Object = event.get("series") or {}
        last = (
            series.get("lastObservedTime")
            or event.get("lastTimestamp")
            or event.get("eventTime")
            or event["metadata"].get("creationTimestamp")
            or ""
        )
        count = series.get("count") or event.get("count") or 1
        times = f" (x{count})" if count > 1 else ""
        words = " ".join((event.get("message") or "").split())
        how, about = f"{event.get('type', '')} {event.get('reason', '')}", event["involvedObject"]
        what = f"{about.get('kind', '')}/{about.get('name', '')}"
        # Most clocks tell seconds only. Within one, the order in which the events were written is the best.
        when = (last[:_SECONDS], _version(event))
        lines.append((when, f"{last[11:_SECONDS]} {how} {what}: {words}{times}"))
    return "\n".join(line for _, line in sorted(lines, key=lambda each: each[0])) or "(none)"


def _version(event: Object) -> int:
    version = str(event["metadata"].get("resourceVersion", ""))
    return int(version) if version.isdecimal() else 0


def told_pod(pod: Object) -> str:
    """Tell how a Pod is: conditions that are false, and the state of each container."""
    status = pod.get("status", {})
    lines = [f"{pod['metadata']['name']}: {status.get('phase', 'unknown')}{_because(status)}"]
    lines += [
        f"  not {condition['type']}{_because(condition)}"
        for condition in status.get("conditions", ())
        if condition["status"] != "True" and condition.get("reason") != "PodCompleted"
    ]
    for container in _containers(status):
        lines.append(
            f"  container {container['name']}: {_state(container.get('state', {}))}, "
            f"{container.get('restartCount', 0)} restarts{_last(container.get('lastState', {}))}"
        )
    return "\n".join(lines)


def _logs(kubectl: Kubectl, pods: Iterable[Object]) -> Iterator[Section]:
    for pod in pods:
        name = pod["metadata"]["name"]
        for container in _containers(pod.get("status", {})):
            if not container.get("containerID"):
                continue
            which = (name, f"--container={container['name']}", f"--tail={LINES_SHOWN}")
            if container.get("restartCount", 0):
                before = _said(kubectl, "logs", *which, "--previous")
                yield (
                    f"log of {name}, {container['name']}, before its last restart",
                    before.rstrip() or "(empty)",
                )
            yield f"log of {name}, {container['name']}", _said(kubectl, "logs", *which).rstrip() or "(empty)"


def _listed(kubectl: Kubectl, kind: str) -> list[Object] | str:
    said = _said(kubectl, "get", kind, "--output=json")
    try:
        items: list[Object] = json.loads(said)["items"]
    except (ValueError, KeyError):
        return said
    return items


def _said(kubectl: Kubectl, *arguments: str) -> str:
    try:
        done = kubectl.run(*arguments, f"--request-timeout={_A_MOMENT / 2:.0f}s", timeout=_A_MOMENT)
    except OSError as error:
        return f"(not to be had: {error})"
    return done.stdout if done.returncode == 0 else f"(not to be had: {done.stderr.strip()})"


def _containers(status: Object) -> Iterator[Object]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _is_fine(pod: Object) -> bool:
    return all(
        each.get("ready") and not each.get("restartCount") for each in _containers(pod.get("status", {}))
    )


def _state(state: Object) -> str:
    for name, details in state.items():
        code = f", exit code {details['exitCode']}" if "exitCode" in details else ""
        return f"{name}{_because(details)}{code}"
    return "not started"


def _last(state: Object) -> str:
    return f"; before: {_state(state)}" if state else ""


def _because(something: Object) -> str:
    words = [" ".join(str(something[key]).split()) for key in ("reason", "message") if something.get(key)]
    return f" ({': '.join(words)})" if words else ""
