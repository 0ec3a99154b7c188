"""Where what is worth keeping of images lies: one folder inside rumpf's cache."""

import os
from pathlib import Path


def images_cache() -> Path:
    """Return the folder `images` in `RUMPF_CACHE`, else in `~/.cache/rumpf`, with XDG_CACHE_HOME heeded."""
    if explicit := os.environ.get("RUMPF_CACHE"):
        return Path(explicit).absolute() / "images"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache").absolute() / "rumpf" / "images"
