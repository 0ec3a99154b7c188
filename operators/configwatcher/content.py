"""What a source holds, as hashes with a salt: enough to tell whether it changed, and in which keys."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from operators.configwatcher.spec import Observed, SourceId
from rumpf import ConfigMap, Secret
from rumpf.objects import View

MOST_KEYS = 64
"""Of more keys than that none is written down by itself."""
_KINDS = ("data", "binaryData")


@dataclass(frozen=True)
class Content:
    """The content of a source, as far as it matters. No value is in it, or can be told from it."""

    hash: str
    keys: Mapping[str, str]
    changed_at: str | None
    """When it last changed, to the second, by the API server's clock; None if nobody knows."""
    version: str = ""
    """The version of the whole object."""


def content_of(found: ConfigMap | Secret, wanted: Iterable[str], salt: str) -> Content:
    """Return the content of a ConfigMap or Secret: of these keys, or of all."""
    only = set(wanted)
    keys = {
        key: _digest(salt, kind, key, value)
        for kind in _KINDS
        for key, value in (found.get(kind) or {}).items()
        if not only or key in only
    }
    whole = _digest(salt, *(part for item in sorted(keys.items()) for part in item))
    shown = {key: mark[:12] for key, mark in sorted(keys.items())} if len(keys) <= MOST_KEYS else {}
    return Content(whole, shown, _changed_at(found), str(found.metadata.get("resourceVersion", "")))


def changed_keys(before: Observed, now: Content, wanted: tuple[str, ...]) -> tuple[str, ...] | None:
    """Tell which keys changed; None if nothing did. Empty if it cannot be told which.

    Keys that mattered only before, or only now, have not changed: somebody chose others.
    """
    if before.hash == now.hash and before.filter == wanted:
        return None
    if before.filter != wanted:
        if before.hash and not (before.keys and now.keys):
            return None
        both = _common(before.filter, wanted, {*before.keys, *now.keys})
    else:
        both = {*before.keys, *now.keys}
    changed = tuple(sorted(key for key in both if before.keys.get(key) != now.keys.get(key)))
    return None if not changed and before.filter != wanted else changed


def written_at(before: Observed, now: Content) -> datetime | None:
    """Tell when a content became what it is, by the API server's clock; None if nobody knows.

    Of a key that is taken away the API server notes no time; and where keys are not known one by one, nobody
    can tell whether one was.
    """
    grew = bool(before.keys and now.keys) and set(before.keys) <= set(now.keys)
    if now.changed_at is None or (before.hash and not grew):
        return None
    return datetime.fromisoformat(now.changed_at)


def salt_of(source: SourceId, found: View, watcher: str) -> str:
    """Return what keeps hashes from being looked up, or compared from one ConfigWatcher to another.

    A Secret's own uid is known only to those who may read it: nobody else can try out what is in it.
    """
    return found.uid if source.kind == "Secret" else watcher


def _common(before: tuple[str, ...], now: tuple[str, ...], known: set[str]) -> set[str]:
    mattered = set(before) or known
    return mattered & (set(now) or known)


def _digest(salt: str, *parts: str) -> str:
    digest = hashlib.blake2b(key=salt.encode()[:64], digest_size=16)
    for part in parts:
        text = part.encode(errors="surrogatepass")
        # With its length: no two contents read the same.
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return digest.hexdigest()


def _changed_at(found: View) -> str | None:
    """Tell when the content was last written: whoever only changes metadata has not done so."""
    metadata = found.metadata
    managers = metadata.get("managedFields") or ()
    writers = [
        each for each in managers if any(f"f:{kind}" in (each.get("fieldsV1") or {}) for kind in _KINDS)
    ]
    # Where all content was taken away nobody manages it any more: then it was one of the others.
    times = [str(each["time"]) for each in writers or managers if each.get("time")]
    return max([str(metadata["creationTimestamp"]), *times]) if times else None
