"""Connections to the API server: made when needed, kept for the next client, never mixed up."""

import asyncio
import time

from rumpf.testing.proxy.credentials import Upstream
from rumpf.testing.proxy.wire import Wire

_KEPT = 20.0
"""Seconds that an idle connection is trusted for; the API server closes it after 90."""

_PATIENCE = 30.0
"""Seconds in which a new connection must be there."""


class Pool:
    """Idle connections, apart by whether they were made with the kubeconfig's certificate.

    Such a connection acts as the kubeconfig's user whatever token comes over it, so it must never carry
    anyone else's request.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._idle: dict[bool, list[tuple[Wire, float]]] = {False: [], True: []}
        self._all: set[Wire] = set()

    async def take(self, *, certified: bool) -> Wire:
        """Return a connection on which nothing is under way."""
        idle = self._idle[certified]
        while idle:
            wire, since = idle.pop()
            if not wire.ended and not wire.has_unread and time.monotonic() - since < _KEPT:
                return wire
            wire.abort()
        upstream = self._upstream
        context = upstream.certified if certified else upstream.anonymous
        async with asyncio.timeout(_PATIENCE):
            _, wire = await asyncio.get_running_loop().create_connection(
                Wire,
                upstream.host,
                upstream.port,
                ssl=context,
                server_hostname=upstream.server_name if context is not None else None,
            )
        self._all = {each for each in self._all if not each.ended} | {wire}
        return wire

    def put(self, wire: Wire, *, certified: bool) -> None:
        """Keep a connection on which nothing is under way."""
        wire.on_lost = None
        self._idle[certified].append((wire, time.monotonic()))

    def abort(self) -> None:
        """End all connections, also those that are in use."""
        for wire in self._all:
            wire.abort()
        for idle in self._idle.values():
            idle.clear()

    async def wait_closed(self) -> None:
        """Wait until all of them have ended."""
        for wire in self._all:
            await wire.wait_closed()
