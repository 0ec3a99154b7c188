"""Whether all is as it should be, from two lists: no watch has to be believed."""

from dataclasses import dataclass
from typing import Any

from loads.seen import MESSAGES, PODS, text_of
from rumpf.api.client import Api


@dataclass(frozen=True)
class Leftovers:
    """What is not as it should be."""

    wrong: int = 0
    """Pods with another text than their Message."""
    orphans: int = 0
    """Pods whose Message is gone, or has another Pod as well."""
    stuck: int = 0
    """Messages that have no Pod, or do not say that they are processed, or cannot go."""


async def leftovers(api: Api) -> Leftovers:
    """Look at everything there is."""
    messages = (await api.request("GET", MESSAGES))["items"]
    pods = (await api.request("GET", PODS))["items"]
    by_owner: dict[str, list[dict[str, Any]]] = {}
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or [{"uid": ""}]
        by_owner.setdefault(owners[0]["uid"], []).append(pod)
    wrong = stuck = kept = 0
    for message in messages:
        its = by_owner.get(message["metadata"]["uid"], [])
        kept += bool(its)
        wrong += any(text_of(pod) != message["spec"]["text"] for pod in its)
        stuck += _is_stuck(message, its)
    return Leftovers(wrong, len(pods) - kept, stuck)


def _is_stuck(message: dict[str, Any], pods: list[dict[str, Any]]) -> bool:
    status, metadata = message.get("status", {}), message["metadata"]
    behind = status.get("observedGeneration") not in {None, metadata["generation"]}
    going = "deletionTimestamp" in metadata or any("deletionTimestamp" in pod["metadata"] for pod in pods)
    return not pods or behind or going or status.get("phase") != "Processed"
