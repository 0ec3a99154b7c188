"""What whoever started the process says by its environment: where to watch, who we are, what to serve."""

import os
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rumpf.errors import UsageError
from rumpf.operator import Operator
from rumpf.rights import EVERYWHERE, Grant

_DOWNWARD = Path("/etc/podinfo/annotations")
"""Where a Deployment of OLM's may mount its annotations."""
_TARGETS = re.compile(r'^olm\.targetNamespaces="(.*)"$', re.MULTILINE)

_HIGHEST_PORT = 65535
_IN_A_POD = "0.0.0.0:8080"
"""Where the kubelet and Prometheus look for us."""


@dataclass(frozen=True)
class Environment:
    """The choices of whoever runs an operator."""

    settings: Mapping[str, str]
    namespaces: tuple[str, ...] = ()
    """The namespaces that are watched; none stands for all."""
    home: str = ""
    """The operator's own namespace; empty outside of a cluster."""
    identity: str = ""
    elects: bool = False
    """Whether a leader is elected among the replicas."""
    http: tuple[str, int] | None = None
    """Where metrics and probes are served; None where nobody asked for them."""
    grants: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Where each grant is given: `("*",)` in all namespaces, else in those that are named."""

    @classmethod
    def of(cls, operator: Operator, variables: Mapping[str, str] = os.environ) -> "Environment":
        """Read it, and refuse what makes no sense."""
        home = variables.get("POD_NAMESPACE", "")
        elects = _flag(variables, "RUMPF_LEADER_ELECTION", default=bool(home))
        if elects and not home:
            raise UsageError(
                "a leader cannot be elected: there is no namespace for the Lease",
                where="RUMPF_LEADER_ELECTION",
                remedy="set POD_NAMESPACE too",
            )
        watched = namespaces(variables)
        return cls(
            settings=_settings(operator, variables),
            namespaces=watched,
            home=home,
            # Two processes of one host or Pod are two candidates.
            identity=f"{variables.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}",
            elects=elects,
            http=_address(variables.get("RUMPF_HTTP", _IN_A_POD if home else "")),
            grants={each.name: _places(each, variables, watched) for each in operator.grants},
        )


def namespaces(variables: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Tell which namespaces are watched; none stands for all."""
    named = variables.get("WATCH_NAMESPACE", "")
    if not named and _DOWNWARD.exists():
        found = _TARGETS.search(_DOWNWARD.read_text())
        named = found.group(1) if found else ""
    return _listed(named)


def _settings(operator: Operator, variables: Mapping[str, str]) -> dict[str, str]:
    found = {each.name: variables.get(each.name) or each.default for each in operator.settings}
    for each in operator.settings:
        each.check(found[each.name])
    return found


def _places(grant: Grant, variables: Mapping[str, str], watched: tuple[str, ...]) -> tuple[str, ...]:
    """Tell where a grant is given. Where nothing is watched it is of no use, whatever is said."""
    said = variables.get(grant.variable)
    given = set(grant.places if said is None else _listed(said))
    if given.issuperset(EVERYWHERE):
        return watched or EVERYWHERE
    return tuple(sorted(given.intersection(watched) if watched else given))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))


def _flag(variables: Mapping[str, str], name: str, *, default: bool) -> bool:
    match variables.get(name, "").lower():
        case "":
            return default
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case other:
            raise UsageError(f"{other!r} is neither yes nor no", where=name, remedy="set it to 1 or 0")


def _address(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise UsageError(
            f"{text!r} is no address", where="RUMPF_HTTP", remedy="write host:port, as 0.0.0.0:8080"
        )
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - asked for by leaving it out
