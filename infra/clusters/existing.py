"""A cluster that is there already: nothing of it is made, or deleted with the stack."""

import os
from pathlib import Path

import pulumi

from infra.clusters.access import Access
from infra.clusters.kubeconfig import Kubeconfig, merged, usual
from infra.settings import Settings, key
from rumpf.errors import UsageError

_UNNAMED = "the current context"


def existing(settings: Settings) -> Access:
    """Return how to reach the cluster of a kubeconfig.

    Where there is none at all, as in a Pod, Pulumi's provider finds its own way. Raises UsageError if one
    cannot be read, and where nothing says which of its contexts it is.
    """
    named = settings.kubeconfig
    found = merged([Path(os.path.expandvars(named)).expanduser()]) if named else usual()
    if found is None:
        return Access(settings.context or _UNNAMED, None, settings.context)
    context = settings.context or _only_one(found)
    return Access(context, pulumi.Output.secret(found.only(context).text), context)


def _only_one(found: Kubeconfig) -> str:
    """Return the only context. Of several none is taken: another is current tomorrow, and all would move."""
    if len(found.contexts) != 1:
        raise UsageError(
            f"the kubeconfig has {len(found.contexts)} contexts, and nothing says which is the stack's",
            where=key("context"),
            remedy=f"pulumi config set {key('context')} {found.current or 'NAME'}",
        )
    return found.contexts[0]
