"""A namespace played through: Pods that read their config when they start, owners that replace them.

The operator's own reconcile is at work in it. Time passes when a test says so; every request may fail, and
the process may die before or after each write. Unlike in a cluster it is known which Pod has read what.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from operators.configwatcher.operator import reconcile
from operators.configwatcher.spec import ConfigWatcher
from rumpf import ConfigMap, Counter, Pod, Refused, View, World
from rumpf.conditions import Status
from rumpf.errors import ApiError
from rumpf.runtime.settle import settled, wire

Json = dict[str, Any]
T = TypeVar("T")
WRITES = {"save", "settle", "POST", "DELETE"}
CONFIG, OWNER = "webapp-config", "webapp-7d4"


class KilledError(BaseException):
    """The operator's process is dead."""


@dataclass
class Killed:
    """A fate: the process is killed right before or after its n-th write, once."""

    moment: str
    point: int

    def __call__(self, moment: str, what: str) -> None:
        """Be told of a request."""
        if moment == self.moment and what in WRITES:
            self.point -= 1
            if self.point == 0:
                raise KilledError

    @property
    def is_over(self) -> bool:
        """Whether that has happened."""
        return self.point <= 0


@dataclass
class Inhabitant:
    """A Pod."""

    name: str
    owner: str
    odd: bool
    uid: str
    created: datetime
    starts_at: datetime
    ready_after: float
    started: datetime | None = None
    keeps_waiting: bool = False
    """Whether it says that something is missing that it needs."""
    ready: bool = False
    turned: datetime | None = None
    """When that became so."""
    has_read: int = -1
    """Which content it has read."""
    gone_at: datetime | None = None

    @property
    def raw(self) -> Json:
        """It, as the API server tells."""
        leaving = {"deletionTimestamp": second(self.gone_at)} if self.gone_at else {}
        waiting = {"reason": "CreateContainerConfigError"} if self.keeps_waiting else {}
        state = {"running": {"startedAt": second(self.started)}} if self.started else {"waiting": waiting}
        return {
            "metadata": {
                "name": self.name,
                "namespace": "ns",
                "uid": self.uid,
                "creationTimestamp": second(self.created),
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": self.owner,
                        "name": OWNER,
                        "uid": OWNER,
                        "controller": True,
                    }
                ],
                **leaving,
            },
            "status": {
                "phase": "Running" if self.started else "Pending",
                "containerStatuses": [{"state": state}],
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True" if self.ready else "False",
                        "lastTransitionTime": second(self.turned or self.created),
                    }
                ],
            },
        }


@dataclass
class Departure:
    """A Pod that the operator sent away."""

    uid: str
    at: datetime
    knew_it_all: bool
    """Whether it had read what was there then, and was created in a later second than that."""
    ready_left: int
    """How many were at work once it had gone."""


