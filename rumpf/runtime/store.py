"""What the watches have seen: objects as bytes, found by name, by uid and by owner.

Bytes, not dictionaries: five thousand Pods are 15 MiB so, and 80 the other way; the few that a reconcile
looks at are parsed again in microseconds.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

_REMEMBERED = 4096
_COPY = "kubectl.kubernetes.io/last-applied-configuration"


class Key(NamedTuple):
    """Which object of a kind."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One object, as last seen."""

    raw: bytes
    uid: str
    version: int
    generation: int
    fingerprint: int
    """Of what a person may have changed: generation, labels, annotations, finalizers, deletion."""
    owners: tuple[str, ...]
    pending: bool
    """Whether its status speaks of an older generation than there is, or of none."""

    def load(self) -> dict[str, Any]:
        """Parse it."""
        loaded: dict[str, Any] = orjson.loads(self.raw)
        return loaded


class Store:
    """The objects of one kind."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._by_uid: dict[str, Key] = {}
        self._owned: dict[str, set[Key]] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        """What was seen to go, by uid, and at which version."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._entries))

    def get(self, key: Key) -> Entry | None:
        """Return an object; None if it is not there."""
        return self._entries.get(key)

    def by_uid(self, uid: str) -> Key | None:
        """Tell the name of the object with that uid."""
        return self._by_uid.get(uid)

    def owned(self, uid: str) -> list[Key]:
        """Tell which objects have that owner."""
        return sorted(self._owned.get(uid, ()))

    def put(self, found: Mapping[str, Any]) -> tuple[Entry | None, Entry | None]:
        """Take note of an object; return what was there before, and what is there now.

        An answer to a request of our own and the watch may tell the same in any order: what is older than
        what is known, or than when it was seen to go, is not taken. What is newer than that is there again:
        it had only lost the label that the watch selects by.
        """
        key, metadata = key_of(found), found["metadata"]
        before = self._entries.get(key)
        known = before.version if before else -1
        if max(known, self._gone.get(metadata["uid"], -1)) >= int(metadata["resourceVersion"]):
            return before, before
        entry = entry_of(found)
        if before is not None:
            self._forget(key, before)
        self._entries[key] = entry
        self._by_uid[entry.uid] = key
        for owner in entry.owners:
            self._owned.setdefault(owner, set()).add(key)
        return before, entry

    def drop(self, key: Key, uid: str, version: int) -> Entry | None:
        """Take note that an object is gone as of a version; return what it was.

        Another of that name meanwhile stays, and so does what is newer.
        """
        self._gone[uid] = max(version, self._gone.pop(uid, -1))
        if len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
        before = self._entries.get(key)
        if before is None or before.uid != uid or before.version > version:
            return None
        self._forget(key, before)
        return before

    def leave(self, key: Key) -> None:
        """Keep an object no longer, though it is there: as if it had never been heard of."""
        entry = self._entries.get(key)
        if entry is not None:
            self._forget(key, entry)

    def _forget(self, key: Key, entry: Entry) -> None:
        del self._entries[key]
        self._by_uid.pop(entry.uid, None)
        for owner in entry.owners:
            siblings = self._owned.get(owner)
            if siblings is not None:
                siblings.discard(key)
                if not siblings:
                    del self._owned[owner]


def key_of(found: Mapping[str, Any]) -> Key:
    """Tell which object this is."""
    metadata = found["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def metadata_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without its content: kubectl keeps a copy of that in an annotation."""
    metadata = dict(found["metadata"])
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {name: text for name, text in annotations.items() if name != _COPY}
    return {"metadata": metadata}


def entry_of(found: Mapping[str, Any]) -> Entry:
    """Return what is kept of an object: all but who manages which field."""
    metadata = found["metadata"]
    metadata.pop("managedFields", None)
    status = found.get("status")
    generation = metadata.get("generation", 0)
    observed = status.get("observedGeneration") if isinstance(status, dict) else None
    return Entry(
        orjson.dumps(found),
        metadata["uid"],
        int(metadata["resourceVersion"]),
        generation,
        hash(
            orjson.dumps(
                (
                    generation,
                    metadata.get("deletionTimestamp"),
                    metadata.get("labels"),
                    metadata.get("annotations"),
                    metadata.get("finalizers"),
                ),
                option=orjson.OPT_SORT_KEYS,
            )
        ),
        tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
        observed != generation,
    )
