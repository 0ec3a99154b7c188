"""What a ConfigWatcher says, and what it tells: its spec, its status, its columns."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from rumpf import AGE, Cel, Column, ListMap, Model, Resource, Status
from rumpf.types import IntOrString, LabelRequirement, LabelSelector, ObjectName

RESTART = "k8spatterns.com/restart"
"""An annotation on a ConfigWatcher: a new value, whatever it is, restarts the Pods once."""
RESUME = "k8spatterns.com/resume"
"""An annotation on a ConfigWatcher: a new value, whatever it is, lets a halted rollout go on."""

MANUAL = "Manual"
"""The kind of a change that a person asked for by that annotation."""

DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_VALUE = "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
LabelValue = Annotated[str, Field(max_length=63, pattern=f"^({_VALUE})?$")]
_LABEL = f"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{_VALUE}"
Seconds = Annotated[int, Field(ge=0, le=86400)]


class Source(Model):
    """A ConfigMap or Secret whose content matters."""

    name: ObjectName
    """Its name."""
    keys: Annotated[tuple[DataKey, ...], Field(max_length=128)] = ()
    """Only these of its keys matter; all of them if none is named."""


class Window(Model):
    """A time in which Pods may be restarted."""

    cron: Annotated[str, Field(min_length=9, max_length=120, pattern=r"^\S+( +\S+){4}$")]
    """When it opens: minute, hour, day of month, month, day of week."""
    minutes: Annotated[int, Field(ge=1, le=10080)]
    """How long it stays open."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    """The time zone of `cron`, such as Europe/Berlin. Where the clock is put forward over the time at which
    the window opens it opens right after; where the clock is put back it opens once."""


class _Requirement(LabelRequirement):
    """What one label must be like."""

    key: Annotated[str, Field(min_length=1, max_length=316, pattern=f"^{_LABEL}$")]
    """The label."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=64)] = ()
    """Values for In and NotIn; empty for the others."""


class PodSelector(LabelSelector):
    """Pods by their labels. It must say something: an empty one would select all there are."""

    __cel__ = (
        Cel(
            "has(self.matchLabels) && size(self.matchLabels) > 0"
            " || has(self.matchExpressions) && size(self.matchExpressions) > 0",
            "an empty podSelector would select every Pod of the namespace",
            reason="FieldValueRequired",
        ),
        Cel(
            "!has(self.matchExpressions) || self.matchExpressions.all(each,"
            " (each.operator in ['In', 'NotIn']) == (has(each.values) && size(each.values) > 0))",
            "In and NotIn need values; Exists and DoesNotExist take none",
        ),
        Cel(
            f"!has(self.matchLabels) || self.matchLabels.all(key, key.matches('^{_LABEL}$'))",
            "matchLabels names something that no label can be called",
        ),
    )

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=64)] = Field(default_factory=dict)
    """Labels and the values that they must have."""
    match_expressions: Annotated[tuple[_Requirement, ...], Field(max_length=64)] = ()
    """What labels must be like."""


class ConfigWatcherSpec(Model):
    """What is watched, what is restarted, and how."""

    __cel__ = (
        Cel(
            "has(self.configMap) || has(self.configMaps) && size(self.configMaps) > 0"
            " || has(self.secrets) && size(self.secrets) > 0",
            "name something to watch: configMap, configMaps or secrets",
            reason="FieldValueRequired",
        ),
        Cel(
            "!has(self.configMap) || !has(self.configMaps)"
            " || !self.configMaps.exists(each, each.name == self.configMap)",
            "a ConfigMap is named both in configMap and in configMaps",
        ),
        Cel(
            "type(self.maxUnavailable) == int ? self.maxUnavailable >= 1"
            " : self.maxUnavailable.matches('^([1-9]|[1-9][0-9]|100)%$')",
            "maxUnavailable is a number from 1, or a percentage from 1% to 100%",
            field_path=".maxUnavailable",
        ),
        Cel(
            "self.progressDeadlineSeconds > self.minReadySeconds",
            "progressDeadlineSeconds must be longer than minReadySeconds",
            field_path=".progressDeadlineSeconds",
        ),
    )

    config_map: ObjectName | None = None
    """The ConfigMap that is watched."""
    config_maps: Annotated[tuple[Source, ...], ListMap("name"), Field(max_length=64)] = ()
    """ConfigMaps that are watched."""
    secrets: Annotated[tuple[Source, ...], ListMap("name"), Field(max_length=64)] = ()
    """Secrets that are watched, where whoever installed the operator lets it read Secrets."""
    pod_selector: PodSelector
    """The Pods that are restarted, in the ConfigWatcher's own namespace."""
    strategy: Literal["Evict", "Delete", "Rollout"] = "Evict"
    """Evict asks PodDisruptionBudgets, Delete does not; both leave it to the Pod's owner to replace it.
    Rollout edits the template of the workload, as `kubectl rollout restart` does."""
    max_unavailable: IntOrString = "25%"
    """So many of the Pods may be unavailable at a time: a number, or a percentage of them (rounded down, one
    at least). Not for Rollout: a workload has its own pace."""
    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] = 3
    """A replacement counts when it has been Ready for so long: one that crashes as it starts is Ready for a
    moment, too."""
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """If replacements are not Ready after so long, no more Pods are touched."""
    debounce_seconds: Seconds = 2
    """A change is acted upon when it has been quiet for so long."""
    min_interval_seconds: Seconds = 0
    """At least so long between the beginnings of two restarts."""
    max_restarts_per_hour: Annotated[int, Field(ge=0, le=600)] = 30
    """So many restarts in an hour, and the next one waits; 0 for no limit."""
    allow_bare: bool = False
    """Whether Pods that nobody replaces are restarted too: they are gone then."""
    suspend: bool = False
    """Whether changes wait until this is false again."""
    dry_run: bool = False
    """Whether to tell only what would be done."""
    windows: Annotated[tuple[Window, ...], Field(max_length=16)] = ()
    """When Pods may be restarted: in any of these; always if there is none. A change waits for the next."""

    @property
    def sources(self) -> "tuple[tuple[SourceId, Source], ...]":
        """All that is watched, each with what tells it from the others."""
        single = (Source(name=self.config_map),) if self.config_map else ()
        return (
            *((SourceId("ConfigMap", each.name), each) for each in (*single, *self.config_maps)),
            *((SourceId("Secret", each.name), each) for each in self.secrets),
        )


