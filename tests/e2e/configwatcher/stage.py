"""ConfigWatchers in a test's namespace, the applications that they restart, and all that became of them."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from rumpf.testing import Kubectl, OperatorProcess, Operators, RunningCluster
from tests.e2e.configwatcher.admin import MERGE, Admin, Film, Object, revision_of
from tests.e2e.configwatcher.house import House
from tests.e2e.looks import has_looked

IMAGE = "docker.io/library/busybox:1.37"
"""Of Pods that do not run."""
CONFIG, APP = "webapp-config", "webapp"
RESTART, RESUME = "k8spatterns.com/restart", "k8spatterns.com/resume"
SERVES = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"
"""What a container does that does nothing."""
Field = Any
"""Whatever a field of a manifest may be."""
_EVERY = 0.05


@pytest.fixture(scope="session")
def on_fake_nodes(fake_cluster: RunningCluster) -> RunningCluster:
    """For a module whose tests need no Pods that really run."""
    return fake_cluster


class Stage:
    """One namespace. What it makes is there when a call returns; what others do about it is waited for."""

    def __init__(
        self, kubectl: Kubectl, operators: Operators, image: str, house: House | None = None
    ) -> None:
        self.kubectl, self.operators, self.image, self._house = kubectl, operators, image, house
        self._known_log = len(house.log()) if house else 0
        self._installed = False
        self.namespace = kubectl.namespace or ""
        self.admin = Admin(kubectl.kubeconfig)
        self._films: list[Film] = []

    def begin(self) -> None:
        """Film from now on."""
        self.pods, self.watchers = self.film("pods"), self.film("configwatchers")

    # --- the operator ---

    def install(self, *, secrets: bool = False, rollout: bool = True) -> None:
        """Install the CRD, and an operator's rights in this namespace: it will not be the shared one."""
        here = (self.namespace,)
        grants = {"secrets": here if secrets else (), "rollout": here if rollout else ()}
        self.operators.install("configwatcher", grants=grants)
        self._installed = True

    def operator(self, *, own: bool = False, **options: Field) -> OperatorProcess:
        """Return an operator that is ready: the one that tests share, running or started anew.

        `own`, grants or `options` (those of Operators.run): one of this test's own.
        """
        if self._house is not None and not (own or options or self._installed):
            return self._house.operator()
        if self._house is not None:
            self._house.stop()
        if not self._installed:
            self.install()
        return self.operators.run("configwatcher", **options)

    def shared_log(self) -> str:
        """Return what the shared operator has logged since this test began."""
        log = self._house.log() if self._house else ""
        return log[self._known_log :] or log

    # --- what is watched ---

    def configmap(self, name: str = CONFIG, data: Mapping[str, str] | None = None, **more: Field) -> Object:
        """Create a ConfigMap."""
        content = {"data": dict(data if data is not None else {"message": "Hello"}), **more}
        return self.create("configmaps", {"metadata": {"name": name}, **content})

    def secret(self, name: str = "webapp-secret", data: Mapping[str, str] | None = None) -> Object:
        """Create a Secret."""
        content = {"stringData": dict(data if data is not None else {"password": "first-password"})}
        return self.create("secrets", {"metadata": {"name": name}, **content})

    def change(self, name: str = CONFIG, **data: str | None) -> Object:
        """Change keys of a ConfigMap."""
        return self.patch("configmaps", name, {"data": data})

    def watcher(
        self, name: str = APP, *, app: str = APP, config: str | None = CONFIG, **spec: Field
    ) -> Object:
        """Create a ConfigWatcher that acts at once unless it is told otherwise."""
        return self.create("configwatchers", self.manifest(name, app=app, config=config, **spec))

    def manifest(
        self, name: str = APP, *, app: str = APP, config: str | None = CONFIG, **spec: Field
    ) -> Object:
        """Return the manifest of a ConfigWatcher."""
        named = {"configMap": config} if config else {}
        selector = {"podSelector": {"matchLabels": {"app": app}}}
        return {
            "apiVersion": "k8spatterns.com/v1",
            "kind": "ConfigWatcher",
            "metadata": {"name": name},
            "spec": {**named, **selector, "debounceSeconds": 0, "minReadySeconds": 0, **spec},
        }

    def amend(self, name: str = APP, **spec: Field) -> Object:
        """Change the spec of a ConfigWatcher."""
        return self.patch("configwatchers", name, {"spec": spec})

    def annotate(self, annotation: str, value: str, name: str = APP) -> Object:
        """Annotate a ConfigWatcher."""
        return self.patch("configwatchers", name, {"metadata": {"annotations": {annotation: value}}})

    # --- the applications ---

    def deployment(
        self,
        name: str = APP,
        replicas: int = 1,
        *,
        kind: str = "Deployment",
        ready: bool = True,
        spec: Object | None = None,
        pod: Object | None = None,
        labels: Mapping[str, str] | None = None,
        **container: Field,
    ) -> Object:
        """Create a workload (a Deployment, or another `kind` of the group apps) and wait for its Pods.

        `spec`, `pod`, `labels` and the others add to what it, its Pods, and their container say.
        """
        counted = {} if kind == "DaemonSet" else {"replicas": replicas}
        template = {
            "metadata": {"labels": {"app": name, **(labels or {})}},
            "spec": {**self.pod_spec(**container), **(pod or {})},
        }
        content = {
            **counted,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **(spec or {}),
        }
        made = self.create(
            f"{kind.lower()}s", {"kind": kind, "metadata": {"name": name}, "spec": content}, "apps/v1"
        )
        if ready:
            self.serves(name, replicas)
        return made

    def pod_spec(self, script: str = SERVES, **container: Field) -> Object:
        """Return the spec of a Pod with one container."""
        main = {"name": "main", "image": self.image, "command": ["sh", "-c", script], **container}
        return {"terminationGracePeriodSeconds": 1, "containers": [main]}

    def bare(self, name: str, app: str = APP, **metadata: Field) -> Object:
        """Create a Pod of which no workload knows, and wait until it is Ready."""
        manifest = {"metadata": {"name": name, "labels": {"app": app}, **metadata}, "spec": self.pod_spec()}
        made = self.create("pods", manifest)
        self.pods.until(lambda: name in self.pods.now and is_ready(self.pods.now[name]), f"{name} is Ready")
        return made

    def budget(self, app: str = APP, **spec: Field) -> Object:
        """Create a PodDisruptionBudget for an application, and wait until it counts: none may go."""
        limit = spec or {"maxUnavailable": 0}
        content = {"selector": {"matchLabels": {"app": app}}, **limit}
        made = self.create("poddisruptionbudgets", {"metadata": {"name": app}, "spec": content})
        until(
            lambda: "disruptionsAllowed" in self.get("poddisruptionbudgets", app).get("status", {}),
            f"the budget of {app} counts",
        )
        return made

    def serves(self, app: str = APP, replicas: int = 1, seconds: float = 60) -> None:
        """Wait until so many Pods of an application are there, and Ready."""
        self.pods.until(
            lambda: len(self.ready(app)) == replicas == len(self.of(app)),
            f"{replicas} Pods of {app}",
            seconds,
        )

    def rests(self, operator: OperatorProcess, app: str = APP, replicas: int = 1) -> None:
        """Wait until no look is under way, and all that was sent away in one is replaced, and seen to be."""
        until(lambda: has_looked(operator, "ConfigWatcher", 0), "what had begun is over")

        def is_whole() -> bool:
            found = self.admin.ask("GET", self.path("pods"))["items"]
            pods = [pod for pod in found if labelled(pod, app)]
            return len(pods) == replicas and all(map(is_ready, pods))

        # As the API server has it: a film may show late that one has gone.
        until(is_whole, f"{replicas} Pods of {app}", 60)
        self.synchronize()

    # --- what is seen ---

    def looked(self) -> None:
        """Wait until the operator has seen all changes of ConfigMaps so far, and acted upon them.

        It is shown by a ConfigWatcher of its own, without Pods, whose ConfigMap is changed after them.
        """
        name = "sentinel"
        if name not in self.watchers.now:
            self.configmap(name, {"count": "0"})
            self.watcher(name, app=name, config=name)
            self.adopted(name)
        before = self.status(name)["sources"][0]["hash"]
        self.change(name, count=before)
        self.until(lambda: self.status(name)["sources"][0]["hash"] != before, "the operator looks")
        self.synchronize()

    def synchronize(self) -> None:
        """Wait until the film of Pods shows what is there now: films of two kinds do not run abreast."""
        there: list[Object] = self.admin.ask("GET", self.path("pods"))["items"]
        self.pods.until(
            lambda: all(self.pods.shows(pod) for pod in there), "the film of Pods shows what is there"
        )

    def film(self, plural: str) -> Film:
        """Film objects from now on."""
        film = Film(self.admin, self.path(plural))
        self._films.append(film)
        return film

    def of(self, app: str = APP) -> list[Object]:
        """Return the Pods of an application that are there, those on their way out among them."""
        return [pod for pod in self.pods.now.values() if labelled(pod, app)]

    def ready(self, app: str = APP) -> list[Object]:
        """Return the Pods of an application that are at work."""
        return [pod for pod in self.of(app) if is_ready(pod)]

    def uids(self, app: str = APP) -> set[str]:
        """Return which Pods of an application are there and stay."""
        return {pod["metadata"]["uid"] for pod in self.of(app) if not leaves(pod)}

    def births(self, app: str = APP) -> int:
        """Return how many Pods of an application there ever were."""
        return sum(1 for pod in self.pods.ever.values() if labelled(pod, app))

    def newest(self, count: int, app: str = APP) -> list[Object]:
        """Return the Pods of an application that were made last, in that order."""
        made = [pod for pod in self.pods.ever.values() if labelled(pod, app)]
        return sorted(made, key=lambda pod: self.pods.born[pod["metadata"]["uid"]])[-count:]

    def are_newer(self, than: Object, app: str = APP) -> bool:
        """Whether all Pods of an application that stay were made after a change."""
        return all(self.pods.born[uid] > revision_of(than) for uid in self.uids(app))

    def fewest_ready(self, app: str = APP, since: int = 0) -> int:
        """Return how many of its Pods were Ready when the fewest were, after so many frames."""
        return min(
            sum(1 for pod in frame.values() if labelled(pod, app) and is_ready(pod))
            for frame in self.pods.frames[since:]
        )

    def status(self, name: str = APP) -> Object:
        """Return the status of a ConfigWatcher, as last seen."""
        found: Object = self.watchers.now.get(name, {}).get("status", {})
        return found

    def condition(self, type: str = "Ready", name: str = APP) -> tuple[str, str]:  # noqa: A002 - as in the API
        """Return the status and the reason of a condition."""
        found = self._condition(type, name)
        return found.get("status", ""), found.get("reason", "")

    def message(self, type: str = "Ready", name: str = APP) -> str:  # noqa: A002 - as in the API
        """Return the message of a condition."""
        return self._condition(type, name).get("message", "")

    def until(self, so: Callable[[], bool], what: str, seconds: float = 30) -> None:
        """Wait until something is so of the ConfigWatchers; fail, and show them, if it never is."""
        __tracebackhide__ = True
        try:
            self.watchers.until(so, what, seconds)
        except AssertionError as error:
            shown = {name: each.get("status") for name, each in self.watchers.now.items()}
            error.add_note(json.dumps(shown, indent=1))
            raise

    def says(self, type: str, reason: str, name: str = APP, *, seconds: float = 30, status: str = "") -> None:  # noqa: A002
        """Wait until a condition has a reason, and the status, if one is named."""
        __tracebackhide__ = True
        self.until(
            lambda: (
                self._caught_up(name)
                and self.condition(type, name)[1] == reason
                and status in {"", self.condition(type, name)[0]}
            ),
            f"{name} says {type} because of {reason}",
            seconds,
        )

    def adopted(self, *names: str) -> None:
        """Wait until ConfigWatchers have seen what they watch, and have nothing to do."""
        __tracebackhide__ = True
        for name in names or (APP,):
            self.until(partial(self._is_adopted, name), f"{name} has seen its sources")

    def restarts(self, name: str = APP) -> int:
        """Return how many restarts were over, ever."""
        times: list[str] = []
        for frame in self.watchers.frames:
            last = frame.get(name, {}).get("status", {}).get("lastRestart")
            if last and last["finishedAt"] not in times:
                times.append(last["finishedAt"])
        return len(times)

    def restarted(self, name: str = APP, times: int = 1, seconds: float = 60) -> Object:
        """Wait until so many restarts are over, ever, and none is under way; return the last."""
        __tracebackhide__ = True
        self.until(
            lambda: self.restarts(name) >= times and self.status(name).get("phase") == "Watching",
            f"{name} has restarted its Pods {times} times",
            seconds,
        )
        self.synchronize()
        assert self.restarts(name) == times
        last: Object = self.status(name)["lastRestart"]
        return last

    def events(self, kind: str = "ConfigWatcher", name: str | None = None) -> list[Object]:
        """Return the Events on objects of a kind, oldest first."""
        found: list[Object] = self.admin.ask("GET", self.path("events"))["items"]
        about = [
            each
            for each in found
            if each["regarding"]["kind"] == kind and name in {None, each["regarding"]["name"]}
        ]
        return sorted(about, key=lambda each: each.get("eventTime") or "")

    def reasons(self, kind: str = "ConfigWatcher", name: str | None = None) -> list[str]:
        """Return the reasons of Events, oldest first."""
        return [each["reason"] for each in self.events(kind, name)]

    def told(self, reason: str, kind: str = "ConfigWatcher", name: str | None = None) -> Object:
        """Wait until an Event has a reason; return it."""
        until(lambda: reason in self.reasons(kind, name), f"an Event {reason} on a {kind}")
        return next(each for each in self.events(kind, name) if each["reason"] == reason)

    def until_pods(self, so: Callable[[], bool], what: str = "the Pods are as they should be") -> None:
        """Wait until something is so of the Pods."""
        __tracebackhide__ = True
        self.pods.until(so, what, 60)

    def next_second(self, than: str) -> None:
        """Wait until the API server's clock shows a later second: its times have no fractions."""
        name = "clock"

        def later() -> bool:
            made = self.configmap(name)
            self.delete("configmaps", name)
            return bool(made["metadata"]["creationTimestamp"] > than)

        until(later, "the next second")

    # --- the API ---

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        """Return where objects of a kind are, or one of them."""
        path = f"{_PREFIX.get(plural, '/api/v1')}/namespaces/{self.namespace}/{plural}"
        return "/".join(filter(None, (path, name, subresource)))

    def create(self, plural: str, manifest: Object, version: str = "") -> Object:
        """Create an object."""
        body = {**manifest, **({"apiVersion": version} if version else {})}
        return self.admin.ask("POST", self.path(plural), body)

    def get(self, plural: str, name: str) -> Object:
        """Return an object."""
        return self.admin.ask("GET", self.path(plural, name))

    def patch(self, plural: str, name: str, change: Object, subresource: str = "") -> Object:
        """Merge a change into an object."""
        return self.admin.ask("PATCH", self.path(plural, name, subresource), change, MERGE)

    def delete(self, plural: str, name: str) -> None:
        """Delete an object."""
        self.admin.ask("DELETE", self.path(plural, name))

    def close(self) -> None:
        """End the films."""
        for film in self._films:
            film.close()

    def _caught_up(self, name: str) -> bool:
        found = self.watchers.now.get(name)
        if found is None:
            return False
        return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])

    def _is_adopted(self, name: str) -> bool:
        status = self.status(name)
        seen = all("hash" in source for source in status.get("sources", ()))
        return self._caught_up(name) and status.get("phase") == "Watching" and seen

    def _condition(self, type: str, name: str) -> Mapping[str, str]:  # noqa: A002 - as in the API
        conditions: Iterable[Mapping[str, str]] = self.status(name).get("conditions", ())
        return next((each for each in conditions if each["type"] == type), {})


