"""A small image with a shell, for samples and tests: one static busybox, no registry needed."""

import os
import subprocess
from pathlib import Path

from rumpf.cluster.assets import SAMPLE_IMAGE, Assets
from rumpf.console import Console
from rumpf.image.oci import Directory, Entry, File, Link, write_archive
from rumpf.paths import images_dir

IMAGE = "rumpf.local/busybox:1"

_PEOPLE = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"


def busybox_archive(console: Console) -> Path:
    """Return the image's archive in the cache, written once. AssetError where no busybox can be had."""
    target = images_dir() / f"{IMAGE.replace('/', '-').replace(':', '-')}.tar"
    if not target.exists():
        busybox = Assets(console=console).ensure(SAMPLE_IMAGE)["busybox"]
        listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        applets: dict[str, Entry] = {f"/bin/{name}": Link("busybox") for name in listed.stdout.split()}
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        write_archive(
            unfinished,
            name=IMAGE,
            files={
                **applets,
                "/bin/busybox": File(busybox, mode=0o755),
                "/etc/passwd": File(_PEOPLE),
                "/etc/group": File(b"root:x:0:\nnobody:x:65534:\n"),
                "/tmp": Directory(mode=0o1777),  # noqa: S108 - the image's
            },
            cmd=["sh"],
            env={"PATH": "/bin"},
        )
        unfinished.replace(target)
    return target
