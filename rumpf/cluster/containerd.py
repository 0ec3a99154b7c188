"""The container runtime of a real node: where it listens, how it is set up, how images get into it."""

from collections.abc import Mapping
from pathlib import Path

from rumpf.cluster.layout import Layout

SOCKET = "/run/containerd/containerd.sock"


def load_image(binaries: Mapping[str, str], archive: Path | str) -> tuple[str, ...]:
    """The command that puts an image archive into the node."""
    return (
        binaries["ctr"],
        f"--address={SOCKET}",
        "--namespace=k8s.io",
        "images",
        "import",
        "--local",
        str(archive),
    )


def pull_image(binaries: Mapping[str, str], reference: str) -> tuple[str, ...]:
    """The command that fetches an image from its registry; the fetching is done by the command itself."""
    plain = ("--plain-http",) if reference.startswith(("localhost:", "127.0.0.1:")) else ()
    ctr = (binaries["ctr"], f"--address={SOCKET}", "--namespace=k8s.io")
    return (*ctr, "images", "pull", "--local", *plain, reference)


def containerd_config(layout: Layout, sandbox: str, snapshotter: str) -> str:
    """Its configuration.

    `sandbox` is the image that holds a Pod's namespaces, `snapshotter` what stacks the layers of images.
    """
    # restrict_oom_score_adj: root in a container may lack CAP_SYS_RESOURCE, and would not start a Pod.
    return f"""\
version = 3
root = "{layout.path("containerd")}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.blockfile",
]

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "{snapshotter}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{sandbox}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{layout.path("bin")}"]
conf_dir = "{layout.path("cni")}"

[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{layout.path("bin", "runc")}"
SystemdCgroup = false
"""
