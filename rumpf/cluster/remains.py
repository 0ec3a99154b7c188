"""What a dead cluster leaves behind, and how it is removed: by its guard, or by whoever comes next."""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from rumpf.cluster import cgroups
from rumpf.paths import is_cluster_name

RECORD = "cluster.json"
"""In a cluster's folder: what `status` tells of it."""
_CONTAINERS = "containerd/io.containerd.runtime.v2.task/k8s.io"
"""containerd keeps a folder here for each container that it has not cleaned up itself."""
_STUBBORN = 1.0


def hand_over(folder: Path, owner: tuple[int, int] | None) -> None:
    """Give what is in a cluster's folder by now to its owner, where the guard runs as root for somebody."""
    if owner:
        for inner, _, names in os.walk(folder):
            for path in (Path(inner), *(Path(inner, name) for name in names)):
                os.chown(path, *owner, follow_symlinks=False)


def leave_nothing(folder: Path) -> None:
    """Remove what dead processes of a cluster left behind, as far as this user may."""
    if folder.parent.name != "clusters" or not is_cluster_name(folder.name):
        raise ValueError(f"{folder} is not the folder of a cluster")
    with contextlib.suppress(PermissionError):
        cgroups.remove([path.name for path in folder.joinpath(_CONTAINERS).glob("*")])
    # Mounts are the cluster's own and gone with it: what lies here are plain files. One of the dying
    # may have added another while its folder was emptied.
    deadline = time.monotonic() + _STUBBORN
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run as root: a cluster that sudo started leaves what its owner cannot remove."""
    leave_nothing(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
