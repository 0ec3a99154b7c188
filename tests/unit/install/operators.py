"""An operator to install."""

from collections.abc import Sequence

from rumpf import Operator, Resource, Setting, World, reconciler


class Thing(Resource, group="things.test", version="v1", plural="things"):
    """A thing."""


@reconciler(Thing)
async def _reconcile(_thing: Thing, _world: World) -> None:
    """Do nothing."""


def made(*, settings: Sequence[Setting] = (), image: str = "registry.test/things:1") -> Operator:
    """Return an operator."""
    return Operator("thing", _reconcile, description="Does nothing.", settings=settings, image=image)