@dataclass
class Town:
    """All of it."""

    runner: asyncio.Runner
    replicas: int = 4
    kind: str = "ReplicaSet"
    """A StatefulSet replaces a Pod when it is gone, all others as soon as it leaves."""
    seed: int = 0
    spec: Json = field(default_factory=dict)
    now: datetime = datetime(2026, 3, 1, 12, 0, 0, 300_000, tzinfo=UTC)
    pods: dict[str, Inhabitant] = field(default_factory=dict)
    departures: list[Departure] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """The Events with what they say."""
    data: dict[str, str] = field(default_factory=lambda: {"message": "0"})
    content: int = 0
    """Which content there is, by number."""
    fate: Callable[[str, str], None] = lambda _, __: None
    """Told of each request, "before" and "after" it is done; what it raises befalls the operator."""
    broken: bool = False
    """Whether Pods that read what is there now never get Ready."""
    keeps_waiting: bool = False
    """Whether Pods cannot start, because what they need is not there."""
    is_crowded: bool = False
    """Whether others have all the turns."""
    budget: int | None = None
    """How many Pods a PodDisruptionBudget wants at work."""
    makes_after: float = 0
    """So many seconds after one is missing its owner makes another."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a play
        self.changed, self.written = self.now, self.now
        self.is_known_when = True
        self.memory: Json = {}
        self.requests: list[tuple[datetime, str]] = []
        self._missing_since: datetime | None = None
        self.has_turn, self.metrics = False, dict[str, float]()
        self.looks_again: float | None = None
        self._version, self._count, self._dead = 1, 0, False
        self.config_uid = "config-0"
        self.watcher: Json = {
            "metadata": {"name": "webapp", "namespace": "ns", "uid": "watcher", "generation": 1},
            "spec": {
                "configMap": CONFIG,
                "podSelector": {"matchLabels": {"app": "webapp"}},
                "debounceSeconds": 0,
                **self.spec,
            },
        }
        self.watcher["metadata"]["annotations"] = {}

    # --- what people and controllers do ---

    def change(self, **data: str | None) -> None:
        """Change keys of the ConfigMap; of one that is taken away (None) no time is noted."""
        before = self.data
        self.data = {key: value for key, value in {**before, **data}.items() if value is not None}
        assert self.data != before, "it is no change"
        self.content += 1
        self._version += 1
        self.changed = self.now
        if any(value is not None for value in data.values()):
            self.written = self.now

    def put_back(self) -> None:
        """Change the ConfigMap to what it was before the last change."""
        assert self.content == 1, "more than one change"
        self.data, self.content = {"message": "0"}, 0
        self._version += 1
        self.changed = self.written = self.now

    def amend(self, **spec: object) -> None:
        """Change the spec of the ConfigWatcher."""
        self.watcher["spec"] |= spec
        self.watcher["metadata"]["generation"] += 1
        self._version += 1

    def annotate(self, **annotations: str) -> None:
        """Annotate the ConfigWatcher, with names of ours."""
        named = {f"k8spatterns.com/{name}": text for name, text in annotations.items()}
        self.watcher["metadata"]["annotations"] |= named
        self._version += 1

    def live(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        for pod in list(self.pods.values()):
            if pod.gone_at and pod.gone_at <= self.now:
                del self.pods[pod.name]
            elif pod.started is None and pod.starts_at <= self.now:
                pod.keeps_waiting = self.keeps_waiting
                if not pod.keeps_waiting:
                    pod.started, pod.has_read = self.now, self.content
            if pod.started and self.now >= pod.started + timedelta(seconds=pod.ready_after):
                was, pod.ready = pod.ready, not (self.broken and pod.has_read == self.content)
                pod.turned = self.now if pod.ready != was else pod.turned
        self._replace()

    def settle(self, seconds: float = 600.0) -> None:
        """Let the operator work until it has nothing to do."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.live(0.5)
            came_to_an_end = self.look()
            calm = all(pod.ready and not pod.gone_at for pod in self.pods.values())
            if came_to_an_end and calm and self.status.get("phase") == "Watching" and self._is_seen():
                return
        raise AssertionError(f"it does not come to rest: {self.status}")

    # --- what the operator does ---

    def look(self) -> bool:
        """Let the operator look once, as the runtime has it do; tell whether it came to an end."""
        self.looks_again, self._dead = None, False
        watcher = ConfigWatcher.model_validate(self.watcher)
        try:
            status = self.runner.run(reconcile(watcher, cast("World", Seen(self, watcher))))
            assert status is not None
            self.write(status, "settle")
        except KilledError:
            self.memory = {}
            return False
        except (ApiError, Refused):
            # Whoever waits for a turn need not wait for one that cannot look.
            self.has_turn = False
            return False
        return True

    def write(self, status: Status, why: str) -> None:
        """Write the status, if it differs."""
        observed = self.watcher.get("status", {})
        wanted = settled(wire(status), observed, self.watcher["metadata"]["generation"], self.now)
        if wanted != observed:
            self.ask(why)
            self.watcher["status"] = wanted
            self._version += 1
            self.answer(why)

    def ask(self, what: str) -> None:
        """Have a request arrive, or not."""
        self._befalls("before", what)

    def answer(self, what: str) -> None:
        """Have an answer arrive, or not."""
        self._befalls("after", what)

    def send_away(self, name: str, uid: str, *, evict: bool) -> None:
        """Delete or evict a Pod."""
        pod = self.pods.get(name)
        if pod is None:
            raise refusal(404)
        if pod.uid != uid:
            raise refusal(409)
        if pod.gone_at:
            return
        ready = sum(1 for each in self.pods.values() if each.ready and not each.gone_at)
        if evict and self.budget is not None and ready - pod.ready < self.budget:
            raise ApiError("it would violate the budget", status=429, causes=("DisruptionBudget",))
        knew_it_all = pod.has_read == self.content and floor(pod.created) > floor(self.changed)
        self.departures.append(Departure(uid, self.now, knew_it_all, ready - pod.ready))
        pod.ready = False
        pod.gone_at = self.now + timedelta(seconds=self.chance.uniform(0.1, 3))
        self._replace()

    @property
    def status(self) -> Json:
        """The status, as it is written."""
        found: Json = self.watcher.get("status", {})
        return found

    @property
    def staying(self) -> list[Inhabitant]:
        """The Pods that are not on their way out."""
        return [pod for pod in self.pods.values() if not pod.gone_at]

    @property
    def version(self) -> str:
        """The version of everything."""
        return str(self._version)

    def _is_seen(self) -> bool:
        return bool(self.status.get("observedGeneration") == self.watcher["metadata"]["generation"])

    def _befalls(self, moment: str, what: str) -> None:
        if self._dead:
            raise KilledError
        try:
            self.fate(moment, what)
        except KilledError:
            self._dead = True
            raise

    def _replace(self) -> None:
        there = list(self.pods.values()) if self.kind == "StatefulSet" or self.makes_after else self.staying
        if self._comes_later(len(there)):
            return
        for _ in range(self.replicas - len(there)):
            self._count += 1
            there = [pod for pod in self.pods.values() if pod in there or not pod.gone_at]
            name, wait = f"pod-{self._count:04}", self.chance.uniform(0.2, 2.5)
            self.pods[name] = Inhabitant(
                name,
                self.kind,
                # As many of one kind as of the other, as they have their labels from their owner.
                2 * sum(pod.odd for pod in there) < self.replicas,
                f"{self._count:08}-0000-of-{name}",
                self.now,
                self.now + timedelta(seconds=wait),
                self.chance.uniform(0.1, 4),
            )
        for pod in sorted(self.staying, key=lambda each: each.created)[self.replicas :]:
            pod.gone_at, pod.ready = self.now + timedelta(seconds=1), False

    def _comes_later(self, there: int) -> bool:
        if there >= self.replicas or not there:
            self._missing_since = None
            return False
        self._missing_since = self._missing_since or self.now
        return self.now < self._missing_since + timedelta(seconds=self.makes_after)


