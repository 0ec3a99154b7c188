"""Who is compared: our operator in several settings, and others that do the same."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from loads.place import ROOT
from loads.rivals import OURS, RIVALS, Rival, go_binary, image_python, no_go

RELOADER, TEMPLATES = "Reloader", "Go, templates"
_TEMPLATES_SOURCE = ROOT / "bench/rivals/templates"
_PLAIN: Mapping[str, object] = {
    "debounceSeconds": 0,
    "maxRestartsPerHour": 0,
    "maxUnavailable": "100%",
    "minReadySeconds": 0,
}
"""At once, as others do it."""


@dataclass(frozen=True)
class Restarter:
    """One that restarts what uses a changed ConfigMap."""

    rival: Rival
    watcher: Mapping[str, object] | None = None
    """What the spec of its ConfigWatchers says besides source and Pods; None if it needs none."""
    calm: float = 3.0
    """If nothing happens for so many seconds, nothing more is to come of it."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return self.rival.name


def _ours(_elect: bool) -> list[str]:  # noqa: FBT001 - as every command
    return [str(image_python()), "-m", "rumpf.runtime", "operators.configwatcher"]


def _no_ours() -> str:
    if not (ROOT / "operators/configwatcher/operator.py").exists():
        return "there is no operators/configwatcher/operator.py"
    return RIVALS[OURS].missing()


def _our(name: str, watcher: Mapping[str, object], calm: float = 3.0) -> Restarter:
    return Restarter(Rival(name, _ours, _no_ours), watcher, calm)


def _reloader(*flags: str) -> Callable[[bool], list[str]]:
    return lambda _elect: [shutil.which("reloader") or "reloader", *flags]


def _no_reloader() -> str:
    if shutil.which("reloader"):
        return ""
    return "there is no `reloader` on PATH: build Stakater Reloader v1.4 from its module (go build)"


RESTARTERS = {
    each.name: each
    for each in (
        _our(OURS, _PLAIN),
        _our(f"{OURS}, Delete", {**_PLAIN, "strategy": "Delete"}),
        _our(f"{OURS}, Rollout", {**_PLAIN, "strategy": "Rollout"}),
        _our(f"{OURS}, defaults", {}, calm=8.0),
        Restarter(Rival(RELOADER, _reloader("--log-format=json"), _no_reloader)),
        Restarter(
            Rival(
                f"{RELOADER}, syncs",
                _reloader("--log-format=json", "--sync-after-restart=true"),
                _no_reloader,
            )
        ),
        Restarter(
            Rival(
                TEMPLATES,
                lambda _elect: [str(go_binary(_TEMPLATES_SOURCE))],
                partial(no_go, _TEMPLATES_SOURCE),
            )
        ),
    )
}
