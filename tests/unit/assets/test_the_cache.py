"""The cache: found again in no time, never trusted blindly, and clear about why it cannot be used."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rumpf.cluster.assets import EVERYTHING
from rumpf.cluster.assets.catalog import this_platform, upstreams
from rumpf.cluster.assets.store import Store
from rumpf.errors import AssetError, DiskFull
from tests.unit.assets.origin import Origin
from tests.unit.assets.scene import KWOK_URL, Scene, binary, script

KWOK = binary("kwok version v0.8.0 go1.26.8 (linux/amd64)")


@pytest.fixture
def release(scene: Scene, origin: Origin) -> Origin:
    origin.files[KWOK_URL] = KWOK
    scene.pin("kwok", KWOK_URL, KWOK)
    return origin


@pytest.fixture
def filled(scene: Scene, tmp_path: Path) -> Store:
    """Fill the cache with everything; each binary leaves a mark where it is run."""
    store = Store(scene.cache)
    for upstream in upstreams("1.36"):
        for name in upstream.binaries:
            with store.scratch() as scratch:
                file = script(scratch, name, f": >{tmp_path}/run-{name}")
                store.install(upstream.folder(this_platform()), name, file, version="1", origin="by hand")
    return store


def test_a_second_run_finds_it_in_the_cache(scene: Scene, release: Origin) -> None:
    first = scene.assets().ensure(["kwok"])
    lines = len(scene.told.lines)

    assert scene.assets().ensure(["kwok"]) == first
    assert len(release.requests) == 1
    assert len(scene.told.lines) == lines


@pytest.mark.usefixtures("filled")
def test_a_warm_cache_is_read_within_ten_milliseconds_and_nothing_is_run(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PATH", os.pathsep.join(f"/usr/{number}" for number in range(20)) + f":{scene.path}:/usr/lib"
    )

    def once() -> float:
        begun = time.perf_counter()
        paths = scene.assets().ensure(EVERYTHING)
        took = time.perf_counter() - begun
        assert paths.keys() == EVERYTHING
        return took

    assert min(once() for _ in range(20)) < 0.010
    assert not list(tmp_path.glob("run-*"))


def test_importing_it_loads_nothing_that_only_fetching_needs() -> None:
    heavy = ("urllib.request", "tarfile", "hashlib", "subprocess", "tempfile", "shutil", "ssl", "rich")
    # The package around it has needs of its own; an empty one in its place leaves this package's.
    code = (
        "import importlib.util, sys, types\n"
        "around = sys.modules['rumpf.cluster'] = types.ModuleType('rumpf.cluster')\n"
        "around.__path__ = importlib.util.find_spec('rumpf').submodule_search_locations[0] + '/cluster',\n"
        "import rumpf.cluster.assets\n"
        f"print(*(each for each in {heavy!r} if each in sys.modules))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_a_binary_that_was_changed_is_fetched_again(scene: Scene, release: Origin) -> None:
    path = scene.assets().ensure(["kwok"])["kwok"]
    path.write_bytes(KWOK.replace(b"echo", b"evil", 1))

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK
    assert len(release.requests) == 2


@pytest.mark.usefixtures("release")
def test_a_binary_that_was_cut_short_is_fetched_again(scene: Scene) -> None:
    path = scene.assets().ensure(["kwok"])["kwok"]
    os.truncate(path, 1000)

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK


@pytest.mark.usefixtures("release")
def test_a_binary_without_its_stamp_is_not_trusted(scene: Scene) -> None:
    path = scene.assets().ensure(["kwok"])["kwok"]
    path.with_name(".kwok.json").write_text('{"half')

    assert scene.assets().rows(["kwok"])[0].source == "missing"


def test_a_cache_copied_without_its_times_is_as_good(scene: Scene, release: Origin) -> None:
    path = scene.assets().ensure(["kwok"])["kwok"]
    os.utime(path, (0, 0))

    assert scene.assets().ensure(["kwok"])["kwok"] == path
    assert len(release.requests) == 1


@pytest.mark.usefixtures("release")
def test_a_full_check_finds_and_deletes_what_a_quick_look_cannot_see(scene: Scene) -> None:
    path = scene.assets().ensure(["kwok"])["kwok"]
    before = path.stat()
    path.write_bytes(KWOK.replace(b"echo", b"evil", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert scene.assets().rows(["kwok"])[0].source == "cache"

    assert scene.assets().verify() == ("kwok",)

    assert scene.assets().rows(["kwok"])[0].source == "missing"
    assert scene.assets().verify() == ()


@pytest.mark.usefixtures("filled")
def test_another_kubernetes_has_binaries_of_its_own(scene: Scene) -> None:
    assert scene.assets("1.36").rows(["kubelet"])[0].source == "cache"
    assert scene.assets("1.35").rows(["kubelet"])[0].source == "missing"
    assert scene.assets("1.35").rows(["etcd"])[0].source == "cache"


@pytest.mark.usefixtures("small_disk", "release")
def test_a_full_disk_says_so_and_tries_no_other_source(scene: Scene) -> None:
    with pytest.raises(DiskFull, match=r"no space left on the disk\n  -> make room there .* RUMPF_CACHE"):
        scene.assets().ensure(["kwok"])

    assert "building" not in scene.told


@pytest.mark.usefixtures("small_disk")
def test_a_download_goes_on_when_there_is_room_again(scene: Scene, release: Origin) -> None:
    with pytest.raises(DiskFull):
        scene.assets().ensure(["kwok"])
    subprocess.run(["/bin/mount", "-o", "remount,size=2m", scene.cache], check=True)

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK

    assert release.requests[1][1].startswith("bytes=")


@pytest.mark.usefixtures("small_disk")
def test_a_cache_that_cannot_be_written_says_what_to_do(scene: Scene, release: Origin) -> None:
    subprocess.run(["/bin/mount", "-o", "remount,ro", scene.cache], check=True)

    with pytest.raises(AssetError, match=r"cache: nothing can be written there \(Read-only.*\n.*RUMPF_CACHE"):
        scene.assets().ensure(["kwok"])

    assert release.requests == []


@pytest.mark.usefixtures("filled")
def test_a_cache_that_cannot_be_written_still_serves_what_it_has(scene: Scene) -> None:
    kept = scene.cache.with_name("kept")
    scene.cache.rename(kept)
    scene.cache.mkdir()
    bound = subprocess.run(["/bin/mount", "--bind", kept, scene.cache], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("a read-only disk needs a mount, and this user may not do that")
    try:
        subprocess.run(["/bin/mount", "-o", "remount,bind,ro", scene.cache], check=True)
        for path in kept.rglob("*"):
            if path.is_file():
                os.utime(path, (0, 0))
        scene.program("kubectl", "Client Version: v1.2.3")

        assert scene.assets().ensure(EVERYTHING).keys() == EVERYTHING
    finally:
        subprocess.run(["/bin/umount", "--lazy", scene.cache], check=True)


@pytest.mark.usefixtures("release")
def test_a_cache_that_is_a_file_says_what_to_do(scene: Scene) -> None:
    scene.cache.write_text("not a folder")

    with pytest.raises(AssetError, match="nothing can be written there"):
        scene.assets().ensure(["kwok"])


def test_making_assets_touches_nothing(scene: Scene) -> None:
    scene.assets().rows()

    assert not scene.cache.exists()


def test_scratch_that_a_dead_process_left_is_cleared_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "tmp" / "dead").mkdir(parents=True)
    (tmp_path / "tmp" / "dead" / "half").write_text("")

    with store.scratch() as living, store.scratch():
        assert living.exists()
        assert not (tmp_path / "tmp" / "dead").exists()

    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.usefixtures("release")
def test_everything_is_below_one_folder_that_can_be_deleted(scene: Scene) -> None:
    scene.assets().ensure(["kwok"])
    shutil.rmtree(scene.cache)

    assert scene.assets().ensure(["kwok"])["kwok"].exists()
