"""Message: a Pod that prints a text for as long as the Message exists."""

from typing import Annotated, Literal

from pydantic import Field

from rumpf import (
    AGE,
    Column,
    Manifest,
    Model,
    Operator,
    Pod,
    Resource,
    Setting,
    Status,
    World,
    child_name,
    reconciler,
)


class MessageSpec(Model):
    """What is to be printed."""

    text: Annotated[str, Field(min_length=1, max_length=4096)]
    """The text, printed as it is: nothing in it is ever run or replaced."""


class MessageStatus(Status):
    """What became of it."""

    phase: Literal["Pending", "Processed"] = "Pending"
    """Pending until there is a Pod for the text, then Processed."""
    pod_name: str | None = None
    """The Pod that prints it."""


class Message(
    Resource,
    group="myorg.dev",
    version="v1",
    plural="messages",
    short_names=["msg"],
    columns=[
        Column("Text", ".spec.text"),
        Column("Phase", ".status.phase"),
        Column("Pod", ".status.podName"),
        AGE,
    ],
):
    """A text, printed by a Pod."""

    spec: MessageSpec
    status: MessageStatus = MessageStatus()


def pod_for(message: Message, image: str) -> Manifest:
    """Return the Pod that a Message should have."""
    # The text is data in the environment: no shell sees it, and a doubled $ is Kubernetes' way to write one.
    text = {"name": "TEXT", "value": message.spec.text.replace("$", "$$")}
    say = """printf '%s\\n' "$TEXT"; trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"""
    return {
        "metadata": {
            "name": child_name("msg", message.name),
            "labels": {"app.kubernetes.io/name": "message"},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "printer",
                    "image": image,
                    "command": ["sh", "-c", say],
                    "env": [text],
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}, "limits": {"memory": "16Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


@reconciler(Message, owns=[Pod])
async def reconcile(message: Message, world: World) -> MessageStatus:
    """Have exactly one Pod that prints the text."""
    pod = await world.ensure(Pod, pod_for(message, world.settings["MESSAGE_IMAGE"]))
    status = MessageStatus(phase="Processed", pod_name=pod.name)
    if pod.ready:
        return status.ready("Printing", f"Pod {pod.name} prints the text")
    reason, why = pod.trouble or ("PodStarting", f"Pod {pod.name} is starting")
    return status.not_ready(reason, why)


operator = Operator(
    "message",
    reconcile,
    description="Prints a text by a Pod, for as long as a Message exists.",
    settings=[
        Setting("MESSAGE_IMAGE", "docker.io/library/busybox:1.37", "The image of the Pods; it needs a shell.")
    ],
    samples=[
        {
            "apiVersion": "myorg.dev/v1",
            "kind": "Message",
            "metadata": {"name": "hello-msg"},
            "spec": {"text": "Hello, operator"},
        }
    ],
)
