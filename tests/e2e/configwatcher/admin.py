"""The API server, asked as an administrator without kubectl: in milliseconds, and watched without a gap."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rumpf.api import connect

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
_FAILED = 300


class RefusalError(Exception):
    """The API server does not do what it was asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Admin:
    """Asks one question a connection: a test has few of them, and they may come from any thread."""

    def __init__(self, kubeconfig: Path) -> None:
        connection = connect(str(kubeconfig))
        self._context, self._headers = connection.context, connection.headers()
        place = urlsplit(connection.server)
        self._host, self._port = place.hostname or "", place.port or 443

    def ask(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> Object:
        """Return the answer; RefusalError where there is none."""
        connection = self._open(timeout=60)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {**self._headers, "Content-Type": content_type})
            answer = connection.getresponse()
            said: Object = json.loads(answer.read() or b"{}")
        finally:
            connection.close()
        if answer.status >= _FAILED:
            raise RefusalError(answer.status, str(said.get("message", "")))
        return said

    def follow(
        self, path: str, since: str, opened: Callable[[http.client.HTTPConnection], None]
    ) -> Iterator[Object]:
        """Give the events of a watch, until it ends."""
        connection = self._open(timeout=None)
        opened(connection)
        try:
            revision = f"&resourceVersion={since}" if since else ""
            connection.request("GET", f"{path}?watch=true{revision}", headers=self._headers)
            answer = connection.getresponse()
            if answer.status >= _FAILED:
                raise OSError(answer.status)
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _open(self, timeout: float | None) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)


class Film:
    """All that happened to the objects of one kind in one namespace, from the beginning."""

    def __init__(self, admin: Admin, path: str) -> None:
        self.now: dict[str, Object] = {}
        """Those that are there, by name."""
        self.frames: list[dict[str, Object]] = []
        """What was there after each event, by name: the objects themselves are never changed."""
        self.ever: dict[str, Object] = {}
        """Each that ever was, as it last was, by uid, in the order in which they came."""
        self.born: dict[str, int] = {}
        """The cluster's revision when each was first seen, by uid: what came before what, for certain."""
        self._admin, self._path = admin, path
        self._changed = threading.Condition()
        self._connection: http.client.HTTPConnection | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, name=f"film of {path}", daemon=True)
        self._thread.start()

    def until(self, so: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until something is so; fail, and say what was waited for, if it never is."""
        __tracebackhide__ = True
        with self._changed:
            assert self._changed.wait_for(so, seconds), f"not within {seconds:g} s: {what}"

    def shows(self, found: Object) -> bool:
        """Whether an object was seen as it is here, or later."""
        seen = self.ever.get(found["metadata"]["uid"])
        return seen is not None and revision_of(seen) >= revision_of(found)

    def close(self) -> None:
        """See no more."""
        self._over = True
        if self._connection is not None and self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(2)
        self._thread.join(5)

    def _run(self) -> None:
        revision = ""
        while not self._over:
            with suppress(OSError, http.client.HTTPException, ValueError):
                for event in self._admin.follow(self._path, revision, self._opened):
                    if event["type"] == "ERROR":
                        break
                    revision = event["object"]["metadata"]["resourceVersion"]
                    self._take(event["type"], event["object"])
            if not self._over:
                # The API server is away, for a test's sake.
                time.sleep(0.2)

    def _opened(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def _take(self, change: str, found: Object) -> None:
        with self._changed:
            now = dict(self.now)
            if change == "DELETED":
                now.pop(found["metadata"]["name"], None)
            else:
                now[found["metadata"]["name"]] = found
            self.now = now
            uid = found["metadata"]["uid"]
            self.ever[uid] = found
            self.born.setdefault(uid, revision_of(found))
            self.frames.append(now)
            self._changed.notify_all()


def revision_of(found: Object) -> int:
    """Return the cluster's revision when an object was last written."""
    return int(found["metadata"]["resourceVersion"])
