"""What an operator asked the API server for, from the audit log."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import orjson

from loads.place import OPERATOR

_READS = {"list", "watch"}


@dataclass(frozen=True)
class Audit:
    """The log from one moment on."""

    log: Path
    begin: int

    @classmethod
    def now(cls, log: Path) -> "Audit":
        """Count from now on."""
        return cls(log, log.stat().st_size)

    def requests(self) -> Counter[str]:
        """Return how often it asked for what; a watch counts when it begins. Its Lease is left out."""
        found: Counter[str] = Counter()
        with self.log.open("rb") as stream:
            stream.seek(self.begin)
            stream.readline()  # it may have been half written when counting began
            for line in stream:
                entry = orjson.loads(line)
                about = entry.get("objectRef")
                begins = entry["stage"] == (
                    "ResponseStarted" if entry["verb"] == "watch" else "ResponseComplete"
                )
                if entry["user"]["username"] != OPERATOR or not begins or not about:
                    continue
                if about["resource"] == "leases":
                    continue
                what = "/".join(filter(None, (about["resource"], about.get("subresource"))))
                found[f"{entry['verb']} {what}"] += 1
        return found


def about_objects(requests: Counter[str]) -> int:
    """Return how many of them were about single objects."""
    return sum(count for what, count in requests.items() if what.split()[0] not in _READS)
