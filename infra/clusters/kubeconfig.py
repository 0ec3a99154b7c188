"""A person's kubeconfig as one text that means the same wherever it is read."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from infra.settings import key
from rumpf.errors import UsageError
from rumpf.manifests.reading import part, parts

_FILES = {
    "cluster": ("certificate-authority",),
    "context": (),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
"""What names a file, in each of the lists that a kubeconfig has."""


@dataclass(frozen=True)
class Kubeconfig:
    """A kubeconfig in one piece."""

    content: Mapping[str, Any]

    @property
    def text(self) -> str:
        """It as text, the same for the same content."""
        return json.dumps(self.content)

    @property
    def current(self) -> str:
        """Its current context; empty if it has none."""
        return str(self.content.get("current-context") or "")

    @property
    def contexts(self) -> list[str]:
        """The names of its contexts."""
        return [str(each.get("name")) for each in parts(self.content, "contexts")]

    def only(self, context: str) -> "Kubeconfig":
        """Return one context, with its cluster and its user, and nothing that reaches any other cluster.

        Raises UsageError if there is none of this name.
        """
        chosen = _named(self.content, "context", context)[:1]
        if not chosen:
            there = ", ".join(self.contexts) or "none"
            raise UsageError(
                f"the kubeconfig has no context {context}",
                where=key("context"),
                remedy=f"pulumi config set {key('context')} NAME; there is {there}",
            )
        names = part(chosen[0], "context")
        return Kubeconfig(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": context,
                "clusters": _named(self.content, "cluster", names.get("cluster")),
                "contexts": chosen,
                "users": _named(self.content, "user", names.get("user")),
            }
        )


def usual() -> Kubeconfig | None:
    """Return what kubectl would read: the files of KUBECONFIG, or ~/.kube/config. None if there are none."""
    places = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
    found = [Path(place).expanduser() for place in places.split(os.pathsep) if place]
    there = [path for path in found if path.is_file()]
    return merged(there) if there else None


def merged(paths: Iterable[Path]) -> Kubeconfig:
    """Return files as one: what stands first wins, as for kubectl. Raises UsageError for one that is none."""
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": ""}
    for path in paths:
        read = _read(path)
        config["current-context"] = config["current-context"] or read.get("current-context") or ""
        for what in _FILES:
            known: list[Mapping[str, Any]] = config.setdefault(f"{what}s", [])
            names = {each.get("name") for each in known}
            new = [each for each in parts(read, f"{what}s") if each.get("name") not in names]
            known += [_anywhere(each, what, path.absolute().parent) for each in new]
    return Kubeconfig(config)


def _named(config: Mapping[str, Any], what: str, name: object) -> list[Mapping[str, Any]]:
    """Return the entry of a name as a list of one; an empty one if there is none."""
    return [each for each in parts(config, f"{what}s") if each.get("name") == name]


def _anywhere(entry: Mapping[str, Any], what: str, folder: Path) -> Mapping[str, Any]:
    """Return an entry that names files by their whole paths; in a kubeconfig they begin where it is."""
    found = dict(part(entry, what))
    for field in _FILES[what]:
        if found.get(field):
            found[field] = str(folder / str(found[field]))
    command = str(part(found, "exec").get("command", ""))
    if os.sep in command:
        found["exec"] = {**part(found, "exec"), "command": str(folder / command)}
    return {**entry, what: found}


def _read(path: Path) -> Mapping[str, Any]:
    where = f"{key('kubeconfig')}: {path.absolute()}"
    remedy = f"pulumi config set {key('kubeconfig')} FILE, or leave it out for the usual one"
    try:
        read: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", where=where, remedy=remedy) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError("it is no YAML", where=where, remedy=remedy) from error
    if not isinstance(read, dict):
        raise UsageError("it is no kubeconfig", where=where, remedy=remedy)
    return cast("Mapping[str, Any]", read)
