"""From what a person asked for to the plan of a cluster: which components, which files, whose credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from rumpf.cluster.containerd import load_image
from rumpf.cluster.controlplane import Credentials, api_server, audit_files, controllers, etcd, scheduler
from rumpf.cluster.fake import fake_component, fake_files
from rumpf.cluster.layout import Layout
from rumpf.cluster.node import node_components, node_files
from rumpf.cluster.plan import File, Plan
from rumpf.cluster.spec import ClusterSpec
from rumpf.cluster.storage import volumes_component, volumes_file


@dataclass(frozen=True)
class Blueprint:
    """A plan, and the kubeconfig of whoever asked for it."""

    plan: Plan
    admin: str


def blueprint(
    spec: ClusterSpec,
    layout: Layout,
    binaries: Mapping[str, str],
    *,
    sandbox: str = "",
    snapshotter: str = "",
) -> Blueprint:
    """Decide what a cluster consists of; its keys and certificates are made here, and nowhere kept.

    For a real node: `sandbox` is the path of the image archive that Pods start from, `snapshotter`
    the way that containerd stacks layers on this machine.
    """
    seen = {name: layout.path("bin", name) for name in binaries} if layout.link else binaries
    credentials = Credentials(spec.name, layout)
    admin = credentials.admin()
    files = [File("kubeconfig", admin), *credentials.files(), *(audit_files() if spec.audit else ())]
    components = [
        etcd(seen),
        api_server(seen, layout, audit=spec.audit, trust_new_nodes=spec.nodes == "fake"),
        controllers(seen, layout),
        scheduler(seen, layout),
    ]
    prepare: tuple[tuple[str, ...], ...] = ()
    if layout.link:
        files += node_files(credentials, layout, snapshotter)
        components += node_components(seen, layout)
        prepare = (load_image(seen, sandbox),)
    elif spec.nodes == "fake":
        files += fake_files(credentials)
        components.append(fake_component(seen, layout))
    if spec.nodes != "none":
        files.append(volumes_file(credentials))
        components.append(volumes_component(layout))
    return Blueprint(Plan(tuple(files), tuple(components), prepare), admin)


def bare_control_plane(name: str, layout: Layout, binaries: Mapping[str, str]) -> Blueprint:
    """An API server and its etcd alone."""
    credentials = Credentials(name, layout)
    plan = Plan(credentials.files(), (etcd(binaries), api_server(binaries, layout)))
    return Blueprint(plan, credentials.admin())
