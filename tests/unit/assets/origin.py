"""A real web server that releases come from, and that fails in the ways that servers do."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Origin:
    """What it serves, how, and what was asked of it."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    ranges: bool = True
    status: int = 200
    """Anything but 200 is the answer to every request."""
    cut_after: list[int] = field(default_factory=list[int])
    """The next answers end after so many bytes, each entry once."""
    stall_after: int | None = None
    """Send so many bytes, then nothing until `go_on` is set."""
    go_on: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Path and Range header of each."""
    url: str = ""


@contextmanager
def serving(origin: Origin) -> Generator[Origin]:
    """Run it on a free port of the loopback."""

    class Handler(_Handler):
        pass

    Handler.origin = origin
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    origin.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield origin
    finally:
        origin.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    origin: Origin

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.origin.requests.append((self.path, asked))
        content = self.origin.files.get(self.path)
        if self.origin.status != 200 or content is None:
            self.send_error(self.origin.status if self.origin.status != 200 else 404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.origin.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._send(content[start:])

    def _send(self, content: bytes) -> None:
        if self.origin.cut_after:
            self.wfile.write(content[: self.origin.cut_after.pop(0)])
            self.close_connection = True
        elif self.origin.stall_after is not None:
            self.wfile.write(content[: self.origin.stall_after])
            self.wfile.flush()
            self.origin.stalled.set()
            self.origin.go_on.wait(60)
            self._write(content[self.origin.stall_after :])
        else:
            self.wfile.write(content)

    def _write(self, content: bytes) -> None:
        try:
            self.wfile.write(content)
        except OSError:
            return  # whoever asked is gone: some tests kill it

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it is called with)
        """Say nothing."""
