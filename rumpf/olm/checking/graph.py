"""The upgrades of a channel: one head, and a way from it back to every entry that is not skipped."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rumpf.olm.checking.finding import Problem, error
from rumpf.olm.checking.reading import records, text, texts
from rumpf.olm.versions import range_trouble


@dataclass(frozen=True)
class Entry:
    """An entry of a channel."""

    name: str
    replaces: str = ""
    skips: tuple[str, ...] = ()
    skip_range: str = ""


@dataclass(frozen=True)
class Channel:
    """A channel of a package, as its catalog says."""

    package: str
    name: str
    entries: tuple[Entry, ...] = field(default_factory=tuple[Entry, ...])

    @property
    def where(self) -> str:
        """How a person names it."""
        return f"channel {self.name} of {self.package}"


def channel_of(blob: Mapping[str, Any]) -> Channel:
    """Return the channel that an olm.channel is."""
    entries = tuple(
        Entry(
            text(each, "name"),
            text(each, "replaces"),
            tuple(texts(each, "skips")),
            text(each, "skipRange"),
        )
        for each in records(blob, "entries")
    )
    return Channel(text(blob, "package"), text(blob, "name"), entries)


def upgrades(channel: Channel) -> Iterator[Problem]:
    """Yield what is wrong with a channel's upgrades."""
    names = [entry.name for entry in channel.entries]
    for name, times in Counter(names).items():
        if times > 1:
            yield error("entries", channel.where, f"{name} is there {times} times", "keep one")
        if not name:
            yield error("entries", channel.where, "an entry has no name", "name a bundle")
    if not channel.entries:
        yield error("entries", channel.where, "it has no entries", "add one, or leave the channel out")
        return
    for entry in channel.entries:
        if entry.skip_range and (trouble := range_trouble(entry.skip_range)):
            yield error(
                "skip-range", f"{channel.where}, {entry.name}", f"no range of versions: {trouble}", "mend it"
            )
        if "" in entry.skips:
            yield error(
                "entries", f"{channel.where}, {entry.name}", "it skips nothing at all", "name a bundle"
            )
    yield from _way_back(channel)


def _way_back(channel: Channel) -> Iterator[Problem]:
    entries = {entry.name: entry for entry in channel.entries}
    skipped = {name for entry in channel.entries for name in entry.skips}
    reached = {entry.replaces for entry in channel.entries if entry.replaces} | skipped
    heads = sorted(set(entries) - reached)
    if len(heads) != 1:
        what = f"several heads: {', '.join(heads)}" if heads else "it has no head"
        yield error("head", channel.where, what, "let each entry but the newest be replaced by another")
        return
    way = [heads[0]]
    while (before := entries[way[-1]].replaces) and before not in skipped:
        if before in way:
            yield error(
                "cycle", channel.where, " -> ".join([*way, before]), "let nothing replace what is newer"
            )
            return
        way.append(before)
        if before not in entries:
            break
    if stranded := sorted(set(entries) - set(way) - skipped):
        yield error(
            "stranded",
            channel.where,
            f"no upgrade leads from {', '.join(stranded)} to {heads[0]}",
            "let another entry replace or skip it",
        )
