import pytest

from rumpf.testing.proxy.watch import Events


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("content_type", "first", "second"),
    [
        ("application/json", b'{"type":"ADDED"}\n', b'{"type":"DELETED"}\n'),
        ("application/vnd.kubernetes.protobuf;stream=watch", frame(b"a\n" * 500), frame(b"")),
    ],
)
def test_only_whole_events_pass_wherever_the_stream_is_torn(
    content_type: str, first: bytes, second: bytes
) -> None:
    stream = first + second
    for tear in range(len(stream) + 1):
        events = Events(content_type, encoded=False)
        passed = events.feed(stream[:tear])
        assert passed in {b"", first, stream}
        assert passed + events.feed(stream[tear:]) == stream


def test_half_an_event_passes_when_the_stream_is_over() -> None:
    events = Events("application/json", encoded=False)
    assert (events.feed(b"{"), events.flush(), events.flush()) == (b"", b"{", b"")


@pytest.mark.parametrize(
    ("content_type", "encoded"), [("application/cbor-seq", False), ("application/json", True)]
)
def test_what_cannot_be_told_apart_passes_as_it_comes(content_type: str, encoded: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert Events(content_type, encoded=encoded).feed(b"half") == b"half"
