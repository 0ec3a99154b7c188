"""What a test of binaries starts from: an empty cache, an own PATH, and pins of releases made up here."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rumpf.cluster.assets import Assets
from rumpf.cluster.assets.catalog import this_platform
from rumpf.console import Advance

VERSIONS = {
    "kubernetes-1.36": "1.36.3",
    "kubernetes-1.35": "1.35.4",
    "etcd": "3.6.14",
    "kwok": "0.8.0",
    "containerd": "2.3.4",
    "runc": "1.4.3",
    "cni": "1.9.1",
    "coredns": "1.14.4",
}
HERE = this_platform()
ETCD = f"etcd-v3.6.14-linux-{HERE.arch}"
KWOK_URL = f"/github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-{HERE.arch}"
ETCD_URL = f"/github.com/etcd-io/etcd/releases/download/v3.6.14/{ETCD}.tar.gz"
CNI_URL = (
    "/github.com/containernetworking/plugins/releases/download/v1.9.1/"
    f"cni-plugins-linux-{HERE.arch}-v1.9.1.tgz"
)
COREDNS_URL = f"/github.com/coredns/coredns/releases/download/v1.14.4/coredns_1.14.4_linux_{HERE.arch}.tgz"


@dataclass
class Told:
    """A console that remembers."""

    lines: list[str] = field(default_factory=list[str])
    bars: list[tuple[str, int | None, int]] = field(default_factory=list[tuple[str, int | None, int]])
    """Label, total and how far it came."""

    def say(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str = "B") -> Generator[Advance]:
        done = 0

        def advance(amount: int) -> None:
            nonlocal done
            done += amount

        try:
            yield advance
        finally:
            self.bars.append((label, total, done))

    def __contains__(self, words: str) -> bool:
        return any(words in line for line in self.lines)


@dataclass
class Scene:
    """One test's machine."""

    path: Path
    """The one folder on PATH."""
    cache: Path
    pins: Path
    told: Told = field(default_factory=Told)

    def assets(self, kubernetes: str = "1.36") -> Assets:
        return Assets(kubernetes=kubernetes, console=self.told)

    def program(self, name: str, says: str, folder: Path | None = None) -> Path:
        """Put a program on PATH (or into `folder`) that prints `says` whatever it is asked."""
        return script(folder or self.path, name, "\n".join(f"echo '{line}'" for line in says.splitlines()))

    def real(self, *names: str) -> None:
        """Put programs of this machine on PATH."""
        for name in names:
            (self.path / name).symlink_to(_real(name))

    def pin(self, upstream: str, url: str, content: bytes) -> None:
        """Pin the sha256 of `content` as that of the release file at `url`."""
        pins = json.loads(self.pins.read_text())
        pins[upstream].setdefault(str(HERE), {})[url.rpartition("/")[2]] = hashlib.sha256(content).hexdigest()
        self.pins.write_text(json.dumps(pins))

    def left_over(self) -> list[str]:
        """What is in the cache besides installed binaries and locks."""
        return sorted(
            str(each.relative_to(self.cache))
            for folder in ("downloads", "tmp")
            for each in (self.cache / folder).rglob("*")
        )


def script(folder: Path, name: str, body: str) -> Path:
    """Write an executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def binary(says: str, size: int = 300_000) -> bytes:
    """A program that prints `says`, of a size worth a progress bar; no two pieces of it are alike."""
    head = f"#!/bin/sh\necho '{says}'\nexit 0\n".encode()
    return head + b"".join(b"%08d\n" % number for number in range((size - len(head)) // 9))


def archive(members: Mapping[str, bytes]) -> bytes:
    """A .tar.gz with these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _real(name: str) -> str:
    found = shutil.which(
        name, path="/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
    assert found, f"this test needs {name}"
    return found
