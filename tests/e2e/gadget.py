"""A project of its own, with an operator that works on any nodes: a Gadget has a ConfigMap."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rumpf.cluster.environment import direct
from rumpf.testing import Kubectl

GADGET = '''
"""Gadget: a ConfigMap with a word in it."""

from rumpf import ConfigMap, Manifest, Model, Operator, Resource, Setting, Status, World, reconciler


class GadgetSpec(Model):
    """What is wanted."""

    word: str = "hello"
    """The word."""


class Gadget(Resource, group="gadgets.test", version="v1", plural="gadgets"):
    """A word in a ConfigMap."""

    spec: GadgetSpec = GadgetSpec()
    status: Status = Status()


def desired(gadget: Gadget) -> Manifest:
    """Return its ConfigMap."""
    return {"metadata": {"name": f"gadget-{gadget.name}"}, "data": {"word": gadget.spec.word}}


@reconciler(Gadget, owns=[ConfigMap]FINALIZE)
async def reconcile(gadget: Gadget, world: World) -> Status:
    """Have the ConfigMap."""
    await world.ensure(ConfigMap, desired(gadget))
    return Status().ready("Written", f"{world.settings['GADGET_MOOD']} {gadget.spec.word}")


operator = Operator(
    "gadget",
    reconcile,
    description="Writes words into ConfigMaps.",
    settings=[Setting("GADGET_MOOD", "calm", "What comes before the word.")],
    samples=[
        {
            "apiVersion": "gadgets.test/v1",
            "kind": "Gadget",
            "metadata": {"name": "sample"},
            "spec": {"word": "sample"},
        }
    ],
)
'''
HOSTED = '''
"""Gadget, hosted."""

from operators.gadget.operator import operator
from rumpf.runtime import host

__all__ = ["operator"]

host(operator)
'''
_PATIENCE = 120
Object = dict[str, Any]


@dataclass(frozen=True)
class Project:
    """A folder with operators, and the `rumpf` command in it, on one cluster."""

    root: Path
    kubeconfig: Path

    def write(self, source: str = GADGET, *, finalize: str = "") -> None:
        """Write the operator's declaration; `finalize` is an argument of its reconciler."""
        folder = self.root / "operators/gadget"
        folder.mkdir(parents=True, exist_ok=True)
        (self.root / "operators/__init__.py").touch()
        (folder / "__init__.py").write_text(HOSTED)
        (folder / "operator.py").write_text(source.replace("FINALIZE", finalize))

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the command."""
        found = {**direct(), "KUBECONFIG": str(self.kubeconfig), "PYTHONWARNINGS": "error", **more}
        repository = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (repository, os.environ.get("PYTHONPATH"))))
        return {**found, "PYTHONPATH": path, "COLUMNS": "200"}

    def command(self, *arguments: str) -> list[str]:
        """Return the command, for a process of one's own."""
        return [sys.executable, "-m", "rumpf", *arguments]

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**(environment or {})),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    def __call__(self, *arguments: str) -> str:
        """Run it, and return what it said; fail the test where it fails."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Run it with `--output json`, and return what it found."""
        done = self.run(*arguments, "--output=json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def everything(kubectl: Kubectl) -> set[str]:
    """Return all objects of a cluster that do not come and go by themselves."""
    kinds = (
        "namespaces,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,services,"
        "networkpolicies,poddisruptionbudgets,deployments,replicasets,pods,configmaps,secrets,leases,crds"
    )
    found = json.loads(kubectl("get", kinds, "--all-namespaces", "--output=json"))["items"]
    return {
        f"{each['kind']} {each['metadata'].get('namespace', '')}/{each['metadata']['name']}"
        for each in found
        if "deletionTimestamp" not in each["metadata"]
    }


def versions(kubectl: Kubectl, kinds: str, label: str) -> dict[str, str]:
    """Return the resourceVersions of all objects with a label."""
    found = json.loads(kubectl("get", kinds, "--all-namespaces", f"--selector={label}", "--output=json"))
    return {
        f"{each['kind']} {each['metadata']['name']}": each["metadata"]["resourceVersion"]
        for each in found["items"]
    }