class Seen:
    """What the operator sees of it in one look: as much of a `World` as it uses."""

    namespace = "ns"
    settings: Mapping[str, str] = {"MAX_ROLLOUTS": "50"}

    def __init__(self, town: Town, watcher: ConfigWatcher) -> None:
        self.town, self.watcher = town, watcher
        self.version = town.version
        self.memory = town.memory

    def find(self, view: type[ConfigMap], name: str) -> ConfigMap | None:
        town = self.town
        return view({"metadata": {"name": name, "uid": town.config_uid, "resourceVersion": town.version}})

    async def read(self, view: type[ConfigMap], name: str) -> ConfigMap | None:
        town = self.town
        town.ask("read")
        manager = {"time": second(town.written), "fieldsV1": {"f:data": {}}}
        metadata = {
            "name": name,
            "uid": town.config_uid,
            "resourceVersion": town.version,
            "creationTimestamp": "2020-01-01T00:00:00Z",
            **({"managedFields": [manager]} if town.is_known_when else {}),
        }
        return view({"metadata": metadata, "data": dict(town.data)})

    async def select(
        self, view: type[Pod], labels: str, of: Callable[[Pod], T], *, keep: float = 60
    ) -> Sequence[T]:
        self.town.ask("select")
        found = [pod for _, pod in sorted(self.town.pods.items())]
        if labels != "app=webapp":
            assert labels == "app=webapp,parity=odd"
            found = [pod for pod in found if pod.odd]
        return [of(view(pod.raw)) for pod in found]

    async def save(self, status: Status) -> None:
        if self.version != self.town.version:
            raise refusal(409)
        self.town.write(status, "save")
        self.version = self.town.version

    async def request(self, method: str, path: str, body: Json | None = None) -> Json:
        self.town.requests.append((self.town.now, method))
        self.town.ask(method)
        if method == "GET":
            assert path == f"/apis/apps/v1/namespaces/ns/{self.town.kind.lower()}s/{OWNER}"
            return {"metadata": {"uid": OWNER}, "spec": {"replicas": self.town.replicas}}
        name = path.split("/pods/")[1].split("/", maxsplit=1)[0]
        assert body is not None
        evict = method == "POST"
        uid = (body["deleteOptions"] if evict else body)["preconditions"]["uid"]
        self.town.send_away(name, uid, evict=evict)
        self.town.answer(method)
        return {}

    def reserve(self, what: str, most: int) -> bool:
        self.town.has_turn = self.town.has_turn or not self.town.is_crowded
        return self.town.has_turn

    def release(self, what: str) -> None:
        self.town.has_turn = False

    def granted(self, grant: object, namespace: str | None = None) -> bool:
        return True

    def event(self, reason: str, message: str, *, type: str = "Normal", about: View | None = None) -> None:  # noqa: A002
        self.town.events.append(reason)
        self.town.told.append(f"{reason}: {message}")

    def count(self, metric: Counter, by: float = 1, **labels: str) -> None:
        self.town.metrics[metric.name] = self.town.metrics.get(metric.name, 0) + by

    def observe(self, metric: object, value: float, **labels: str) -> None:
        return None

    def again(self, seconds: float) -> None:
        assert seconds > 0, "it would look again and again"
        before = self.town.looks_again
        self.town.looks_again = seconds if before is None else min(before, seconds)


def refusal(status: int) -> ApiError:
    """What a client raises when the API server refuses; status 0 if it does not answer."""
    return ApiError(f"refused ({status})", status=status)


def floor(when: datetime) -> datetime:
    """Return a time as the API server writes it."""
    return when.replace(microsecond=0)


def second(when: datetime | None) -> str:
    """Return a time as the API server writes it."""
    return (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
