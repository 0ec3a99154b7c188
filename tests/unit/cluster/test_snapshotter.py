"""How the layers of images are stacked: overlays, but not on an overlay."""

import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from rumpf.cluster.machine import snapshotter

Mounted = Callable[..., None]


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> Mounted:
    """Say what is mounted where, in this order."""

    def say(*mounts: tuple[Path | str, str]) -> None:
        points = [str(point).replace(" ", "\\040") for point, _ in mounts]
        kinds = [kind for _, kind in mounts]
        text = "\n".join(
            f"{number} 1 0:1 / {point} rw shared:1 master:2 - {kind} source rw"
            for number, (point, kind) in enumerate(zip(points, kinds, strict=True))
        )
        monkeypatch.setattr(Path, "read_text", lambda _: text)

    return say


def test_a_disk_takes_overlays(mounted: Mounted, tmp_path: Path) -> None:
    mounted(("/", "ext4"), ("/proc", "proc"))
    assert snapshotter(tmp_path / "not" / "there" / "yet") == "overlayfs"


def test_an_overlay_takes_none(mounted: Mounted, tmp_path: Path) -> None:
    mounted(("/", "overlay"), ("/proc", "proc"))
    assert snapshotter(tmp_path) == "native"


def test_the_innermost_mount_counts_whatever_their_order(mounted: Mounted, tmp_path: Path) -> None:
    mounted((tmp_path, "ext4"), ("/", "overlay"))
    assert snapshotter(tmp_path / "one") == "overlayfs"
    mounted((tmp_path, "overlay"), ("/", "ext4"))
    assert snapshotter(tmp_path / "one") == "native"


def test_of_two_mounts_at_one_place_the_later_one_counts(mounted: Mounted, tmp_path: Path) -> None:
    mounted(("/", "overlay"), (tmp_path, "overlay"), (tmp_path, "tmpfs"))
    assert snapshotter(tmp_path) == "overlayfs"


def test_a_neighbour_with_the_same_beginning_does_not_count(mounted: Mounted, tmp_path: Path) -> None:
    mounted(("/", "ext4"), (f"{tmp_path}-neighbour", "overlay"))
    assert snapshotter(tmp_path) == "overlayfs"


def test_a_mount_with_a_space_in_its_name_is_known(mounted: Mounted, tmp_path: Path) -> None:
    folder = tmp_path / "a disk"
    folder.mkdir()
    mounted(("/", "ext4"), (folder, "overlay"))
    assert snapshotter(folder) == "native"


def test_a_link_is_followed_to_where_it_leads(mounted: Mounted, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    mounted(("/", "ext4"), (tmp_path / "disk", "overlay"))
    assert snapshotter(tmp_path / "link" / "one") == "native"


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Path]:
    """An overlay on a disk in memory, or a skip where none can be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-n", "-t", "tmpfs", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting takes root")
    for name in ("lower", "upper", "work", "merged"):
        (disk / name).mkdir()
    layers = f"lowerdir={disk}/lower,upperdir={disk}/upper,workdir={disk}/work"
    mount = ["mount", "-n", "-t", "overlay", "-o", layers, "overlay", str(disk / "merged")]
    made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        if not made:
            pytest.skip("the kernel has no overlays")
        yield disk / "merged"
    finally:
        if made:
            subprocess.run(["umount", "-n", disk / "merged"], check=True)
        subprocess.run(["umount", "-n", disk], check=True)


def test_a_real_overlay_is_known(overlay: Path) -> None:
    assert snapshotter(overlay / "one") == "native"
    assert snapshotter(overlay.parent / "one") == "overlayfs"
