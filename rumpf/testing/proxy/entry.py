"""What is being written down of a request while it is under way."""

import time
from urllib.parse import parse_qsl, urlsplit

from rumpf.testing.proxy.journal import Journal
from rumpf.testing.proxy.messages import RequestHead
from rumpf.testing.proxy.record import Request
from rumpf.testing.proxy.requestinfo import RequestInfo

_LEFT = "the client left"


class Entry:
    """A request's line in the journal, from when it begins to when it has ended."""

    def __init__(
        self, journal: Journal, head: RequestHead, info: RequestInfo, client: str, *, bodies: bool, body: bool
    ) -> None:
        self.info = info
        self.number = 0  # given by the journal
        self.write: int | None = None
        self.error = ""
        self._journal = journal
        self._head = head
        self.client = client
        self._started = time.time()
        self._began = time.perf_counter()
        self._duration: float | None = None
        self._status: int | None = None
        self._injected: list[str] = []
        self._bytes_in = self._bytes_out = 0
        self._kept_in: list[bytes] | None = [] if bodies or body else None
        self._kept_out: list[bytes] | None = [] if bodies and info.verb != "watch" else None
        journal.begin(self)

    @property
    def is_disturbed(self) -> bool:
        """Whether the proxy did something to it."""
        return bool(self._injected)

    def note(self, fault: str) -> None:
        """Write down what the proxy does to it."""
        self._injected.append(fault)

    def came_in(self, body: bytes, *, keep: bool = True) -> None:
        """Write down what came from the client."""
        self._bytes_in += len(body)
        if keep and self._kept_in is not None:
            self._kept_in.append(body)

    def went_out(self, body: bytes, *, keep: bool = True) -> None:
        """Write down what came for the client."""
        self._bytes_out += len(body)
        if keep and self._kept_out is not None:
            self._kept_out.append(body)

    def count_write(self) -> None:
        """Count it as a write that has been received whole."""
        self.write = self._journal.count_write()
        self._journal.changed(self)

    def answered(self, code: int) -> None:
        """Write down that its answer begins."""
        self._status = code
        self._journal.changed(self)

    def finish(self) -> None:
        """Write down that it has ended, one way or another."""
        self._duration = time.perf_counter() - self._began
        if self._status is None and not self._injected and not self.error:
            self.error = _LEFT
        self._journal.finished(self)

    def seen(self) -> Request:
        """Return what is known of it by now. Not free, so made only when someone wants to know."""
        info = self.info
        return Request(
            number=self.number,
            client=self.client,
            verb=info.verb,
            method=self._head.method,
            path=info.path,
            query=tuple(parse_qsl(urlsplit(self._head.target).query, keep_blank_values=True)),
            group=info.group,
            version=info.version,
            resource=info.resource,
            subresource=info.subresource,
            namespace=info.namespace,
            name=info.name,
            user_agent=self._head.header(b"user-agent"),
            is_write=info.is_write,
            write=self.write,
            started=self._started,
            status=self._status,
            duration=self._duration,
            request_bytes=self._bytes_in,
            response_bytes=self._bytes_out,
            request_body=b"".join(self._kept_in) if self._kept_in is not None else None,
            response_body=b"".join(self._kept_out) if self._kept_out is not None else None,
            injected=tuple(self._injected),
            error=self.error,
        )
