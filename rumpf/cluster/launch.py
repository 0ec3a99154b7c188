"""Bring a cluster up: decide what runs, start its guard, and follow it until it is ready.

The certificates and the plan are made here, in memory, while the guard makes the cluster's world.
"""

import errno
import json
import os
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rumpf.cluster import control, ownership
from rumpf.cluster.assets import CONTROL_PLANE, FAKE_NODE, REAL_NODE, Assets
from rumpf.cluster.fake import fake_nodes
from rumpf.cluster.handle import Cluster, from_record, sweep
from rumpf.cluster.layout import INSIDE, LINK_COUNT, Layout, Link
from rumpf.cluster.machine import check_machine, check_real_node, snapshotter
from rumpf.cluster.ports import free_port
from rumpf.cluster.process import PASSING
from rumpf.cluster.remains import RECORD
from rumpf.cluster.session import Session, Taken, refused
from rumpf.cluster.setup import Setup
from rumpf.cluster.spec import ClusterSpec
from rumpf.cluster.template import template_for
from rumpf.console import Console, Silent
from rumpf.errors import ClusterError, ClusterExists, Interrupted, StartTimeout, UsageError
from rumpf.paths import cluster_dir, images_dir

if TYPE_CHECKING:
    from rumpf.cluster.client import ApiClient

_PATIENCE = 90.0
_POLL = 0.01
_ATTEMPTS = 5
_OK, _CREATED, _CONFLICT = 200, 201, 409
_HANDS = 8
_A_WHILE = 0.5
_OF_FILES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))
"""What is the disk's, also where no file is named."""


def up(spec: ClusterSpec, *, console: Console | None = None, stay: bool = False) -> Cluster:
    """Bring a cluster up and return it once it is ready.

    It ends with this process, unless `stay`: then it is up until `down`.
    """
    try:
        return _up(spec, console or Silent(), stay=stay)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted; what had started was taken down", remedy="run it again", where=spec.name
        ) from None
    except OSError as error:
        raise _in_words(error, spec.name) from error


def _in_words(error: OSError, name: str) -> ClusterError:
    if error.errno in _OF_FILES or (error.filename and error.errno not in PASSING):
        return refused(error, name)
    if error.errno in PASSING:
        remedy = "it has too little of something (processes, open files, memory): see `ulimit -a`, try again"
    else:
        remedy = "try again; if it stays so, report it"
    reason = error.strerror or str(error) or type(error).__name__
    return ClusterError(f"bringing it up broke off: {reason}", remedy=remedy, where=name)


def _up(spec: ClusterSpec, console: Console, *, stay: bool) -> Cluster:
    check_machine()
    folder = cluster_dir(spec.name)
    if spec.nodes == "real":
        check_real_node()
        _check_place(folder)
    if ownership.is_taken(folder):
        raise ClusterExists(
            "a cluster of this name is up already",
            remedy=f"rumpf cluster down --name {spec.name}, or choose another --name",
            where=spec.name,
        )
    if sweep(folder):
        console.say(f"removed what a dead cluster named {spec.name} had left")
    assets = Assets(kubernetes=spec.kubernetes, console=console)
    wanted = CONTROL_PLANE | {"real": REAL_NODE, "fake": FAKE_NODE, "none": frozenset[str]()}[spec.nodes]
    binaries = {name: str(path) for name, path in assets.ensure(wanted).items()}
    if spec.nodes == "real":
        for binary in binaries.values():
            _check_place(Path(binary).parent)
    tools = str(assets.tools()) if spec.nodes == "real" else ""
    launch = _Launch(spec, binaries, tools, template_for(spec.kubernetes, binaries, console), console)
    for _ in range(_ATTEMPTS):
        try:
            return launch.attempt(stay=stay)
        except Taken:
            console.say("the network or port chosen was taken meanwhile; choosing another")
    raise ClusterError(
        f"{_ATTEMPTS} times in a row the network or port chosen was taken by somebody else",
        remedy="try again; rumpf cluster status shows what else is up",
        where=spec.name,
    )


def _check_place(folder: Path) -> None:
    """Refuse what lies where the world of a real node shows its own folder: one would hide the other."""
    if folder.resolve().is_relative_to(INSIDE):
        raise UsageError(
            f"a real node can use nothing below {INSIDE}: in its world that is the cluster's own folder",
            remedy="move it: RUMPF_CACHE names the cache, RUMPF_BIN binaries; or use --nodes fake",
            where=str(folder),
        )


