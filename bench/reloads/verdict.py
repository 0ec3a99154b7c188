"""What became of each change: how soon it was acted upon, whether it was lost, what was restarted in vain.

A change and a Pod are compared by their revisions, of which a cluster has one sequence for all its objects:
no clock is asked. A Pod is *older* than a change if a container of it ran before the change was stored.

- *reaction*: from the response to the change until the last older Pod got its deletionTimestamp. A change
  whose older Pods were all on their way out already has none: the restart that is under way covers it.
- *acted*: until the first thing that is done about it: a Pod leaves, or the Deployment's template changes.
- *Ready*: until a Pod that is not older is Ready.
- *lost*: at the end a Pod that is older still runs, or none runs. Changes that ended in one restart are not.
- *doubtful*: at the end a Pod runs that was made before the change, and whose containers began after it.
- *needless*: a Pod left, and its ConfigMap's content had not changed since the Pod was made.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reloads.seen import Edit, Life


@dataclass(frozen=True)
class Change:
    """A ConfigMap's content was changed."""

    config: str
    revision: int
    at: float
    """When the response came."""


def is_older(pod: Life, change: Change) -> bool:
    """Whether a Pod has, or may have, read what was there before a change."""
    return pod.started is not None and pod.started < change.revision


def reaction(change: Change, pods: Iterable[Life]) -> float | None:
    """Return after how many seconds the Pods of an application left; None where no restart was needed."""
    older = [
        pod for pod in pods if is_older(pod, change) and (pod.left is None or pod.left > change.revision)
    ]
    if not older:
        return None
    return max(max(0.0, pod.left_at - change.at) if pod.left_at else math.inf for pod in older)


def acted(change: Change, pods: Sequence[Life], edits: Iterable[Edit]) -> float | None:
    """Return after how many seconds the first thing was done; None where no restart was needed."""
    left = reaction(change, pods)
    if left is None:
        return None
    edited = (max(0.0, edit.at - change.at) for edit in edits if edit.revision > change.revision)
    return min(left, min(edited, default=math.inf))


def ready(change: Change, pods: Iterable[Life]) -> float:
    """Return after how many seconds a Pod with the new content was Ready; infinite if none ever was."""
    newer = (max(0.0, pod.ready_at - change.at) for pod in pods if pod.ready_at and not is_older(pod, change))
    return min(newer, default=math.inf)


def is_lost(change: Change, pods: Iterable[Life]) -> bool:
    """Whether at the end a Pod runs that does not know of a change, or none runs."""
    there = [pod for pod in pods if pod.left is None]
    return not there or any(is_older(pod, change) for pod in there)


def is_doubtful(change: Change, pods: Iterable[Life]) -> bool:
    """Whether at the end a Pod runs that was made before a change and began after it."""
    return any(
        pod.created < change.revision and not is_older(pod, change) for pod in pods if pod.left is None
    )


def is_needless(pod: Life, changes: Iterable[Change]) -> bool:
    """Whether a Pod left though there was no change of its ConfigMap since it was made."""
    left = pod.left
    return left is not None and not any(
        pod.created < change.revision < left for change in changes if change.config == pod.config
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that such a share of them does not exceed; 0 where there is none."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)] if values else 0.0
