"""What is in the cluster before an operator comes: ConfigMaps, and Deployments of one Pod that use them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loads.place import NAMESPACE

from rumpf.kinds import Kind
from rumpf.objects import Manifest

WARM = "warm"
"""A ConfigMap, and the application that uses it: to see that an operator works. It is in no figure."""
APP, CONFIG = "bench/app", "bench/config"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_WATCHER = Kind("k8spatterns.com", "v1", "ConfigWatcher", "configwatchers")
WATCHERS = _WATCHER.path(NAMESPACE)
_IMAGE = "docker.io/library/busybox:1.37"


@dataclass(frozen=True)
class Shape:
    """How much there is."""

    configs: int = 10
    apps_each: int = 1
    ballast: int = 0
    """So many bytes in each ConfigMap besides what changes."""

    @property
    def names(self) -> list[str]:
        """The ConfigMaps that are changed."""
        return [f"config-{number}" for number in range(self.configs)]

    @property
    def apps(self) -> dict[str, list[str]]:
        """The applications that use each ConfigMap, and the one for warming up."""
        return {
            WARM: [WARM],
            **{
                config: [f"app-{number}-{each}" for each in range(self.apps_each)]
                for number, config in enumerate(self.names)
            },
        }

    def manifests(self, watcher: Mapping[str, object] | None) -> Iterator[tuple[str, Manifest]]:
        """Give all there is to be, each with the path it is made at.

        `watcher`: what the spec of every ConfigWatcher says besides; None for whoever knows of none.
        """
        for config, apps in self.apps.items():
            ballast = {"ballast": "x" * self.ballast} if self.ballast and config != WARM else {}
            yield CONFIG_MAPS, {"metadata": {"name": config}, "data": {"message": "first", **ballast}}
            for app in apps:
                yield DEPLOYMENTS, _deployment(app, config)
            if watcher is not None:
                yield WATCHERS, _config_watcher(config, watcher)


def _deployment(app: str, config: str) -> Manifest:
    """Return a Deployment of one Pod, as annotated for every rival that wants to be told."""
    labels = {APP: app, CONFIG: config}
    annotations = {CONFIG: config, "configmap.reloader.stakater.com/reload": config}
    container: dict[str, Any] = {
        "name": "app",
        "image": _IMAGE,
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
    }
    volumes = [{"name": "config", "configMap": {"name": config}}]
    return {
        "metadata": {"name": app, "labels": labels, "annotations": annotations},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {APP: app}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "volumes": volumes},
            },
        },
    }


def _config_watcher(config: str, spec: Mapping[str, object]) -> Manifest:
    own = {"configMap": config, "podSelector": {"matchLabels": {CONFIG: config}}}
    head = {"apiVersion": _WATCHER.api_version, "kind": _WATCHER.kind}
    return {**head, "metadata": {"name": config}, "spec": {**own, **spec}}