@dataclass(frozen=True)
class _Launch:
    spec: ClusterSpec
    binaries: Mapping[str, str]
    tools: str
    template: Path
    console: Console

    def attempt(self, *, stay: bool) -> Cluster:
        begun = time.monotonic()
        folder = cluster_dir(self.spec.name)
        link = Link(_free_link()) if self.spec.nodes == "real" else None
        layout = Layout.inside(link) if link else Layout.hosted(folder, free_port())
        record = {
            "name": self.spec.name,
            "nodes": self.spec.nodes,
            "kubernetes": self.spec.kubernetes,
            "url": layout.api_url,
            "binaries": dict(self.binaries),
        }
        if link:
            setup = Setup.world(
                folder,
                link=link,
                binaries=self.binaries,
                tools=self.tools,
                template=self.template,
                record=record,
            )
        else:
            setup = Setup.hosted(folder, self.binaries, self.template, record)
        session = Session(setup)
        try:
            # Imported while the guard starts: certificates take 60 ms to learn.
            from rumpf.cluster.blueprint import blueprint

            node = {"sandbox": str(_sandbox_archive()), "snapshotter": snapshotter(folder)} if link else {}
            made = blueprint(self.spec, layout, self.binaries, **node)
            session.carry_out(made.plan)
            self._await_ready(session, made.admin, begun)
            cluster = from_record(json.loads((folder / RECORD).read_text()), session)
            session.settle()
            if stay:
                session.release()
        except BaseException:
            session.close()
            raise
        return cluster

    def _await_ready(self, session: Session, admin: str, begun: float) -> None:
        from rumpf.cluster.client import ApiClient

        client = ApiClient(admin)

        # Counting thousands of nodes is work: not to be done a hundred times a second.
        pause = max(_POLL, self.spec.count / 4000)

        def until(ready: Callable[[], bool], what: str) -> None:
            while not ready():
                session.check(pause)
                if time.monotonic() - begun > _PATIENCE:
                    raise StartTimeout(
                        f"{what} not ready after {_PATIENCE:.0f} s ({_states(self.spec.name)})",
                        remedy="is the machine very busy, or its disk full? --nodes none asks least of it",
                        where=self.spec.name,
                    )
            self.console.say(f"{what} ready after {time.monotonic() - begun:.1f} s")

        until(lambda: client.status("/readyz") > 0, "API server")
        session.reached("serving")
        until(lambda: client.status("/readyz") == _OK, "control plane")
        session.reached("ready")
        if self.spec.nodes == "fake":
            create_nodes(admin, self.spec.count)
        if self.spec.nodes != "none":
            wanted = self.spec.count
            until(lambda: ready_nodes(client) >= wanted, "node" if wanted == 1 else f"{wanted} nodes")
        client.close()
        # Nothing asks some of the components anything yet: one may die as often as it is started.
        while _struggling(self.spec.name):
            session.check(_POLL)


def create_nodes(kubeconfig: str, count: int) -> None:
    """Create the fake nodes, several at once: one after the other they would take 3 ms each."""
    from concurrent.futures import ThreadPoolExecutor
    from http.client import HTTPException

    from rumpf.cluster.client import ApiClient

    nodes = list(fake_nodes(count))

    def create(mine: Sequence[Mapping[str, object]]) -> None:
        client = ApiClient(kubeconfig)
        for node in mine:
            status, answer = client.request("POST", "/api/v1/nodes", node)
            if status not in (_CREATED, _CONFLICT):
                raise ClusterError(
                    f"the API server refuses a fake node: {answer.get('message')}",
                    remedy="this is a fault of rumpf: please report it",
                )
        client.close()

    hands = min(_HANDS, count)
    try:
        with ThreadPoolExecutor(hands) as pool:
            list(pool.map(create, (nodes[hand::hands] for hand in range(hands))))
    except (OSError, HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise StartTimeout(
            f"the API server stopped answering while its nodes were made: {reason}",
            remedy="is the machine very busy? Try again; fewer nodes (--count) ask less of it",
        ) from error


def ready_nodes(client: "ApiClient") -> int:
    """How many nodes are Ready and take Pods; 0 where the API server does not answer."""
    from http.client import HTTPException

    try:
        _, answer = client.request("GET", "/api/v1/nodes")
    except (OSError, HTTPException):
        return 0
    return sum(_takes_pods(node) for node in answer.get("items", ()))


def _takes_pods(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions", ())
    return not node["spec"].get("taints") and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def _struggling(name: str) -> bool:
    """Whether a component has died, and nobody can say yet whether it will live."""
    components = control.ask(cluster_dir(name), {"do": "status"})["components"]
    return any(each["restarts"] and each["age"] < _A_WHILE for each in components)


def _states(name: str) -> str:
    answer = control.ask(cluster_dir(name), {"do": "status"})
    return ", ".join(f"{each['name']} {each['state']}" for each in answer["components"])


def _free_link() -> int:
    # Not by /sys/class/net: in a container that may still be the one of another network.
    taken = {name for _, name in socket.if_nameindex()}
    while True:
        link = Link(random.randrange(LINK_COUNT))  # noqa: S311 - a number, not a secret
        if link.interface not in taken:
            return link.index


def _sandbox_archive() -> Path:
    """The image that every Pod's sandbox runs; written into the cache once."""
    from rumpf.image.pause import SANDBOX_IMAGE, sandbox_image

    target = images_dir() / f"{SANDBOX_IMAGE.replace('/', '-').replace(':', '-')}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        sandbox_image(unfinished)
        unfinished.replace(target)
    return target
