"""How long to wait before the next try: longer each time, never twice the same."""

import random


class Pauses:
    """Growing pauses, from the shortest to the longest, each off by up to a fifth."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._tries = 0
        self.last = 0.0
        """How long the last one was."""

    def next(self, asked_for: float | None = None) -> float:
        """Return the next pause; at least as long as the server asked for, if that is not out of reason."""
        pause = min(self._shortest * 2.0 ** min(self._tries, 30), self._longest)
        self._tries += 1
        pause = max(pause, min(asked_for or 0.0, self._longest))
        self.last = pause * random.uniform(0.8, 1.2)  # noqa: S311 - so that not all come at once
        return self.last

    @property
    def tries(self) -> int:
        """How many pauses there were since the last reset."""
        return self._tries

    def reset(self) -> None:
        """Begin with the shortest again."""
        self._tries = 0
