"""What is known of a request, and how a test says which requests it means."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypedDict, Unpack, cast

from rumpf.errors import UsageError
from rumpf.testing.proxy.requestinfo import VERBS, WRITE_VERBS

Select = Callable[["Request"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was seen at one moment; one that is under way has no duration yet."""

    number: int
    """Its place in the order in which requests began, from 1."""
    client: str
    """The name of the identity that made it; a ServiceAccount's for a Pod's own token."""
    verb: str
    """The verb that RBAC knows: get, list, watch, create... For a path that is no resource, the method."""
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    user_agent: str = ""
    is_write: bool = False
    """Whether it asks for a change: see `RequestInfo.is_write`."""
    write: int | None = None
    """Its place among the writes, in the order in which they had been received whole, from 1."""
    started: float
    """When its head had arrived, in seconds since the epoch."""
    status: int | None = None
    """The status code of the answer; None while, or because, there was none."""
    duration: float | None = None
    """Seconds until its answer had been passed on in whole; for a watch, until it ended."""
    request_bytes: int = 0
    response_bytes: int = 0
    request_body: bytes | None = None
    """Kept where bodies are recorded, and for writes while a fault that picks by body needs it."""
    response_body: bytes | None = None
    """Kept where bodies are recorded; as it was sent, so perhaps compressed. Never kept for watches."""
    injected: tuple[str, ...] = ()
    """What the proxy did to it, in words."""
    error: str = ""
    """Why there was no whole answer, where the proxy was not told to do that."""

    def __str__(self) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        where = f"{self.namespace}/{self.name}".strip("/")
        asked = " ".join(filter(None, (self.verb, what or self.path, where)))
        answer = self.status if self.status is not None else "no answer"
        remarks = ", ".join((*self.injected, *([self.error] if self.error else [])))
        return f"{asked} ({self.client}) -> {answer}{f' [{remarks}]' if remarks else ''}"


Pattern = str | Collection[str]
"""A word, or several of which one must fit; `*`, `?` and `[...]` mean what they mean in file names."""


class Filter(TypedDict, total=False):
    """Which requests are meant: those to which everything that is given applies.

    `resource="pods"` means its subresources too, `resource="pods/status"` only that one, and
    `subresource=""` none. `writes` means only writes, or none. `matching` is asked last. It runs in the
    proxy's own thread and must not wait or call the proxy; where it picks what a fault strikes, writes
    come with their bodies.
    """

    verb: Pattern
    group: Pattern
    version: Pattern
    resource: Pattern
    subresource: Pattern
    namespace: Pattern
    name: Pattern
    client: Pattern
    user_agent: Pattern
    writes: bool
    status: int
    matching: Select


_WORDS = ("verb", "group", "version", "resource", "subresource", "namespace", "name", "client", "user_agent")
_KNOWN = frozenset({*_WORDS, "writes", "status", "matching"})
_KNOWN_VERBS = WRITE_VERBS | frozenset(VERBS.values()) | {"list", "watch", "proxy"}
_KNOWN_METHODS = frozenset(method.lower() for method in VERBS) | {"options"}


def except_leases_and_events(request: Request) -> bool:
    """Leave out what goes on by the clock or on the side: for `matching=`.

    Renewed Leases and Events come when they come. A test that counts writes wants neither.
    """
    return request.resource not in {"leases", "events"}


def selecting(**wanted: Unpack[Filter]) -> Select:
    """Return the function that says whether a request is meant."""
    unknown = sorted(set(wanted) - _KNOWN)
    if unknown:
        raise UsageError(
            f"no request can be picked by {', '.join(unknown)}",
            remedy=f"pick by {', '.join(sorted(_KNOWN))}",
            where="API proxy",
        )
    given: dict[str, object] = dict(wanted)
    words = {word: _alternatives(given[word]) for word in _WORDS if word in given}
    _check_verbs(words.get("verb", ()))
    tests = [_fits(word, patterns) for word, patterns in words.items()]
    if "writes" in wanted:
        writes = wanted["writes"]
        tests.append(lambda request: request.is_write is writes)
    if "status" in wanted:
        status = wanted["status"]
        tests.append(lambda request: request.status == status)
    if "matching" in wanted:
        tests.append(wanted["matching"])
    return lambda request: all(test(request) for test in tests)


def in_words(wanted: Filter) -> str:
    """Return what was asked for as a person wrote it."""
    return ", ".join(f"{key}={value!r}" for key, value in wanted.items()) or "any"


def _alternatives(pattern: object) -> tuple[str, ...]:
    return (pattern,) if isinstance(pattern, str) else tuple(cast("Collection[str]", pattern))


def _fits(word: str, patterns: tuple[str, ...]) -> Select:
    def fits(request: Request) -> bool:
        value: str = getattr(request, word)
        if word == "resource" and request.subresource:
            full = f"{value}/{request.subresource}"
            return any(fnmatchcase(full if "/" in pattern else value, pattern) for pattern in patterns)
        return any(value == pattern or fnmatchcase(value, pattern) for pattern in patterns)

    return fits


def _check_verbs(patterns: tuple[str, ...]) -> None:
    """Refuse a verb that no request can have: a fault that never strikes makes a test that cannot fail."""
    for verb in patterns:
        if not any(fnmatchcase(known, verb) for known in _KNOWN_VERBS | _KNOWN_METHODS):
            known = ", ".join(sorted(_KNOWN_VERBS))
            hint = VERBS.get(verb.upper())
            raise UsageError(
                f"no request has the verb {verb!r}",
                remedy=f"use {hint!r}" if hint and verb.upper() != verb.lower() else f"use one of {known}",
                where="API proxy",
            )
