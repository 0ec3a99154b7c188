"""What a cluster is made of: every binary, and how its upstream releases and builds it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from rumpf.cluster.assets.pins import pinned

CONTROL_PLANE = frozenset({"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"})
"""An API server that works, without a node."""

FAKE_NODE = frozenset({"kwok"})
"""Nodes that only pretend."""

CNI_PLUGINS = frozenset({"ptp", "loopback", "host-local", "portmap"})
"""The network plugins of a real node; all of them lie in one folder."""

REAL_NODE = CNI_PLUGINS | {
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "coredns",
}
"""A node that runs Pods."""

SAMPLE_IMAGE = frozenset({"busybox"})
"""What the tiny sample image is made of. Not every machine can have it."""

EVERYTHING = CONTROL_PLANE | FAKE_NODE | REAL_NODE | SAMPLE_IMAGE


@dataclass(frozen=True, slots=True)
class Platform:
    """The machine that binaries are for, in Go's words."""

    os: str
    arch: str

    def __str__(self) -> str:
        return f"{self.os}/{self.arch}"


def this_platform() -> Platform:
    """The machine this runs on."""
    machine = os.uname().machine
    return Platform(sys.platform, {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine))


@dataclass(frozen=True, slots=True)
class Release:
    """A file that upstream publishes, and what it must be."""

    url: str
    sha256: str
    member: str | None
    """Where the binary is in the archive; None where the file is the binary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A project that binaries come from. In the templates: {version}, {os}, {arch}, {name} of the binary."""

    name: str
    packages: Mapping[str, str]
    """The Go package of each binary. Empty: it is not a Go project."""
    url: str = ""
    member: str | None = None
    minimum: str
    """The oldest version that is taken from PATH."""
    skew: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many minor versions a binary found on PATH may be away from ours, for those where it matters."""
    together: bool = False
    """Its binaries fit only each other: taken from PATH when one folder has them all."""
    ask: tuple[str, ...] = ("--version",)
    ask_instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The arguments that make a binary tell its version, where `ask` does not."""
    must_say: str = ""
    """What it must tell besides: something it has to be built with."""
    static: bool = False
    """It goes into images that have no libraries."""
    stamp: str = ""
    """Linker flags that tell a build its {version}, {major} and {minor}."""
    tags: str = ""
    cgo: bool = False
    size: int = 500
    """About how many Go packages a build from nothing compiles."""

    @property
    def version(self) -> str:
        """The version that is downloaded or built; empty where the machine's distribution decides."""
        return pinned()[self.name].version if self.packages else ""

    @property
    def binaries(self) -> tuple[str, ...]:
        """What comes from here."""
        return tuple(self.packages) or (self.name,)

    def release(self, binary: str, machine: Platform) -> Release | None:
        """The release file that has `binary` in it; None where no checksum of one is known."""
        if not self.url:
            return None

        def filled(template: str) -> str:
            return template.format(name=binary, version=self.version, os=machine.os, arch=machine.arch)

        url = filled(self.url)
        sha256 = pinned()[self.name].files.get(str(machine), {}).get(url.rpartition("/")[2])
        return Release(url, sha256, filled(self.member) if self.member else None) if sha256 else None

    def asks(self, binary: str) -> tuple[str, ...]:
        """The arguments that make `binary` tell its version."""
        return self.ask_instead.get(binary, self.ask)

    def folder(self, machine: Platform) -> str:
        """The name of the cache folder its binaries lie in."""
        version = self.version or "distribution"
        return f"{self.name.partition('-')[0]}-{version}-{machine.os}-{machine.arch}"

    def __str__(self) -> str:
        return f"{self.name.partition('-')[0]} {self.version}".strip()


_KUBE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
_KUBE_BUILD = "k8s.io/component-base/version"
_CONTAINERD = "github.com/containerd/containerd/v2"
_CNI = "github.com/containernetworking/plugins"
_RELEASES = "https://github.com/{}/releases/download/v{{version}}/{}"


@cache
def upstreams(kubernetes: str) -> tuple[Upstream, ...]:
    """All that a cluster of this Kubernetes minor version (1.36) is made of."""
    return (
        Upstream(
            name=f"kubernetes-{kubernetes}",
            packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in _KUBE},
            url="https://dl.k8s.io/release/v{version}/bin/{os}/{arch}/{name}",
            minimum="1.0",
            skew=dict.fromkeys(_KUBE, 0) | {"kubectl": 1},
            ask_instead={"kubectl": ("version", "--client")},
            stamp=(
                f"-X {_KUBE_BUILD}.gitVersion=v{{version}} "
                f"-X {_KUBE_BUILD}.gitMajor={{major}} -X {_KUBE_BUILD}.gitMinor={{minor}}"
            ),
            size=2700,
        ),
        Upstream(
            name="etcd",
            packages={"etcd": "go.etcd.io/etcd/server/v3"},
            url=_RELEASES.format("etcd-io/etcd", "etcd-v{version}-{os}-{arch}.tar.gz"),
            member="etcd-v{version}-{os}-{arch}/{name}",
            minimum="3.6",
            size=580,
        ),
        Upstream(
            name="kwok",
            packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
            url=_RELEASES.format("kubernetes-sigs/kwok", "{name}-{os}-{arch}"),
            minimum="0.7",
            stamp="-X sigs.k8s.io/kwok/pkg/consts.Version=v{version}",
            size=970,
        ),
        Upstream(
            name="containerd",
            packages={
                name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")
            },
            url=_RELEASES.format("containerd/containerd", "containerd-{version}-{os}-{arch}.tar.gz"),
            member="bin/{name}",
            minimum="2.1",
            together=True,
            ask_instead={"containerd-shim-runc-v2": ("-v",)},
            stamp=f"-X {_CONTAINERD}/version.Version=v{{version}}",
            size=1000,
        ),
        Upstream(
            name="runc",
            packages={"runc": "github.com/opencontainers/runc"},
            url=_RELEASES.format("opencontainers/runc", "{name}.{arch}"),
            minimum="1.3",
            must_say="libseccomp",
            tags="seccomp",
            cgo=True,
            size=260,
        ),
        Upstream(
            name="cni",
            packages={
                "ptp": f"{_CNI}/plugins/main/ptp",
                "loopback": f"{_CNI}/plugins/main/loopback",
                "host-local": f"{_CNI}/plugins/ipam/host-local",
                "portmap": f"{_CNI}/plugins/meta/portmap",
            },
            url=_RELEASES.format("containernetworking/plugins", "cni-plugins-{os}-{arch}-v{version}.tgz"),
            member="./{name}",
            minimum="1.4",
            together=True,
            stamp=f"-X {_CNI}/pkg/utils/buildversion.BuildVersion=v{{version}}",
            size=160,
        ),
        Upstream(
            name="coredns",
            packages={"coredns": "github.com/coredns/coredns"},
            url=_RELEASES.format("coredns/coredns", "coredns_{version}_{os}_{arch}.tgz"),
            member="{name}",
            minimum="1.11",
            ask=("-version",),
            size=1350,
        ),
        Upstream(name="busybox", packages={}, minimum="1.30", static=True, ask=("--help",)),
    )
