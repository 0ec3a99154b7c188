"""A cluster that is there already: nothing of it is made, or deleted with the stack."""

import os
from pathlib import Path

import pulumi

from infra.clusters.access import Access
from infra.clusters.kubeconfig import merged, usual
from infra.settings import Settings

_UNNAMED = "the current context"


def existing(settings: Settings) -> Access:
    """Return how to reach the cluster of a kubeconfig. Raises UsageError if that cannot be read.

    Where there is none at all, as in a Pod, Pulumi's provider finds its own way.
    """
    named = settings.kubeconfig
    found = merged([Path(os.path.expandvars(named)).expanduser()]) if named else usual()
    context = settings.context
    if found is None:
        return Access(context or _UNNAMED, None, context)
    return Access(context or found.current or _UNNAMED, pulumi.Output.secret(found.text), context)
