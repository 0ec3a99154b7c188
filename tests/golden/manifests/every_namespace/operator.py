"""The plainest there is: one kind, one kind of children, in all namespaces, nothing chosen."""

from rumpf import Model, Operator, Pod, Resource, Setting, Status, World, reconciler


class MessageSpec(Model):
    """A text."""

    text: str


class Message(Resource, group="myorg.dev", version="v1", plural="messages"):
    """A text, printed by a Pod."""

    spec: MessageSpec
    status: Status = Status()


@reconciler(Message, owns=[Pod])
async def reconcile(_message: Message, _world: World) -> Status:
    """Do nothing: nobody runs it."""
    return Status()


operator = Operator(
    "message",
    reconcile,
    description="Prints a text.",
    settings=[Setting("MESSAGE_IMAGE", "docker.io/library/busybox:1.37", "The image of the Pods.")],
)
