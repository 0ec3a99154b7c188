"""Stacks run without an engine: what the program registers is written down, and nothing is made."""

import asyncio
import contextvars
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack

from infra.program import program
from rumpf.objects import Manifest

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
KUBERNETES = "kubernetes:"


@dataclass(frozen=True)
class Registered:
    """A resource, as the engine was asked for it."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    provider: str
    needs: frozenset[str]
    """The URNs of what must be there first."""
    ignore_changes: tuple[str, ...]
    retained: bool
    protected: bool
    deleted_with: str
    secret_outputs: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        """What is applied of it, if it is an object of Kubernetes."""
        return self.inputs


@dataclass
class Graph:
    """All that a stack registered, in order, and what it exported."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def of_type(self, type_: str) -> list[Registered]:
        """Return the resources of a type."""
        return [each for each in self.resources if each.type == type_]

    def one(self, type_: str, name: str | None = None) -> Registered:
        """Return the only resource of a type, or of a type and a name."""
        found = [each for each in self.of_type(type_) if name in (None, each.name)]
        assert len(found) == 1, f"{type_} {name}: {[each.name for each in found]}"
        return found[0]

    @property
    def objects(self) -> list[Registered]:
        """Return the objects of Kubernetes."""
        return [each for each in self.resources if each.type.startswith(KUBERNETES)]

    def needs(self, resource: Registered) -> set[str]:
        """Return all that must be there before a resource, over any number of steps, with its parents'."""
        known = {each.urn: each for each in self.resources}
        found: set[str] = set()
        left = [resource.urn]
        while left:
            each = known.get(left.pop())
            if each is not None:
                more = {*each.needs, each.parent, each.provider.rpartition("::")[0]} - found
                found |= more
                left += more
        return found


class _Mocks(mocks.Mocks):
    """Answers like providers: what was asked for, and what only they know."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        known: dict[str, dict[str, object]] = {
            "gcp:container/cluster:Cluster": {
                "endpoint": "203.0.113.1",
                "selfLink": "https://container.example/rumpf",
                "masterAuth": {"clusterCaCertificate": "Y2E="},
            },
            "gcp:serviceaccount/account:Account": {"email": "rumpf-nodes@somewhere.example"},
            "gcp:artifactregistry/repository:Repository": {"name": args.inputs.get("repositoryId")},
            "pulumi-python:dynamic/rumpf:KindCluster": {"kubeconfig": "{}", "identity": "first"},
        }
        return f"{args.name}-id", {**args.inputs, **known.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(f"nothing is to be looked up: {args.token}")


class _Monitor(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Mocks())
        self.graph = Graph()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802, ANN401 - as gRPC has it
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            inputs = rpc.deserialize_properties(request.object)
            self.graph.resources.append(
                Registered(
                    answer.urn,
                    request.type,
                    request.name,
                    inputs,
                    request.parent,
                    request.provider,
                    frozenset(request.dependencies),
                    tuple(request.ignoreChanges),
                    request.retainOnDelete,
                    request.protect,
                    request.deletedWith,
                    tuple(request.additionalSecretOutputs),
                )
            )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802, ANN401 - as gRPC has it
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            outputs = rpc.deserialize_properties(request.outputs)
            self.graph.secrets = {key for key, value in outputs.items() if rpc.is_rpc_secret(value)}
            self.graph.outputs = {key: rpc.unwrap_rpc_secret(value) for key, value in outputs.items()}
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def run(
    stack: str = "existing",
    config: Mapping[str, object] | None = None,
    *,
    preview: bool = False,
    what: Callable[[], object] = program,
    seen: list[str] | None = None,
) -> Graph:
    """Run the program with the config of a stack and more, and return what it registered.

    Config that is None is taken out of what the stack's file says. `seen` gets the names of what was
    registered also where the program fails.
    """
    values = {
        key: value for key, value in (config_of(stack) | dict(config or {})).items() if value is not None
    }
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    monitor = _Monitor()
    loops: list[asyncio.AbstractEventLoop] = []

    def new_loop() -> asyncio.AbstractEventLoop:
        # The mocks want one in each thread, and would leave those that they make open.
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])
        return loops[-1]

    def inside() -> None:
        loop = new_loop()
        loop.set_default_executor(ThreadPoolExecutor(initializer=new_loop))
        mocks.set_mocks(_Mocks(), project="rumpf", stack=stack, preview=preview, monitor=monitor)
        # The mocks come with a stack that is finished; the program's own is to be the one that exports.
        set_root_resource(None)  # type: ignore[arg-type]
        pulumi.runtime.set_all_config(texts)
        try:
            loop.run_until_complete(run_in_stack(lambda: _nothing(what())))
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            (seen if seen is not None else []).extend(each.name for each in monitor.graph.resources)
            asyncio.set_event_loop(None)
            for each in loops:
                each.close()

    # What the program registers must not depend on who runs the tests.
    with patch.dict(os.environ, {"KUBECONFIG": os.devnull}):
        contextvars.Context().run(inside)
    return monitor.graph


def _nothing(_: object) -> None:
    """Return nothing: what the program returned is of no interest."""


def config_of(stack: str) -> dict[str, Any]:
    """Return the config of a stack as the engine gives it: its file's, and the defaults of Pulumi.yaml."""
    declared = yaml.safe_load((INFRA / "Pulumi.yaml").read_text())["config"]
    defaults = {f"rumpf:{key}": each["default"] for key, each in declared.items() if "default" in each}
    chosen = yaml.safe_load((INFRA / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {**defaults, **chosen}


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what went over the wire, where all numbers are floats, as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
