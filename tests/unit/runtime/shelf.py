"""Objects kept as the API server keeps them: versions, conflicts. And lines to it, which may fail."""

import asyncio
import copy
from typing import TYPE_CHECKING, Any, cast

from rumpf.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


class Shelf:
    """The objects, by path."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.asked: list[tuple[str, str]] = []
        self._version = 0

    def answer(self, method: str, path: str, body: Json | None) -> Json:
        """Do what is asked, or refuse."""
        self.asked.append((method, path))
        match method:
            case "GET":
                return copy.deepcopy(self._there(path))
            case "POST":
                assert body
                created = f"{path}/{body['metadata']['name']}"
                if created in self.objects:
                    raise refusal(409, "AlreadyExists")
                return self.put(created, body)
            case "PUT":
                assert body
                seen, there = body["metadata"]["resourceVersion"], self._there(path)["metadata"]
                if seen != there["resourceVersion"]:
                    raise refusal(409, "Conflict")
                return self.put(path, body)
            case "PATCH":
                assert body
                return self.put(path, self._there(path) | body)
            case _:
                raise AssertionError(method)

    def put(self, path: str, body: Json) -> Json:
        """Store an object as it is."""
        self._version += 1
        stored = copy.deepcopy(body)
        stored.setdefault("metadata", {})["resourceVersion"] = str(self._version)
        self.objects[path] = stored
        return copy.deepcopy(stored)

    def _there(self, path: str) -> Json:
        if path not in self.objects:
            raise refusal(404, "NotFound")
        return self.objects[path]


class Line:
    """One client's way to the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.there = self.back = 0.001
        """Seconds that a request takes to arrive, and its answer."""
        self.cut = False
        """Nothing arrives."""
        self.deaf = False
        """All arrives, and no answer comes back."""
        self.patient = False
        """An answer is taken however late it comes: it had arrived, and nobody had looked."""
        self.refuses: Callable[[str, str], Exception | None] = lambda _, __: None

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float = 30.0,  # noqa: ASYNC109 - as the client's
    ) -> Json:
        """Ask, and wait for the answer for so long."""
        try:
            async with asyncio.timeout(None if self.patient else timeout):
                return await self._ask(method, path, body)
        except TimeoutError as error:
            raise refusal(0, "no answer") from error

    async def _ask(self, method: str, path: str, body: object) -> Json:
        if self.cut:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.there)
        if error := self.refuses(method, path):
            raise error
        answer = self.shelf.answer(method, path, cast("Json | None", body))
        if self.deaf or self.cut:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.back)
        return answer


def refusal(status: int, reason: str, retry_after: float | None = None) -> ApiError:
    """What a client raises when the API server refuses; status 0 when it does not answer."""
    return ApiError(f"{reason} ({status})", status=status, reason=reason, retry_after=retry_after)
