"""Cuts the stream of a watch into whole events, so that a watch can be ended between two of them."""

from collections.abc import Callable

_LENGTH = 4
"""Bytes of the length before each event that is not JSON."""


class Events:
    """Passes a watch's bytes on in whole events; what begins one waits for its end."""

    def __init__(self, content_type: str, *, encoded: bool) -> None:
        self._rest = b""
        self._end = _end_of_events(content_type) if not encoded else len

    def feed(self, data: bytes) -> bytes:
        """Return the events that are whole by now."""
        if self._rest:
            data = self._rest + data
        end = self._end(data)
        self._rest = data[end:]
        return data if end == len(data) else data[:end]

    def flush(self) -> bytes:
        """Return what is left when the stream is over: half an event, if the API server sent half."""
        rest, self._rest = self._rest, b""
        return rest


def _end_of_events(content_type: str) -> Callable[[bytes], int]:
    """Return what finds the end of the last whole event."""
    if "json" in content_type:
        return _end_of_lines
    if "protobuf" in content_type:
        return _end_of_frames
    return len  # where events cannot be told apart, all that came counts as whole


def _end_of_lines(data: bytes) -> int:
    return data.rfind(b"\n") + 1


def _end_of_frames(data: bytes) -> int:
    end = 0
    while end + _LENGTH <= len(data):
        following = end + _LENGTH + int.from_bytes(data[end : end + _LENGTH], "big")
        if following > len(data):
            break
        end = following
    return end
