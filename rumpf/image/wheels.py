"""Fetch the wheels that an image installs, so that its build needs no network.

They are for the image's Python, not for the one that runs here, and each matches a pinned hash.
"""

import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rumpf.console import Console
from rumpf.errors import ToolMissing
from rumpf.image.debian import PYTHON
from rumpf.image.oci import Architecture
from rumpf.image.process import run
from rumpf.paths import images_dir

PIP: Final = Path(__file__).with_name("pip.txt")
"""Pins the pip that installs the wheels inside: a base image need not have one."""

_NEWEST_GLIBC: Final = 36  # bookworm's is 2.36
_OLDEST_GLIBC: Final = 5
_MACHINES: Final[dict[Architecture, str]] = {"amd64": "x86_64", "arm64": "aarch64"}


def wheels_for(requirements: Sequence[Path], architecture: Architecture, console: Console) -> Path:
    """Return a folder with the wheels that the files `requirements` pin, and pip's own.

    They must pin everything by hash. The folder is in the cache and complete: once it is there, no
    index is asked again.
    """
    files = (PIP, *requirements)
    pinned = (*(each.read_bytes() for each in files), PYTHON.encode(), architecture.encode())
    key = hashlib.sha256(b"\0".join(pinned)).hexdigest()[:16]
    folder = images_dir() / "wheels" / key
    if folder.is_dir():
        return folder
    if importlib.util.find_spec("pip") is None:
        raise ToolMissing(
            "pip, which fetches the wheels, is not installed with this Python",
            remedy=f"run {sys.executable} -m ensurepip",
            where=str(requirements[0]),
        )
    console.say(f"fetching the wheels of {', '.join(map(str, requirements))}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fetching-"))
    try:
        for pins in files:
            run(
                (*_download(architecture), "--dest", str(scratch), "--requirement", str(pins)),
                where=str(pins),
                remedy="pin everything by hash, in versions that have wheels; see that pip reaches its index",
            )
        scratch.chmod(0o755)
        if not folder.is_dir():  # another process may have been as quick, with the same result
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _download(architecture: Architecture) -> tuple[str, ...]:
    machine = _MACHINES[architecture]
    platforms = (
        *(f"manylinux_2_{minor}_{machine}" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)),
        *(f"manylinux{year}_{machine}" for year in (2014, 2010, 1)),
        f"linux_{machine}",
    )
    return (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:"),
        *("--implementation", "cp", "--python-version", PYTHON),
        *(option for platform in platforms for option in ("--platform", platform)),
    )
