from dataclasses import replace

import pytest

from rumpf.errors import UsageError
from rumpf.testing.proxy.record import Filter, Request, except_leases_and_events, selecting

STATUS = Request(
    number=1,
    client="operator",
    verb="patch",
    method="PATCH",
    path="/apis/example.dev/v1/namespaces/n/messages/m/status",
    group="example.dev",
    version="v1",
    resource="messages",
    subresource="status",
    namespace="n",
    name="m",
    user_agent="kopf/1.0",
    is_write=True,
    started=0.0,
)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(verb="patch", resource="messages"),
        Filter(verb=("create", "patch")),
        Filter(resource="messages/status"),
        Filter(resource="mess*", namespace="?"),
        Filter(user_agent="kopf/*", client="operator", writes=True),
        Filter(matching=lambda request: request.name == "m"),
    ],
)
def test_a_request_is_meant_when_all_that_is_said_applies(wanted: Filter) -> None:
    assert selecting(**wanted)(STATUS)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(verb="create"),
        Filter(verb=()),
        Filter(resource="messages", subresource=""),
        Filter(resource="messages/scale"),
        Filter(resource="messages", name="other"),
        Filter(writes=False),
        Filter(status=200),
        Filter(verb="patch", matching=lambda _: False),
    ],
)
def test_it_is_not_when_anything_does_not(wanted: Filter) -> None:
    assert not selecting(**wanted)(STATUS)


def test_a_verb_that_no_request_can_have_is_refused_with_the_one_that_is_meant() -> None:
    with pytest.raises(UsageError, match="use 'create'"):
        selecting(verb="POST")
    with pytest.raises(UsageError, match=r"one of .*deletecollection"):
        selecting(verb=("get", "lsit"))


def test_a_word_that_picks_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="picked by resources"):
        selecting(resources="pods")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(("resource", "left"), [("leases", False), ("events", False), ("pods", True)])
def test_leases_and_events_can_be_left_out(resource: str, left: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert except_leases_and_events(replace(STATUS, resource=resource)) is left


def test_a_request_reads_as_a_sentence() -> None:
    answered = replace(STATUS, status=409, injected=("delayed 1 s", "refused 409"))
    assert str(answered) == "patch messages/status n/m (operator) -> 409 [delayed 1 s, refused 409]"
    assert str(replace(STATUS, error="the client left")).endswith("-> no answer [the client left]")