def until(so: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something is so that no film shows; fail, and say what was waited for, if it never is."""
    __tracebackhide__ = True
    last = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < last, f"not within {seconds:g} s: {what}"
        time.sleep(_EVERY)


def labelled(pod: Object, app: str) -> bool:
    """Whether a Pod is one of an application."""
    return bool(pod["metadata"].get("labels", {}).get("app") == app)


def leaves(pod: Object) -> bool:
    """Whether a Pod is on its way out."""
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Object) -> bool:
    """Whether a Pod is at work, and stays."""
    conditions = pod.get("status", {}).get("conditions", ())
    return not leaves(pod) and any(
        each["type"] == "Ready" and each["status"] == "True" for each in conditions
    )


def owned_by(owner: Object, kind: str = "ConfigMap") -> Object:
    """Return what a Pod says of whoever looks after it."""
    head = {"apiVersion": "v1", "kind": kind, "controller": True}
    return {**head, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}


def names(objects: Sequence[Object]) -> list[str]:
    """Return the names of objects."""
    return [each["metadata"]["name"] for each in objects]


_APPS = ("deployments", "statefulsets", "daemonsets", "replicasets")
_PREFIX = {
    "configwatchers": "/apis/k8spatterns.com/v1",
    "events": "/apis/events.k8s.io/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "jobs": "/apis/batch/v1",
    **dict.fromkeys(_APPS, "/apis/apps/v1"),
}
