"""An operator to install."""

from collections.abc import Sequence

from rumpf import Grant, Operator, Resource, Rule, Setting, World, reconciler


class Thing(Resource, group="things.test", version="v1", plural="things"):
    """A thing."""


@reconciler(Thing)
async def _reconcile(_thing: Thing, _world: World) -> None:
    """Do nothing."""


def made(
    *,
    settings: Sequence[Setting] = (),
    image: str = "registry.test/things:1",
    grants: Sequence[Grant] = (),
) -> Operator:
    """Return an operator; its grants are for reading Secrets, all of them."""
    return Operator(
        "thing",
        _reconcile,
        description="Does nothing.",
        settings=settings,
        image=image,
        rules=[Rule("", "secrets", ("get",), grant=each) for each in grants],
        grants=grants,
    )
