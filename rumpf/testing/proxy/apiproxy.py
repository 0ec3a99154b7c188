"""The proxy as a test uses it: plain calls from any thread, every fault a `with` block."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from rumpf.errors import FaultError, UsageError
from rumpf.testing.proxy.background import Background
from rumpf.testing.proxy.certificate import issue
from rumpf.testing.proxy.credentials import Identity, read_kubeconfig
from rumpf.testing.proxy.engine import Engine
from rumpf.testing.proxy.faults import Delay, Fault, Refusal, Rule, Stall
from rumpf.testing.proxy.identities import Identities
from rumpf.testing.proxy.kill import Kill, Killable, Moment
from rumpf.testing.proxy.record import Filter, Request, in_words, selecting

_WHERE = "API proxy"
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to recognise them, not to bind them
_DEFAULT = "default"


class ApiProxy:
    """Stands between clients and an API server: records every request, and misbehaves on demand.

    A client in any language takes part by using `kubeconfig`, or one made by `identity`. All methods can
    be called from any thread. Every fault ends with its `with` block, and at the latest with the proxy.

    Not done: HTTP/2 (clients fall back to HTTP/1.1), credential plugins in the kubeconfig.
    """

    def __init__(
        self,
        kubeconfig: Path | str,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        reached_as: str | None = None,
        bodies: bool = False,
        folder: Path | None = None,
    ) -> None:
        """Prepare a proxy for the API server of a kubeconfig.

        `bind` and `port` say where to listen, `reached_as` by which name or address clients find it, if
        not by `bind`. With `bodies`, the record has the bodies of requests and answers too. Kubeconfigs
        are written to `folder`, or to a temporary one that ends with the proxy.
        """
        if bind in _WILDCARDS and reached_as is None:
            raise UsageError(
                f"clients cannot be told to connect to {bind}",
                remedy="say by which address they reach this machine: reached_as=...",
                where=_WHERE,
            )
        self._upstream = read_kubeconfig(Path(kubeconfig))
        self._bind = bind
        self._port = port
        self._host = reached_as if reached_as is not None else bind
        self._bodies = bodies
        self._folder = folder
        self._background: Background | None = None
        self._identities: Identities | None = None

    # Its life.

    def start(self) -> Self:
        """Listen, and write the default kubeconfig."""
        if self._background is not None:
            raise FaultError("the proxy is running already", remedy="make another one", where=_WHERE)
        certificate = issue(*dict.fromkeys((self._host, self._bind, "127.0.0.1", "localhost")))
        background = Background(Engine(self._upstream, certificate.context, bodies=self._bodies))
        self._port = background.start(self._bind, self._port)
        self._background = background
        try:
            self._identities = Identities(
                self._folder,
                server=self.server,
                authority=certificate.authority,
                namespace=self._upstream.namespace,
            )
            background.engine.identities = self._identities.by_token
            self.identity(_DEFAULT)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End all faults, all connections, the thread; delete the kubeconfigs.

        Raises FaultError if something went wrong in the proxy's thread meanwhile: a `matching` that
        raised, for example.
        """
        background, self._background = self._background, None
        if background is None:
            return
        background.stop()
        if self._identities is not None:
            self._identities.close()
        failures = background.engine.failures
        if failures:
            raise FaultError(
                f"{len(failures)} errors while requests were handled; the first: {failures[0]!r}",
                remedy="if it comes from your `matching`, mend that; its traceback is above",
                where=_WHERE,
            ) from failures[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except FaultError as failure:
            if error is None:
                raise
            error.add_note(str(failure))  # the test's own failure comes first

    # Who uses it.

    @property
    def server(self) -> str:
        """The URL that clients connect to."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://{host}:{self._port}"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for a client; it acts with the credentials that the proxy was given."""
        return self.identity(_DEFAULT).kubeconfig

    def identity(self, name: str, *, token: str | None = None) -> Identity:
        """Make a client that is told apart from others, or return the one of that name.

        It acts with `token` (a ServiceAccount's, say), or else with the credentials that the proxy was
        given. Its `kubeconfig` has another, random token, that is good for this proxy alone.
        """
        self._running()
        assert self._identities is not None  # noqa: S101 - narrows a type: what runs has some
        return self._identities.get(name, token)

    # What was seen.

    @property
    def writes(self) -> int:
        """How many writes have been received whole since the start, or since `clear`."""
        proxy = self._running()
        return proxy.call(lambda: proxy.engine.journal.writes)

    def requests(self, **wanted: Unpack[Filter]) -> tuple[Request, ...]:
        """Return the requests that are meant, in the order in which they began, as they are by now."""
        proxy = self._running()
        select = selecting(**wanted)
        return proxy.call(lambda: proxy.engine.journal.requests(select))

    def wait_for(
        self,
        *,
        times: int = 1,
        timeout: float = 30.0,
        after: Request | None = None,
        answered: bool = True,
        **wanted: Unpack[Filter],
    ) -> tuple[Request, ...]:
        """Wait until so many requests have been seen; return them.

        They count once their answer begins (a watch, once it is open); with `answered=False`, already
        when they begin. `after` leaves out that request and all that began before it.
        """
        proxy = self._running()
        select = selecting(**wanted)
        since = after.number if after is not None else 0
        found = proxy.wait(
            proxy.engine.journal.wait(
                lambda request: request.number > since and select(request),
                times,
                answered=answered,
                seconds=timeout,
            )
        )
        if len(found) < times:
            latest = "\n  ".join(str(request) for request in self.requests()[-10:]) or "none at all"
            raise FaultError(
                f"{len(found)} of {times} requests like {in_words(wanted)} came within {timeout:g} s; "
                f"the latest were:\n  {latest}",
                remedy="see proxy.requests() for all of them",
                where=_WHERE,
            )
        return found

    def clear(self) -> None:
        """Forget all requests and begin to count writes from one again."""
        proxy = self._running()
        proxy.call(proxy.engine.journal.clear)

    # What it can do to them.

    def refuse(
        self,
        code: int,
        *,
        times: int | None = None,
        retry_after: float | None = None,
        message: str | None = None,
        reason: str | None = None,
        **wanted: Unpack[Filter],
    ) -> Fault:
        """Answer with a metav1.Status in the API server's place, which sees nothing of the request.

        The first `times` requests that are meant are refused, or all. 429 comes with Retry-After: 1
        unless `retry_after` says otherwise; other codes have one only if it does. `reason` is the one
        that Kubernetes gives with that code, unless it is given.
        """
        refusal = Refusal(
            selects=selecting(**wanted),
            picky="matching" in wanted,
            times=times,
            code=code,
            message=message,
            reason=reason,
            retry_after=retry_after,
        )
        return self._fault(refusal, lambda engine: engine.refuse(refusal))

    def delay(self, seconds: float, *, times: int | None = None, **wanted: Unpack[Filter]) -> Fault:
        """Let requests wait before they go on; those that wait when it ends go on at once."""
        return self._delay(seconds, times, wanted)

    def hold(self, *, times: int | None = None, **wanted: Unpack[Filter]) -> Fault:
        """Let requests wait until it ends: time to change something behind a client's back."""
        return self._delay(None, times, wanted)

    def _delay(self, seconds: float | None, times: int | None, wanted: Filter) -> Fault:
        selects, picky = selecting(**wanted), "matching" in wanted
        delay = Delay(selects=selects, picky=picky, times=times, seconds=seconds)
        return self._fault(delay, lambda engine: engine.delay(delay))

    def cut_watches(self, *, clean: bool = False, **wanted: Unpack[Filter]) -> tuple[Request, ...]:
        """End watches that are open now; return them.

        The connection is closed in mid-stream; with `clean`, the stream ends as if the API server had
        ended it, after a whole event.
        """
        proxy = self._running()
        select = selecting(**wanted)
        return proxy.call(lambda: proxy.engine.cut_watches(select, clean=clean))

    def stalled_watches(self, **wanted: Unpack[Filter]) -> Fault:
        """Let nothing flow on watches any more, those that are open and those that are opened, until it ends.

        Their connections stay open. What the API server sends meanwhile arrives afterwards.
        """
        stall = Stall(selects=selecting(**wanted), picky=False)
        return self._fault(stall, lambda engine: engine.stall(stall))

    def down(self) -> Fault:
        """Reset all connections and refuse new ones until it ends."""
        proxy = self._running()
        proxy.call(proxy.engine.go_down)
        once = threading.Lock()

        def come_up() -> None:
            if once.acquire(blocking=False) and self._background is proxy:
                proxy.call(proxy.engine.come_up)

        return Fault(come_up, lambda: ())

    def kill_before(self, victim: Killable, write: int = 1, **wanted: Unpack[Filter]) -> Kill:
        """Kill a client's process before its n-th write from now on.

        The write was read from the client in whole, and nothing of it reaches the API server. Writes
        received before it are done (the API server has answered them), whatever comes after it is not
        passed on. `wanted` says which writes count; by default all do, whoever makes them.
        """
        return self._kill(victim, "before", write, wanted)

    def kill_after(self, victim: Killable, write: int = 1, **wanted: Unpack[Filter]) -> Kill:
        """Kill a client's process after its n-th write from now on.

        The API server's answer to the write was read in whole, so it is done, and nothing of the answer
        reaches the client. Writes received before it are done, whatever comes after it is not passed on.
        `wanted` says which writes count; by default all do, whoever makes them.
        """
        return self._kill(victim, "after", write, wanted)

    def _kill(self, victim: Killable, moment: Moment, write: int, wanted: Filter) -> Kill:
        proxy = self._running()
        description = f"kill {moment} write {write}{f' of {in_words(wanted)}' if wanted else ''}"
        kill = Kill(victim, moment, write, selects=selecting(**wanted), description=description)
        disarm = proxy.call(lambda: proxy.engine.arm(kill))
        return kill.armed(lambda: proxy.call(disarm) if self._background is proxy else None)

    def _fault(self, rule: Rule, switch_on: Callable[[Engine], Callable[[], None]]) -> Fault:
        proxy = self._running()
        journal = proxy.engine.journal
        switch_off = proxy.call(lambda: switch_on(proxy.engine))

        def stop() -> None:
            if self._background is proxy:
                proxy.call(switch_off)

        def struck() -> tuple[Request, ...]:
            return journal.requests(lambda request: request.number in rule.struck)

        return Fault(stop, lambda: proxy.call(struck) if self._background is proxy else struck())

    def _running(self) -> Background:
        if self._background is None:
            raise FaultError(
                "the proxy is not running", remedy="use it inside its `with` block", where=_WHERE
            )
        return self._background
