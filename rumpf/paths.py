"""Where rumpf keeps what is worth keeping: one cache folder, and nothing outside it."""

import os
import re
from pathlib import Path

from rumpf.errors import UsageError

_CLUSTER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def cache_dir() -> Path:
    """The cache: `RUMPF_CACHE`, else `rumpf` below `XDG_CACHE_HOME`, else `~/.cache/rumpf`."""
    if explicit := os.environ.get("RUMPF_CACHE"):
        return Path(explicit).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").absolute() / "rumpf"


def images_dir() -> Path:
    """The folder of images and of what they are made from."""
    return cache_dir() / "images"


def templates_dir() -> Path:
    """The folder of etcd data that new clusters start from."""
    return cache_dir() / "templates"


def clusters_dir() -> Path:
    """The folder of the clusters that are up: each has a folder and a lock file in it."""
    return cache_dir() / "clusters"


def cluster_dir(name: str) -> Path:
    """The folder of one cluster: logs, kubeconfig, data. It is gone when the cluster is down.

    Such folders are deleted, so nothing but a name is taken: no path, and not nothing.
    """
    if not is_cluster_name(name):
        raise UsageError(
            f"{name!r} is not a cluster's name",
            remedy="use 1 to 40 lower-case letters, digits and dashes, with no dash at either end",
            where="--name",
        )
    return clusters_dir() / name


def is_cluster_name(name: str) -> bool:
    """Whether a cluster can have that name."""
    return _CLUSTER_NAME.fullmatch(name) is not None
