"""The load: creates, patches and deletes of Messages, so many under way at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from loads.seen import MESSAGES, Seen
from rumpf.api.client import MERGE, Api

T = TypeVar("T")
_HANDS = 16


@dataclass(frozen=True)
class Work:
    """Whoever changes Messages, and tells `Seen` before it does."""

    api: Api
    seen: Seen

    async def create(self, names: Sequence[str], text: str = "first") -> None:
        """Create Messages."""
        await at_once(names, lambda name: self.create_one(name, text))

    async def create_one(self, name: str, text: str = "first") -> None:
        """Create a Message."""
        self.seen.ask(name, f"{text} {name}")
        manifest = {
            "apiVersion": "myorg.dev/v1",
            "kind": "Message",
            "metadata": {"name": name},
            "spec": {"text": f"{text} {name}"},
        }
        await self.api.request("POST", MESSAGES, manifest)

    async def patch(self, names: Sequence[str], text: str) -> None:
        """Give Messages another text."""

        async def one(name: str) -> None:
            self.seen.ask(name, f"{text} {name}")
            change = {"spec": {"text": f"{text} {name}"}}
            await self.api.request("PATCH", f"{MESSAGES}/{name}", change, content_type=MERGE)

        await at_once(names, one)

    async def delete(self, names: Sequence[str]) -> None:
        """Delete Messages."""

        async def one(name: str) -> None:
            self.seen.forget(name)
            await self.api.request("DELETE", f"{MESSAGES}/{name}")

        await at_once(names, one)


async def at_once(these: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do something with each of these, so many under way at once."""
    rest = iter(these)

    async def hand() -> None:
        for each in rest:
            await do(each)

    await asyncio.gather(*(hand() for _ in range(_HANDS)))
