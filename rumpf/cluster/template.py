"""The etcd data that a new cluster starts from: an API server's bootstrap, done once and kept.

An API server on an empty etcd writes some 400 objects before RBAC works. A cluster that starts from
a copy of what another wrote has its roles, DNS and storage class the moment it answers. No secret is
in it: certificates and keys are of each cluster's own, and Secrets none.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from rumpf.cluster import control
from rumpf.cluster.bootstrap import bootstrap_objects
from rumpf.cluster.layout import Layout
from rumpf.cluster.ports import free_port
from rumpf.cluster.session import Session, Taken
from rumpf.cluster.setup import Setup
from rumpf.cluster.sparse import copy_sparse
from rumpf.console import Console
from rumpf.errors import ClusterError, ClusterExists, StartTimeout
from rumpf.paths import cluster_dir, templates_dir

_PATIENCE = 60.0
_FORMAT = 1
_CONFLICT = 409


def template_for(kubernetes: str, binaries: Mapping[str, str], console: Console) -> Path:
    """The folder of etcd data for these binaries; made now where there is none yet."""
    key = _key(kubernetes, binaries)
    target = templates_dir() / key
    deadline = time.monotonic() + _PATIENCE
    while not target.exists():
        try:
            console.say(f"preparing the state that every Kubernetes {kubernetes} cluster starts from (once)")
            _make(target, f"template-{key}", binaries)
        except ClusterExists:
            # Somebody else makes it just now.
            time.sleep(0.2)
        except Taken:
            console.say("the port chosen was taken meanwhile; choosing another")
        if time.monotonic() > deadline:
            raise StartTimeout(
                f"the state that clusters start from was not made within {_PATIENCE:.0f} s",
                remedy="try again; rumpf cluster down --all removes what another left behind",
            )
    return target


def _key(kubernetes: str, binaries: Mapping[str, str]) -> str:
    parts = [_FORMAT, kubernetes, bootstrap_objects()]
    for name in ("etcd", "kube-apiserver"):
        stat = Path(binaries[name]).stat()
        parts.append((name, stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _make(target: Path, name: str, binaries: Mapping[str, str]) -> None:
    folder = cluster_dir(name)
    layout = Layout.hosted(folder, free_port())
    setup = Setup.hosted(folder, binaries, template=None, record={"name": name})
    with Session(setup) as session:
        from rumpf.cluster.blueprint import bare_control_plane
        from rumpf.cluster.client import ApiClient

        made = bare_control_plane(name, layout, binaries)
        session.carry_out(made.plan)
        client = ApiClient(made.admin)
        deadline = time.monotonic() + _PATIENCE
        while client.status("/readyz") != 200:  # noqa: PLR2004 - OK
            session.check(0.02)
            if time.monotonic() > deadline:
                raise StartTimeout(
                    f"its API server is not ready within {_PATIENCE:.0f} s",
                    remedy="is the machine very busy? try again",
                    where=name,
                )
        for collection, body in bootstrap_objects():
            status, answer = client.request("POST", collection, body)
            if status >= 300 and status != _CONFLICT:  # noqa: PLR2004 - not a success
                raise ClusterError(
                    f"the API server refuses {collection}: {answer.get('message')}",
                    remedy="this is a fault of rumpf: please report it",
                    where=name,
                )
        client.close()
        for component in ("kube-apiserver", "etcd"):
            control.ask(folder, {"do": "hold", "component": component})
        _keep(folder / "etcd", target)


def _keep(data: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    copy_sparse(data, unfinished)
    try:
        unfinished.rename(target)
    except OSError:
        shutil.rmtree(unfinished)
        if not target.exists():
            raise
