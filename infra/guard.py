"""What ends a `destroy` of a cluster that is protected before anything is touched."""

from collections.abc import Sequence

import pulumi


class Guard(pulumi.ComponentResource):
    """Needs everything, so that it is the first to go; protected, it is the last that is tried.

    `protect` of the cluster alone is not enough where nobody looks at a preview (`destroy --skip-preview`):
    what is on the cluster goes first, and is forgotten before the cluster refuses.
    """

    def __init__(self, needed: Sequence[pulumi.Resource], *, protect: bool) -> None:
        """Stand before everything: `needed` is what nothing else in the stack needs."""
        opts = pulumi.ResourceOptions(depends_on=[*needed], protect=protect)
        super().__init__("rumpf:index:Guard", "guard", {}, opts)
        self.register_outputs({})
