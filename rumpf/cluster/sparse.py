"""Copies files that are mostly holes (etcd sets 64 MiB aside) without filling them."""

import errno
import os
from pathlib import Path


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a folder of plain files; holes stay holes. Raises OSError where there is no room."""
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir(mode=0o700)
        for name in names:
            _copy_file(Path(folder) / name, into / name)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        position = 0
        while position < size and (start := _next_data(reader.fileno(), position)) is not None:
            position = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            reader.seek(start)
            writer.seek(start)
            writer.write(reader.read(position - start))
        writer.truncate(size)


def _next_data(file: int, position: int) -> int | None:
    """Where the next bytes are, from `position` on; None where nothing but a hole is left."""
    try:
        return os.lseek(file, position, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
