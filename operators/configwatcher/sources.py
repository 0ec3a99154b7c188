"""Looks at the ConfigMaps and Secrets that a ConfigWatcher names, asking only for those that changed."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from operators.configwatcher.content import Content, content_of, salt_of
from operators.configwatcher.spec import ConfigWatcher, Observed, Source, SourceId
from rumpf import ConfigMap, Grant, Secret, View, Watch, World

SECRETS = Grant("secrets", "Reads Secrets, so that ConfigWatchers may name them.")
WATCHES = (
    Watch(
        ConfigMap,
        refers=lambda watcher: [each.name for each, _ in watcher.spec.sources if each.kind == "ConfigMap"],
        metadata_only=True,
    ),
    Watch(
        Secret,
        refers=lambda watcher: [each.name for each, _ in watcher.spec.sources if each.kind == "Secret"],
        metadata_only=True,
        grant=SECRETS,
    ),
)

_VIEWS: Mapping[str, type[ConfigMap] | type[Secret]] = {"ConfigMap": ConfigMap, "Secret": Secret}
_OF_THIS_PROCESS = secrets.token_hex(32)


@dataclass(frozen=True)
class Sighting:
    """What a look at the sources has shown."""

    found: Mapping[SourceId, Content]
    missing: tuple[SourceId, ...] = ()
    withheld: tuple[SourceId, ...] = ()
    """Secrets that may not be read here."""
    resalted: frozenset[SourceId] = frozenset()
    """Those whose hashes are others though the content is the same: a Secret that was made anew."""


@dataclass(frozen=True)
class _Known:
    uid: str
    version: str
    keys: tuple[str, ...]
    content: Content
    same: str
    """What tells whether the content is the same, whatever the salt; for Secrets, and in this process."""

    def was_read_from(self, seen: View, source: Source) -> bool:
        """Whether it is what is there now."""
        now = (seen.uid, seen.metadata["resourceVersion"], source.keys)
        return (self.uid, self.version, self.keys) == now


@dataclass
class Sources:
    """What is remembered of the sources of one ConfigWatcher from look to look."""

    _known: dict[SourceId, _Known] = field(default_factory=dict)
    _same: dict[tuple[SourceId, str], str] = field(default_factory=dict)
    """Of the contents that were read, by their hashes: what tells whether another is the same."""

    async def look(self, watcher: ConfigWatcher, world: World) -> Sighting:
        """Return what the sources hold. One that is as it was when it was last read costs no request."""
        all_of_them = watcher.spec.sources
        withheld = [each for each, _ in all_of_them if each.kind == "Secret" and not world.granted(SECRETS)]
        readable = [(each, source) for each, source in all_of_them if each not in withheld]
        contents = await asyncio.gather(
            *(self._one(each, source, watcher, world) for each, source in readable)
        )
        found = {each: content for (each, _), content in zip(readable, contents, strict=True) if content}
        recorded = {each.id: each for each in watcher.status.sources}
        resalted = frozenset(each for each in found if self._is_the_same(each, recorded.get(each)))
        # Only what is recorded, and what will be, is ever compared.
        hashes = {(each, known.content.hash) for each, known in self._known.items()}
        hashes |= {(each, known.hash or "") for each, known in recorded.items()}
        self._same = {each: same for each, same in self._same.items() if each in hashes}
        return Sighting(
            found,
            missing=tuple(each for each, _ in readable if each not in found),
            withheld=tuple(withheld),
            resalted=resalted,
        )

    def _is_the_same(self, each: SourceId, recorded: Observed | None) -> bool:
        """Whether a Secret has just what is recorded of it, though by another hash: it was made anew."""
        now = self._known[each]
        if recorded is None or recorded.hash == now.content.hash or recorded.filter != now.keys:
            return False
        return bool(now.same) and self._same.get((each, recorded.hash or "")) == now.same

    async def _one(
        self, each: SourceId, source: Source, watcher: ConfigWatcher, world: World
    ) -> Content | None:
        view = _VIEWS[each.kind]
        known = self._known.get(each)
        seen = world.find(view, each.name)
        if known and seen and known.was_read_from(seen, source):
            return known.content
        found = await world.read(view, each.name)
        if found is None:
            return None
        salt = salt_of(each, found, watcher.metadata.uid)
        content = content_of(found, source.keys, salt)
        same = content_of(found, source.keys, _OF_THIS_PROCESS).hash if each.kind == "Secret" else ""
        version = str(found.metadata["resourceVersion"])
        self._known[each] = _Known(found.uid, version, source.keys, content, same)
        self._same[each, content.hash] = same
        return content
