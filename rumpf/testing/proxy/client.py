"""A client as the proxy knows it: one identity, its connections, its writes under way, its death."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from rumpf.testing.proxy.wire import ConnectionEnded, Wire


class Underway(Protocol):
    """A write on its way to the API server."""

    settled: asyncio.Event
    """Set when the API server has answered, or never will."""


class Client:
    """All that has one identity. While it is being killed, nothing of it passes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wires: set[Wire] = set()
        self.underway: set[Underway] = set()
        self._dying: asyncio.Event | None = None
        self._dead_up_to = 0

    @property
    def is_dying(self) -> bool:
        """Whether its death is decided and has not come yet."""
        return self._dying is not None

    def doom(self) -> tuple[Underway, ...]:
        """Decide its death: from this call on nothing passes but the writes that are returned.

        They had been received whole before the one at which it dies, so they belong to the time before.
        """
        self._dying = asyncio.Event()
        return tuple(self.underway)

    async def pass_through(self, serial: int) -> None:
        """Hold what comes from a client that is dying, or was sent by one that is dead by now.

        Returns without waiting for a client that lives, and never for another: its connection is over.
        """
        if self._dying is not None:
            await self._dying.wait()
            raise ConnectionEnded
        if serial <= self._dead_up_to:
            raise ConnectionEnded

    def bury(self, last_serial: int) -> None:
        """Close what the dead process had open; connections made up to now are its own.

        A request that it sent on a connection whose identity is not known yet is turned away by this too.
        """
        self._dead_up_to = last_serial
        for wire in self.wires:
            wire.abort()
        if self._dying is not None:
            self._dying.set()
            self._dying = None


async def all_settled(writes: Iterable[Underway]) -> None:
    """Wait until the API server has answered all of these."""
    for write in writes:
        await write.settled.wait()
