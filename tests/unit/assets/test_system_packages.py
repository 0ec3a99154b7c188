"""The system's own programs: taken where they are, else unpacked from packages by the real apt."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rumpf.cluster.assets import tools
from rumpf.cluster.assets.catalog import this_platform
from rumpf.cluster.assets.seccomp import c_settings
from rumpf.cluster.assets.store import Site, Store
from rumpf.cluster.assets.tools import PACKAGES
from rumpf.errors import ToolMissing
from tests.unit.assets.repository import Repository, repository
from tests.unit.assets.scene import Scene, script

needs_apt = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("dpkg-deb")),
    reason="this machine has no apt-get and dpkg-deb",
)
SHOW = '#!/bin/sh\necho "$0 $@"\necho "libraries $LD_LIBRARY_PATH"\necho "extensions $XTABLES_LIBDIR"\n'


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the system's programs, in place of /usr/sbin and the like: empty."""
    folder = tmp_path / "usr-sbin"
    folder.mkdir()
    monkeypatch.setattr(tools, "_SYSTEM", (str(folder),))
    return folder


@pytest.fixture
def packages(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Publish what a node needs. The machine's iptables is left to the packages' scripts, as in Debian."""
    scene.real("apt-get", "dpkg-deb", "dpkg", "tar", "rm")
    published = repository(tmp_path, monkeypatch)
    published.add("iproute2", {"sbin/ip": SHOW, "usr/sbin/tc": SHOW}, depends="libmnl0")
    published.add("libmnl0", {"usr/lib/x86_64-linux-gnu/libmnl.so.0": ""})
    names = [name for name in PACKAGES if "tables" in name]
    variants = [name.replace("tables", f"tables-{kind}") for name in names for kind in ("nft", "legacy")]
    extensions = {"usr/lib/x86_64-linux-gnu/xtables/libxt_mark.so": ""}
    published.add("iptables", {f"usr/sbin/{name}": SHOW for name in variants} | extensions)
    published.add("conntrack", {"usr/sbin/conntrack": SHOW})
    published.add("mount", {"bin/mount": SHOW, "bin/umount": SHOW})
    published.add("util-linux", {"usr/bin/nsenter": SHOW})
    return published


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_machine_that_has_them_all_needs_nothing(scene: Scene, system: Path) -> None:
    for name in PACKAGES:
        scene.program(name, "here", system)

    assert scene.assets().tools() == system
    assert not scene.cache.exists()
    assert scene.told.lines == []


@needs_apt
@pytest.mark.usefixtures("system", "packages")
def test_what_is_missing_is_unpacked_and_runs_with_its_own_libraries(scene: Scene) -> None:
    folder = scene.assets().tools()

    assert {each.name for each in folder.iterdir()} == PACKAGES.keys()
    ran, libraries, extensions = run(folder / "iptables", "-t", "nat").splitlines()
    assert ran.endswith("/usr/sbin/iptables-nft -t nat")
    assert libraries.startswith(f"libraries {scene.cache}")
    assert libraries.endswith("/usr/lib/x86_64-linux-gnu")
    assert extensions.endswith("/usr/lib/x86_64-linux-gnu/xtables")
    assert "/usr/sbin/ip6tables-nft-restore" in run(folder / "ip6tables-restore")
    assert "not on this machine: ip, tc, iptables" in scene.told
    assert scene.left_over() == []


@needs_apt
@pytest.mark.usefixtures("system", "packages")
def test_a_package_brings_the_libraries_it_depends_on(scene: Scene) -> None:
    _, libraries, _ = run(scene.assets().tools() / "ip").splitlines()

    assert (Path(libraries.removeprefix("libraries ")) / "libmnl.so.0").exists()


@needs_apt
@pytest.mark.usefixtures("packages")
def test_only_what_is_missing_is_unpacked(scene: Scene, system: Path) -> None:
    for name in PACKAGES:
        if name != "conntrack":
            scene.program(name, "here", system)

    folder = scene.assets().tools()

    assert {each.name for each in folder.iterdir()} == {"conntrack"}
    assert "iptables" not in scene.told


@needs_apt
@pytest.mark.usefixtures("system", "packages")
def test_the_second_time_nothing_is_unpacked(scene: Scene) -> None:
    first = scene.assets().tools()
    lines = len(scene.told.lines)
    (scene.path / "apt-get").unlink()

    assert scene.assets().tools() == first
    assert len(scene.told.lines) == lines


@needs_apt
@pytest.mark.usefixtures("system")
def test_a_package_that_is_not_what_was_published_is_refused(scene: Scene, packages: Repository) -> None:
    packages.spoil("conntrack")

    with pytest.raises(ToolMissing, match=r"(?s)apt-get could not get .*conntrack.*Hash Sum mismatch"):
        scene.assets().tools()

    assert scene.left_over() == []


@needs_apt
@pytest.mark.usefixtures("system")
def test_a_package_that_there_is_not_shows_apts_words(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.real("apt-get", "dpkg-deb", "dpkg", "tar", "rm")
    repository(tmp_path, monkeypatch).add("other", {})

    with pytest.raises(
        ToolMissing, match=r"(?s)apt-get could not get conntrack, iproute2.*Unable to locate package"
    ):
        scene.assets().tools()


@needs_apt
def test_a_program_that_does_not_run_here_is_an_error_not_a_surprise_later(
    scene: Scene, system: Path, packages: Repository
) -> None:
    for name in PACKAGES:
        if name != "nsenter":
            scene.program(name, "here", system)
    shutil.rmtree(packages.folder / "trees" / "util-linux")
    packages.stanzas.clear()
    packages.add(
        "util-linux", {"usr/bin/nsenter": "#!/bin/sh\necho libselinux.so.1: no such file >&2\nexit 127\n"}
    )

    with pytest.raises(ToolMissing, match=r"nsenter: it was unpacked and does not run: libselinux.so.1"):
        scene.assets().tools()


@pytest.mark.usefixtures("system")
def test_a_program_in_an_unusual_folder_of_path_is_used_from_there(scene: Scene) -> None:
    for name in PACKAGES:
        scene.program(name, f"{name} from an unusual folder")

    folder = scene.assets().tools()

    assert folder.is_relative_to(scene.cache)
    assert run(folder / "iptables-save") == "iptables-save from an unusual folder\n"


@pytest.mark.parametrize(
    ("installer", "remedy"),
    [
        ("dnf", "dnf install conntrack-tools iproute iproute-tc iptables util-linux"),
        ("apk", "apk add conntrack-tools iproute2 iproute2-tc iptables mount util-linux"),
        ("nothing", "install what your distribution calls conntrack, iproute2, iptables, mount, util-linux"),
    ],
)
@pytest.mark.usefixtures("system")
def test_without_apt_the_error_says_what_to_install(scene: Scene, installer: str, remedy: str) -> None:
    scene.program(installer, "")

    with pytest.raises(ToolMissing) as error:
        scene.assets().tools()

    assert "not here, and cannot be unpacked without apt-get and dpkg-deb" in error.value.what
    assert error.value.remedy == remedy


@needs_apt
def test_busybox_comes_from_its_static_package(scene: Scene, packages: Repository) -> None:
    packages.add(
        "busybox-static", {"usr/bin/busybox": "#!/bin/sh\necho 'BusyBox v1.37.0 multi-call binary.'\n"}
    )

    scene.assets().ensure(["busybox"])

    (row,) = scene.assets().rows(["busybox"])
    assert (row.source, row.version, row.note) == ("cache", "1.37.0", "from the package busybox-static")


def test_busybox_that_cannot_be_had_is_a_row_that_says_so(scene: Scene) -> None:
    (row,) = scene.assets().fetch(["busybox"])

    assert row.source == "missing"
    assert "busybox-static: not here" in row.note


def test_no_c_compiler_says_what_to_install_or_where_to_put_runc(scene: Scene, tmp_path: Path) -> None:
    scene.program("apt-get", "")

    with pytest.raises(ToolMissing) as error:
        c_settings(tmp_path, site(scene))

    assert str(error.value) == (
        "runc: no C compiler (gcc, cc or clang) to build runc with\n"
        "  -> apt-get update && apt-get install gcc libc6-dev libseccomp-dev; "
        "or put a runc into a folder named by RUMPF_BIN"
    )


def test_a_missing_c_compiler_is_what_stops_a_build_of_runc(scene: Scene) -> None:
    scene.program("go", "go1.99.0")

    with pytest.raises(ToolMissing, match=r"runc 1.4.3 \(runc\): no C compiler"):
        scene.assets().ensure(["runc"])


def test_the_compiler_that_cc_names_is_the_one_that_is_used(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(scene.path, "my-cc", "exit 0")
    monkeypatch.setenv("CC", "my-cc -m64")

    settings = c_settings(tmp_path, site(scene))

    assert settings.environment["CC"] == "my-cc -m64"
    assert not settings.static
    assert run(settings.environment["PKG_CONFIG"], "--libs", "--", "libseccomp") == "-lseccomp\n"


@needs_apt
def test_libseccomp_is_unpacked_where_the_compiler_does_not_find_it(
    scene: Scene, tmp_path: Path, packages: Repository
) -> None:
    packages.add(
        "libseccomp-dev",
        {"usr/include/seccomp.h": "", "usr/lib/x86_64-linux-gnu/libseccomp.a": ""},
        "libseccomp2",
    )
    packages.add("libseccomp2", {"usr/lib/x86_64-linux-gnu/libseccomp.so.2": ""})
    script(
        scene.path, "gcc", 'case "$1" in -print-file-name=libc.a) echo /usr/lib/libc.a ;; *) exit 1 ;; esac'
    )

    settings = c_settings(tmp_path, site(scene))

    include = (
        run(settings.environment["PKG_CONFIG"], "--cflags", "--", "libseccomp").strip().removeprefix("-I")
    )
    library, name = run(settings.environment["PKG_CONFIG"], "--libs", "--", "libseccomp").split()
    assert (Path(include) / "seccomp.h").exists()
    assert (Path(library.removeprefix("-L")) / "libseccomp.a").exists()
    assert name == "-lseccomp"
    assert settings.static


def site(scene: Scene) -> Site:
    return Site(Store(scene.cache), this_platform(), scene.told)