class SourceId(NamedTuple):
    """Which source."""

    kind: Literal["ConfigMap", "Secret"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Observed(Model):
    """A source as it was last seen. No value of it is here: keys, and hashes with a salt."""

    kind: Literal["ConfigMap", "Secret"]
    """ConfigMap or Secret."""
    name: str
    """Its name."""
    hash: str | None = None
    """Of its content, as far as it matters; none if it was never there."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Of each key, if there are not too many."""
    filter: tuple[str, ...] = ()
    """The keys that mattered then; all if there is none."""

    @property
    def id(self) -> SourceId:
        """Which source."""
        return SourceId(self.kind, self.name)


class Change(Model):
    """What has changed."""

    kind: str
    """ConfigMap, Secret, or Manual for what a person asked for."""
    name: str
    """The name of the source; of a manual restart, the annotation's value."""
    keys: tuple[str, ...] = ()
    """The keys that were added, removed or changed, as far as they are known."""


class Pending(Model):
    """A change that is to be acted upon."""

    since: Time
    """When it was first seen."""
    seen_at: Time
    """When it was last seen to change."""
    changed_at: Time
    """When it last changed, by the API server's clock: Pods that started later have read it."""
    changes: tuple[Change, ...] = ()
    """What has changed."""
    waits_for: str | None = None
    """What it waits for: Suspended, DryRun, Debounce, Interval, Limit, Window, SourceMissing, NotGranted or
    Turn."""
    not_before: Time | None = None
    """When that is over, if it is known."""


class Rollout(Model):
    """A restart that is under way."""

    started_at: Time
    """When it began."""
    seen_at: Time
    """When what it is for was last seen to change."""
    changed_at: Time
    """When that was, by the API server's clock."""
    changes: tuple[Change, ...] = ()
    """What it is for."""
    pods: int = 0
    """How many Pods ought to be at work."""
    outdated: int = 0
    """How many were to be replaced when it began."""
    progressed_at: Time
    """When it last got on."""
    halted: bool = False
    """Whether it stopped, because replacements do not become Ready."""


class Restart(Model):
    """A restart that is over."""

    started_at: Time
    """When it began."""
    finished_at: Time
    """When the last new Pod was Ready."""
    duration_seconds: int = 0
    """How long it took."""
    changes: tuple[Change, ...] = ()
    """What it was for."""
    reason: str = ""
    """What it was for, in words."""
    pods: int = 0
    """How many Pods were replaced."""


class ConfigWatcherStatus(Status):
    """What was seen, what is to be done, what was done."""

    phase: Literal["Pending", "Watching", "Waiting", "Restarting", "Halted"] = "Pending"
    """Watching: all is as it should be. Waiting: a change waits for something. Restarting: it is under way.
    Halted: replacements do not become Ready."""
    sources: Annotated[tuple[Observed, ...], ListMap("kind", "name"), Field(max_length=192)] = ()
    """The sources, as last seen."""
    outdated: tuple[str, ...] = ()
    """Pods that run with an older content, by the first characters of their uids."""
    pending: Pending | None = None
    """A change that waits."""
    rollout: Rollout | None = None
    """The restart that is under way."""
    begun_at: Time | None = None
    """When the last restart began that touched any Pod, whether it came to its end or not."""
    last_restart: Restart | None = None
    """The last one that is over."""
    restarts: tuple[Time, ...] = ()
    """When the restarts of the last hour began, where their number is limited."""
    restart_handled: str | None = None
    """The value of the annotation `k8spatterns.com/restart` that was acted upon."""
    resume_handled: str | None = None
    """The value of the annotation `k8spatterns.com/resume` that was acted upon."""
    pods: int | None = None
    """How many Pods it would restart, when it last looked."""


class ConfigWatcher(
    Resource,
    group="k8spatterns.com",
    version="v1",
    plural="configwatchers",
    short_names=["cw"],
    columns=[
        Column("ConfigMap", ".spec.configMap"),
        Column("Strategy", ".spec.strategy", priority=1),
        Column("Phase", ".status.phase"),
        Column("Reason", '.status.conditions[?(@.type=="Progressing")].reason', priority=1),
        Column("Pods", ".status.pods", type="integer"),
        Column("Restarted", ".status.lastRestart.finishedAt", type="date"),
        Column("Why", ".status.lastRestart.reason", priority=1),
        AGE,
    ],
):
    """Restarts Pods when the content of a ConfigMap or Secret changes."""

    spec: ConfigWatcherSpec
    status: ConfigWatcherStatus = ConfigWatcherStatus()
