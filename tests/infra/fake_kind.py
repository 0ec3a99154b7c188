"""A `kind` that keeps its clusters in a folder: it answers as the real one does, word for word."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """#!{python}
import json, os, pathlib, sys

state = pathlib.Path({state!r})
words = sys.argv[1:]
given = sys.stdin.read() if "-" in words else ""
with (state / "calls").open("a") as calls:
    calls.write(json.dumps([words, given]) + "\\n")


def option(name, default="kind"):
    return words[words.index(name) + 1] if name in words else default


def fail(text):
    print("ERROR: " + text, file=sys.stderr)
    sys.exit(1)


clusters = state / "clusters"
folder = clusters / option("--name")
nodes = sorted((folder / "nodes").read_text().split()) if folder.exists() else []
match words[:2]:
    case ["get", "clusters"]:
        names = sorted(each.name for each in clusters.iterdir())
        print("\\n".join(names)) if names else print("No kind clusters found.", file=sys.stderr)
    case ["get", "nodes"]:
        print("\\n".join(nodes)) if nodes else print("No kind nodes found for cluster", file=sys.stderr)
    case ["get", "kubeconfig"]:
        if not nodes:
            fail(f"could not locate any control plane nodes for cluster named '{{folder.name}}'")
        real = state / "kubeconfig"
        print(real.read_text() if real.exists() else f"server: {{(folder / 'port').read_text()}}")
    case ["create", "cluster"]:
        if folder.exists():
            there = "node(s) already exist for a cluster with the name"
            fail(f'failed to create cluster: {{there}} "{{folder.name}}"')
        if (state / "broken").exists():
            fail("failed to create cluster: running kind with rootless provider requires cgroup v2")
        folder.mkdir()
        roles = [each["role"] for each in json.loads(given)["nodes"]]
        names = [f"{{folder.name}}-{{role}}{{n}}" for n, role in enumerate(roles)]
        (folder / "nodes").write_text("\\n".join(names))
        (folder / "port").write_text("https://127.0.0.1:6443")
        (folder / "images").write_text("")
        pathlib.Path(option("--kubeconfig")).write_text("written")
    case ["delete", "cluster"]:
        for each in folder.iterdir() if folder.exists() else ():
            each.unlink()
        folder.rmdir() if folder.exists() else None
        print(f"Deleted nodes: {{json.dumps(nodes)}}", file=sys.stderr)
    case ["load", "image-archive"]:
        if not nodes:
            fail(f'no nodes found for cluster "{{folder.name}}"')
        with (folder / "images").open("a") as images:
            images.write(words[2] + "\\n")
    case _:
        fail(f"unknown command {{words}}")
"""


@dataclass(frozen=True)
class FakeKind:
    """The state of the fake."""

    state: Path

    @classmethod
    def on_path(cls, folder: Path) -> "FakeKind":
        """Write one into folder/bin, which is to come first on PATH."""
        state = folder / "state"
        (state / "clusters").mkdir(parents=True)
        program = folder / "bin" / "kind"
        program.parent.mkdir()
        program.write_text(_SCRIPT.format(python=sys.executable, state=os.fspath(state)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return cls(state)

    @property
    def bin(self) -> Path:
        """The folder that it is in."""
        return self.state.parent / "bin"

    @property
    def clusters(self) -> list[str]:
        """The clusters that there are."""
        return sorted(each.name for each in (self.state / "clusters").iterdir())

    def nodes(self, name: str) -> list[str]:
        """Return the nodes of a cluster."""
        return (self.state / "clusters" / name / "nodes").read_text().split()

    def images(self, name: str) -> list[str]:
        """Return the archives that were loaded into a cluster."""
        return (self.state / "clusters" / name / "images").read_text().split()

    def restart(self, name: str) -> None:
        """Give a cluster's API server another port, as a container that is started anew has."""
        (self.state / "clusters" / name / "port").write_text("https://127.0.0.1:7443")

    def remove(self, name: str) -> None:
        """Delete a cluster behind everybody's back."""
        for each in (self.state / "clusters" / name).iterdir():
            each.unlink()
        (self.state / "clusters" / name).rmdir()

    def stands_for(self, kubeconfig: Path) -> None:
        """Say that its clusters are reached by a kubeconfig of another cluster."""
        (self.state / "kubeconfig").write_text(kubeconfig.read_text())

    def break_down(self) -> None:
        """Let no cluster come up any more."""
        (self.state / "broken").touch()

    @property
    def calls(self) -> str:
        """What it was asked so far."""
        calls = self.state / "calls"
        return calls.read_text() if calls.exists() else ""
