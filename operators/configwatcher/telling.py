"""What a ConfigWatcher tells people: its phase and its conditions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from operators.configwatcher.content import MOST_KEYS
from operators.configwatcher.course import few, in_words
from operators.configwatcher.gates import Gate
from operators.configwatcher.sources import Sighting
from operators.configwatcher.spec import ConfigWatcherSpec, ConfigWatcherStatus, SourceId
from operators.configwatcher.targets import Targets, left_alone

_MOST_SAID = 5
_Said = tuple[Literal["True", "False"], str, str]
"""The status of a condition, its reason, its message."""


@dataclass(frozen=True)
class Circumstances:
    """All that conditions depend on beside the status itself."""

    spec: ConfigWatcherSpec
    sighting: Sighting
    may_restart: bool = True
    """Whether the operator has the rights that the strategy takes."""
    gate: Gate | None = None
    blocked: str = ""
    trouble: str = ""
    targets: Targets | None = None
    """None if nobody looked at the Pods."""


def told(status: ConfigWatcherStatus, at: Circumstances) -> ConfigWatcherStatus:
    """Return the status with its phase and its conditions."""
    said = status.model_copy(update={"phase": _phase(status, at)})
    said = said.saying("Ready", *_ready(status, at))
    said = said.saying("Progressing", *_progressing(status, at))
    said = said.saying("Degraded", *_degraded(status, at))
    return said if at.targets is None else said.saying("Disruptive", *_disruptive(at.spec, at.targets))


def _phase(status: ConfigWatcherStatus, at: Circumstances) -> str:
    if status.rollout:
        return "Halted" if status.rollout.halted else "Restarting"
    if status.pending:
        return "Waiting"
    return "Pending" if at.sighting.missing or at.sighting.withheld else "Watching"


def _ready(status: ConfigWatcherStatus, at: Circumstances) -> _Said:
    if at.sighting.withheld:
        names = ", ".join(each.name for each in at.sighting.withheld)
        remedy = "install the operator with --grant secrets=NAMESPACE, this one beside those that have it"
        return "False", "NotGranted", f"Secrets may not be read in this namespace ({names}): {remedy}"
    if not at.may_restart:
        remedy = "choose another strategy, or install the operator with --grant rollout"
        return "False", "NotGranted", f"templates of workloads may not be edited in this namespace: {remedy}"
    if at.sighting.missing:
        return "False", "SourceMissing", f"not there (yet): {_names(at.sighting.missing)}"
    if status.rollout and status.rollout.halted:
        return "False", "Halted", "replacements do not become Ready"
    doubts = [*_absent(at), *(["the podSelector selects no Pod"] if status.pods == 0 else [])]
    return "True", "Watching", "; ".join([f"watches {_names(at.sighting.found)}", *doubts])


def _absent(at: Circumstances) -> list[str]:
    """Say which keys are watched that are not there: misspelt, perhaps."""
    return [
        f"{each} has no key {few(absent)}"
        for each, source in at.spec.sources
        # Of more nobody knows the names.
        if (found := at.sighting.found.get(each)) and len(source.keys) <= MOST_KEYS
        if (absent := sorted(set(source.keys) - set(found.keys)))
    ]


def _progressing(status: ConfigWatcherStatus, at: Circumstances) -> _Said:
    if rollout := status.rollout:
        if rollout.halted:
            how = "annotate it with k8spatterns.com/resume=<anything new>"
            return "False", "Halted", f"no more Pods are touched until the content changes, or you {how}"
        if at.blocked:
            return "True", "Blocked", at.blocked
        left = len(status.outdated)
        what = f"{left} of {rollout.outdated} Pods are still to be replaced"
        return "True", "Restarting", f"{what}, because of {in_words(rollout.changes)}"
    if pending := status.pending:
        why = in_words(pending.changes)
        if at.gate is None:
            return "True", "Pending", why
        until = f"; it waits until {_clock(at.gate.until)}" if at.gate.until else ""
        waits = at.gate.until is not None or at.gate.name == "Turn"
        return ("True" if waits else "False"), at.gate.name, f"{why}: {at.gate.why}{until}"
    return "False", "Watching", "nothing is to be done"


def _degraded(status: ConfigWatcherStatus, at: Circumstances) -> _Said:
    if status.rollout and status.rollout.halted:
        return "True", "ReplacementsNotReady", at.trouble or "replacements do not become Ready in time"
    if at.gate and at.gate.name == "Limit":
        return "True", "RestartLimit", f"{at.gate.why}; the next one waits"
    return "False", "Watching", ""


def _disruptive(spec: ConfigWatcherSpec, targets: Targets) -> _Said:
    if spec.strategy == "Rollout":
        return "False", "RolledOut", "the workload replaces its Pods at its own pace"
    if not targets.staying:
        return "False", "NoPods", "the podSelector selects no Pod"
    alone = left_alone(targets, spec.max_unavailable)
    if not alone:
        return "False", "OthersStay", "some Pods stay at work while others are replaced"
    names = ", ".join(sorted(map(str, alone))[:_MOST_SAID])
    return (
        "True",
        "NoneStays",
        f"while Pods are replaced, no other is at work ({names}); strategy Rollout brings up new ones first",
    )


def _names(sources: Collection[SourceId]) -> str:
    return few([str(each) for each in sorted(sources)])


def _clock(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
