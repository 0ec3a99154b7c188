"""How the operators' provider reaches a cluster, whoever made it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True)
class Access:
    """A cluster that the operators can be installed on."""

    name: str
    """What a person calls it."""
    kubeconfig: pulumi.Output[str] | None
    """A secret. None: what is usual on the machine, as for kubectl."""
    context: str | None = None
    """The context in it; None: the current one."""
    provider: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else the provider is told."""
    made: pulumi.Resource | None = None
    """The cluster, if the stack made it: what is on it goes with it."""
    image: str | None = None
    """What the operators run from on it, if not from their own image."""
    mirrors: bool = False
    """Whether that is their own image, by another name."""
    digest: str = ""
    """Of an image that is built anew under the same name."""
    protected: bool | None = None
    """Whether it is not to be destroyed; None: it can always be."""
    needed: Sequence[pulumi.Resource] = ()
    """What must be there before the first Pod."""
    notes: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """What else to tell whoever made it."""
