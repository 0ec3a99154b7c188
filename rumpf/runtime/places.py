"""Who may do what only so many at a time may: places, and the line of those who wait for one."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

Wake = Callable[[], None]


@dataclass
class _Waiting:
    """One who has asked in vain."""

    most: int
    """So many places there are, as far as it knows."""
    wake: Wake
    asks: bool = True
    """Whether it has asked since its look began."""
    called: bool = False
    """Whether it was woken for a place, and has not asked since."""


@dataclass
class _Line:
    """The places of one name."""

    holders: set[Hashable] = field(default_factory=set)
    waiting: dict[Hashable, _Waiting] = field(default_factory=dict)
    """In the order in which they come."""
    put_off: set[Hashable] = field(default_factory=set)
    """Who had a place, and goes on with what it began before others begin."""

    def next(self) -> Iterator[Hashable]:
        """Yield those who may take a place now, in order."""
        ahead = len(self.holders)
        for who, each in self.waiting.items():
            if ahead < each.most:
                ahead += 1
                yield who

    def take(self, who: Hashable, most: int, wake: Wake) -> bool:
        """Give it a place, or put it in line."""
        if who in self.holders:
            return True
        new = _Waiting(most, wake)
        if who in self.put_off and who not in self.waiting:
            self.waiting = {who: new, **self.waiting}
        else:
            self.waiting[who] = new
        if len(self.holders) < most and who in self.next():
            self.leave(who)
            self.holders.add(who)
            return True
        # It may have come to want fewer places than whoever is behind it.
        self.call()
        return False

    def leave(self, who: Hashable) -> None:
        """Have nothing to do with it any more."""
        self.holders.discard(who)
        self.waiting.pop(who, None)
        self.put_off.discard(who)

    def call(self) -> None:
        """Wake those for whom there is a place now; each once."""
        for who in list(self.next()):
            each = self.waiting[who]
            if not each.called:
                each.called = True
                each.wake()


class Places:
    """All of an operator. Who asks in vain waits in line, and is woken when its turn has come.

    A place that is free is kept for whoever is first in line, so that nobody who comes later takes it. One
    that does not ask for it in the look that it was woken for leaves the line, and the next is woken.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._of: dict[Hashable, set[str]] = {}
        """In which lines somebody is."""

    def __len__(self) -> int:
        """How many have to do with any: holders, and those who wait."""
        return len(self._of)

    def holders(self, what: str) -> frozenset[Hashable]:
        """Tell who has a place."""
        line = self._lines.get(what)
        return frozenset(line.holders if line else ())

    def reserve(self, what: str, most: int, who: Hashable, wake: Wake) -> bool:
        """See `World.reserve`."""
        self._of.setdefault(who, set()).add(what)
        return self._lines.setdefault(what, _Line()).take(who, most, wake)

    def release(self, what: str, who: Hashable) -> None:
        """See `World.release`. Who only waits goes on to wait."""
        if what in self._of.get(who, ()) and who not in self._lines[what].waiting:
            self._leave(what, who)

    def looked(self, who: Hashable, *, again: bool = False) -> None:
        """Take note that a look has ended: who waits, and did not ask in it, waits no longer.

        Unless it failed, and there will be another in a moment (`again`).
        """
        for what in list(self._of.get(who, ())):
            line = self._lines[what]
            waiting = line.waiting.get(who)
            if who in line.holders or again or (waiting and waiting.asks):
                if waiting:
                    waiting.asks = False
            else:
                self._leave(what, who)

    def put_off(self, who: Hashable) -> None:
        """Take its places from somebody who cannot go on just now. It is first in line when it comes back."""
        for what in list(self._of.get(who, ())):
            line = self._lines[what]
            comes_back = who in line.holders or who in line.put_off
            line.leave(who)
            if comes_back:
                line.put_off.add(who)
                line.call()
            else:
                self._leave(what, who)

    def forget(self, who: Hashable) -> None:
        """Take all places from somebody, and have it wait for none."""
        for what in list(self._of.get(who, ())):
            self._leave(what, who)

    def clear(self) -> None:
        """Begin anew, with all places free."""
        self._lines.clear()
        self._of.clear()

    def _leave(self, what: str, who: Hashable) -> None:
        line = self._lines[what]
        line.leave(who)
        line.call()
        if not line.holders and not line.waiting and not line.put_off:
            del self._lines[what]
        names = self._of[who]
        names.discard(what)
        if not names:
            del self._of[who]
