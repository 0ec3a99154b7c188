"""Where rumpf keeps what is worth keeping: one cache folder, and nothing outside it."""

import os
from pathlib import Path


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
    """The folder of one cluster: logs, kubeconfig, data. It is gone when the cluster is down."""
    return clusters_dir() / name
