"""ConfigWatcher: restarts Pods when the content of a ConfigMap or Secret changes.

A change, and the Pods that run without it, are written down before any Pod is touched. Whatever happens to
this process, whoever goes on neither forgets a Pod nor restarts one twice: those that are gone are gone, and
what has taken their place is newer than the change.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from operators.configwatcher import course, gates, history, needs, windows
from operators.configwatcher.restarting import Restarting
from operators.configwatcher.sample import SAMPLES
from operators.configwatcher.sources import SECRETS, WATCHES, Sources
from operators.configwatcher.spec import (
    RESTART,
    RESUME,
    ConfigWatcher,
    ConfigWatcherStatus,
    Pending,
    Rollout,
    SourceId,
    Window,
)
from operators.configwatcher.targets import Target, Targets, moment
from operators.configwatcher.telling import Circumstances, told
from operators.configwatcher.workloads import RIGHTS
from rumpf import Counter, Grant, Histogram, Operator, Pod, Resources, Rule, Setting, World, reconciler

ROLLOUT = Grant("rollout", "Edits the templates of workloads, for strategy Rollout.", default=True)
RESTARTS = Counter("configwatcher_restarts_total", "Restarts that are over.", labels=("result",))
REPLACED = Counter(
    "configwatcher_pods_replaced_total",
    "Pods that were replaced, in restarts that are over.",
    labels=("strategy",),
)
LATENCY = Histogram(
    "configwatcher_latency_seconds",
    "From the moment a change was seen until the last new Pod was Ready.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800),
)
_TURNS = "rollouts"
_LONGEST_WAIT = 300.0
_YOUNG = timedelta(minutes=1)


@dataclass
class Memory:
    """What is remembered of a ConfigWatcher from look to look. Nothing but speed depends on it."""

    sources: Sources = field(default_factory=Sources)
    restarting: Restarting = field(default_factory=Restarting)
    checked: tuple[Window, ...] = ()
    """Windows that make sense."""
    begun_before: str | None = None
    """When the restart began that was before the one that is under way."""


class Looking:
    """One look at a ConfigWatcher."""

    def __init__(self, watcher: ConfigWatcher, world: World) -> None:
        self.watcher, self.spec, self.world = watcher, watcher.spec, world
        self.now = datetime.now(UTC)
        memory: Memory = world.memory.setdefault("configwatcher", Memory())
        self.memory, self.sources, self.restarting = memory, memory.sources, memory.restarting
        self._targets: Targets | None = None
        self._gate: gates.Gate | None = None
        self._is_news = False

    async def look(self) -> ConfigWatcherStatus:
        """Bring things on as far as they go now; return how they stand."""
        if self.spec.windows != self.memory.checked:
            windows.check(self.spec.windows)
            self.memory.checked = self.spec.windows
        self.sighting = await self.sources.look(self.watcher, self.world)
        status, news = course.record(self.watcher, self.sighting, self.now)
        status = await self._noted(status, news)
        lacking = await self._lacking() if status.rollout or status.pending else ()
        if status.rollout and (self.spec.suspend or self.spec.dry_run or lacking):
            status = course.interrupted(status)
        if status.pending:
            status = await self._begun(status, status.pending, lacking)
        if status.rollout and not status.rollout.halted:
            status = await self._gone_on(status, status.rollout)
        if status.rollout is None or status.rollout.halted or self.restarting.is_kept:
            self.world.release(_TURNS)
        said = self._told(status)
        self._warn(said)
        return said

    def _warn(self, status: ConfigWatcherStatus) -> None:
        """Say once that it cannot see all that it is to watch, or may not do what it is to do."""
        before, now = (
            next((each for each in said.conditions if each.type == "Ready"), None)
            for said in (self.watcher.status, status)
        )
        if now is None or (before and before.reason == now.reason):
            return
        if now.reason == "SourceMissing":
            self.world.event("SourceMissing", now.message, type="Warning")
        elif now.reason == "NotGranted":
            self.world.event("NotGranted", now.message, type="Warning")

    async def _noted(self, status: ConfigWatcherStatus, news: course.News | None) -> ConfigWatcherStatus:
        """Take up what is new: changed sources, and what a person asks for by an annotation."""
        said = self.watcher.metadata.annotations
        restart, resume = said.get(RESTART) or None, said.get(RESUME) or None
        # Until all was seen once: what it was made with is nothing that is asked of it.
        is_new = self.watcher.status.pods is None
        found = [news] if news else []
        if restart and restart != status.restart_handled and not is_new:
            found.append(course.asked_for(restart, self.now))
        if resume and resume != status.resume_handled and status.rollout and status.rollout.halted:
            going = {"halted": False, "progressed_at": course.written(self.now)}
            status = status.model_copy(update={"rollout": status.rollout.model_copy(update=going)})
            self.restarting.resume()
        status = status.model_copy(update={"restart_handled": restart, "resume_handled": resume})
        is_other = status.observed_generation != self.watcher.metadata.generation
        if is_new or is_other or self._is_young:
            status = status.model_copy(update={"pods": len((await self._look_at_pods()).staying)})
        self._is_news = bool(found)
        for each in found:
            targets = await self._look_at_pods()
            status = self._uncounted(status)
            if each.appeared:
                needing = await self._needing({(change.kind, change.name) for change in each.changes})
                status = course.to_do(status, each, targets, self.now, needing=needing)
            else:
                newer = await history.newer(each, targets, self.world)
                status = course.to_do(status, each, targets, self.now, newer=newer)
        return status

    async def _needing(self, sources: AbstractSet[tuple[str, str]]) -> AbstractSet[str]:
        """Return the uids of Pods that cannot start without one of these."""
        staying = {each.uid for each in (await self._look_at_pods()).staying}
        pods = await self.world.select(Pod, self.spec.pod_selector.text(), needs.needs_of)
        return {uid for uid, needed in pods if uid in staying and needed & sources}

    def _uncounted(self, status: ConfigWatcherStatus) -> ConfigWatcherStatus:
        """Do not count a restart that is superseded before any Pod was touched."""
        rollout, doing = status.rollout, self.restarting
        if rollout is None or doing.of != rollout.started_at or doing.touched:
            return status
        left = tuple(each for each in status.restarts if each != rollout.started_at)
        return status.model_copy(update={"restarts": left, "begun_at": self.memory.begun_before})

    async def _lacking(self) -> Sequence[SourceId]:
        """Return the sources that are not there, and without which Pods could not start again."""
        missing = self.sighting.missing
        return [each for each in missing if await self._needing({each})] if missing else ()

    async def _begun(
        self, status: ConfigWatcherStatus, pending: Pending, lacking: Sequence[SourceId]
    ) -> ConfigWatcherStatus:
        """Begin the restart, unless it is to wait."""
        self._gate = gates.closed(self.spec, status, pending, self.now)
        if self._gate is None and lacking:
            names = course.few([str(each) for each in lacking])
            self._gate = gates.Gate("SourceMissing", f"Pods could not start without {names}")
        if self._gate is None and not self._may_restart:
            self._gate = gates.Gate(
                "NotGranted", "templates of workloads may not be edited in this namespace"
            )
        if self._gate is None and not self.world.reserve(_TURNS, int(self.world.settings["MAX_ROLLOUTS"])):
            self._gate = gates.Gate("Turn", "as many others as may be are restarting")
        if self._gate is not None:
            return await self._waiting(status, pending, self._gate)
        targets, before = await self._look_at_pods(), status.begun_at
        status = course.begun(
            self.spec, status, pending, targets, wanted=await self._wanted(targets), now=self.now
        )
        if status.rollout is None:
            return status
        self.memory.begun_before = before
        await self.world.save(self._told(status))
        why = course.in_words(status.rollout.changes)
        self.world.event("Restarting", f"{course.pods(status.rollout.outdated)}, because of {why}")
        return status

    @property
    def _is_young(self) -> bool:
        """Whether it was made just now: mostly with its Pods, which are still to come."""
        made = self.watcher.metadata.creation_timestamp
        return made is not None and self.now < moment(made) + _YOUNG

    @property
    def _may_restart(self) -> bool:
        return self.spec.strategy != "Rollout" or self.world.granted(ROLLOUT)

    async def _waiting(
        self, status: ConfigWatcherStatus, pending: Pending, gate: gates.Gate
    ) -> ConfigWatcherStatus:
        if gate.until:
            self.world.again(min((gate.until - self.now).total_seconds() + 0.01, _LONGEST_WAIT))
        if gate.name == "DryRun" and (self._is_news or pending.waits_for != gate.name):
            why = course.in_words(pending.changes)
            self.world.event("WouldRestart", f"{course.pods(len(status.outdated))}, because of {why}")
        until = course.written(gate.until) if gate.until else None
        waiting = pending.model_copy(update={"waits_for": gate.name, "not_before": until})
        status = status.model_copy(update={"pending": waiting})
        if self._is_news:
            # At once: seen again it would be news again, and wait for longer.
            await self.world.save(self._told(status))
        return status

    async def _gone_on(self, status: ConfigWatcherStatus, rollout: Rollout) -> ConfigWatcherStatus:
        if not self._may_restart:
            return course.interrupted(status)
        if not self.world.reserve(_TURNS, int(self.world.settings["MAX_ROLLOUTS"])):
            self.restarting.waited(self.now)
            return status
        targets = await self._look_at_pods()
        is_other = self.watcher.status.observed_generation != self.watcher.metadata.generation
        if is_other and self.restarting.selects_others:
            rollout = rollout.model_copy(update={"pods": await self._wanted(targets)})
        status = await self.restarting.go_on(
            self.spec, status, rollout, targets, world=self.world, now=self.now
        )
        if status.rollout is None and status.last_restart:
            # First: seen again it would be told and counted again.
            await self.world.save(self._told(status))
            why, count = status.last_restart.reason, status.last_restart.pods
            self.world.event("Restarted", f"{course.pods(count)}, because of {why}")
            self.world.count(RESTARTS, result="done")
            self.world.count(REPLACED, count, strategy=self.spec.strategy)
            over = moment(status.last_restart.finished_at)
            self.world.observe(LATENCY, (over - moment(rollout.seen_at)).total_seconds())
        elif status.rollout and status.rollout.halted:
            await self.world.save(self._told(status))
            self.world.event("RestartHalted", self._trouble(targets), type="Warning")
            self.world.count(RESTARTS, result="halted")
        return status

    async def _wanted(self, targets: Targets) -> int:
        patience = self.now - timedelta(seconds=self.spec.progress_deadline_seconds)
        return await self.restarting.wanted(targets, patience, self.world)

    async def _look_at_pods(self) -> Targets:
        if self._targets is None:
            selector = self.spec.pod_selector.text()
            pods = await self.world.select(Pod, selector, Target.of)
            # Where nobody owns a Pod there is no template to edit.
            bare = self.spec.allow_bare and self.spec.strategy != "Rollout"
            allowed = [each for each in pods if each.owner or bare]
            self._targets = self.restarting.targets(allowed, selector)
        return self._targets

    def _trouble(self, targets: Targets) -> str:
        """Say which Pods are not Ready, and why if they say so."""
        bad = [each for each in targets.staying if not each.ready]
        said = [
            f"Pod {each.name}: {': '.join(filter(None, each.trouble)) if each.trouble else 'not Ready'}"
            for each in bad[:3]
        ]
        return "; ".join(said) or "fewer Pods than there were"

    def _told(self, status: ConfigWatcherStatus) -> ConfigWatcherStatus:
        halted = bool(status.rollout and status.rollout.halted)
        circumstances = Circumstances(
            spec=self.spec,
            sighting=self.sighting,
            may_restart=self._may_restart,
            gate=self._gate if status.pending else None,
            blocked=self.restarting.blocked if status.rollout else "",
            trouble=self._trouble(self._targets) if halted and self._targets else "",
            # While some are replaced that would only tell what is known.
            targets=None if status.rollout else self._targets,
        )
        return told(status, circumstances)


@reconciler(
    ConfigWatcher,
    watches=WATCHES,
    follows=[Pod],
    may=[
        Rule("", "pods/eviction", ("create",)),
        Rule("", "pods", ("delete",)),
        *RIGHTS,
        *(
            Rule("apps", plural, ("get", "patch"), grant=ROLLOUT)
            for plural in ("deployments", "statefulsets", "daemonsets")
        ),
    ],
    workers=16,
    remembers=True,
)
async def reconcile(watcher: ConfigWatcher, world: World) -> ConfigWatcherStatus:
    """Restart the Pods that run without what the sources hold now."""
    return await Looking(watcher, world).look()


operator = Operator(
    "configwatcher",
    reconcile,
    description="Restarts Pods when the content of a ConfigMap or Secret that they use changes.",
    settings=[
        Setting(
            "MAX_ROLLOUTS",
            "50",
            "So many ConfigWatchers restart Pods at a time; the others wait.",
            pattern="[1-9][0-9]{0,5}",
        ),
    ],
    grants=[SECRETS, ROLLOUT],
    metrics=[RESTARTS, REPLACED, LATENCY],
    resources=Resources(cpu="20m", memory="96Mi", memory_limit="256Mi"),
    samples=SAMPLES,
)
