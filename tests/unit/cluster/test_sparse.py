"""Files that are mostly holes are copied as such."""

import errno
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from rumpf.cluster.sparse import copy_sparse

MEBIBYTE = 2**20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a file that is all holes but for a little in the middle and at the end."""
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    with (tree / "inner" / "db").open("wb") as file:
        for position in (0, 5 * MEBIBYTE, 8 * MEBIBYTE - 3):
            file.seek(position)
            file.write(b"abc")
    with (tree / "hole").open("wb") as file:
        file.truncate(8 * MEBIBYTE)
    (tree / "empty").touch()
    (tree / "dense").write_bytes(bytes(range(256)) * 64)
    return tree


def test_the_copy_reads_the_same(tree: Path, tmp_path: Path) -> None:
    copy_sparse(tree, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(tree)


def test_the_copy_takes_no_more_room(tree: Path, tmp_path: Path) -> None:
    copy_sparse(tree, tmp_path / "copy")
    assert room(tmp_path / "copy") <= room(tree) < MEBIBYTE


def test_the_copy_is_its_owners_alone(tree: Path, tmp_path: Path) -> None:
    copy_sparse(tree, tmp_path / "copy")
    assert (tmp_path / "copy" / "inner").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A disk with room for little, or a skip where none can be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-n", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("making a small disk takes root")
    yield disk
    subprocess.run(["umount", "-n", str(disk)], check=True)


def test_a_full_disk_is_not_overlooked(tree: Path, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left on device") as refusal:
        copy_sparse(tree, small_disk / "copy")
    assert refusal.value.errno == errno.ENOSPC


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def room(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
