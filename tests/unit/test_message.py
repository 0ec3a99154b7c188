"""What a Message is given, and what its operator makes of what it finds: decisions alone, no cluster."""

import asyncio
from typing import Any, cast

import pytest
from pydantic import ValidationError

from operators.message.operator import Message, operator, pod_for, reconcile
from rumpf import Pod, World

IMAGE = "registry.example/busybox:1"


def with_text(text: str, name: str = "hello") -> Message:
    return Message.model_validate(
        {"metadata": {"name": name, "namespace": "default"}, "spec": {"text": text}}
    )


class FoundPod:
    """A world in which the Pod is as it is: `ensure` has nothing to do."""

    settings = {"MESSAGE_IMAGE": IMAGE}  # noqa: RUF012 - read only

    def __init__(self, status: dict[str, Any]) -> None:
        self.status = status

    async def ensure(self, view: type[Pod], desired: dict[str, Any]) -> Pod:
        return view({**desired, "status": self.status})


def status_with(pod: dict[str, Any]) -> dict[str, Any]:
    returned = asyncio.run(reconcile(with_text("hi"), cast("World", FoundPod(pod))))
    assert returned is not None
    dumped: dict[str, Any] = returned.model_dump(by_alias=True, exclude_none=True)
    return dumped


@pytest.mark.parametrize("text", ["Hello", "안녕 🎉", "two\nlines", "--help", 'it\'s "quoted"'])
def test_the_text_reaches_the_pod_as_data_and_as_it_is(text: str) -> None:
    (container,) = pod_for(with_text(text), IMAGE)["spec"]["containers"]
    assert container["env"] == [{"name": "TEXT", "value": text}]
    assert text not in " ".join(container["command"])


def test_what_kubernetes_would_replace_is_escaped() -> None:
    (container,) = pod_for(with_text("$(TEXT) $$ $HOME"), IMAGE)["spec"]["containers"]
    assert container["env"][0]["value"] == "$$(TEXT) $$$$ $$HOME"


def test_a_long_name_is_cut_and_told_apart_by_a_hash() -> None:
    names = {pod_for(with_text("x", "n" * 252 + last), IMAGE)["metadata"]["name"] for last in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {150}


def test_a_message_is_ready_when_its_pod_is() -> None:
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    said = status_with(ready)
    assert (said["phase"], said["podName"]) == ("Processed", "msg-hello")
    assert [(each["type"], each["status"], each["reason"]) for each in said["conditions"]] == [
        ("Ready", "True", "Printing")
    ]


def test_a_pod_that_does_not_come_up_says_why() -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    said = status_with({"phase": "Pending", "containerStatuses": [waiting]})
    (condition,) = said["conditions"]
    assert (condition["status"], condition["reason"], condition["message"]) == (
        "False",
        "ImagePullBackOff",
        "no such image",
    )


@pytest.mark.parametrize("text", ["", "x" * 4097, 42, None])
def test_a_text_that_cannot_be_is_refused(text: Any) -> None:  # noqa: ANN401 - that is the point
    with pytest.raises(ValidationError, match=r"spec\.text"):
        with_text(text)


def test_its_declaration_asks_nothing_of_anybody() -> None:
    assert operator.full_name == "message-operator"
    assert [str(kind) for kind in operator.kinds] == ["messages.myorg.dev"]
