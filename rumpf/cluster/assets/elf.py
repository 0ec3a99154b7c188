"""Whether a program brings all its code, or asks for the machine's libraries."""

from pathlib import Path
from struct import Struct, unpack_from

_HEADER = Struct("<16sHHIQQQIHHH")
_MAGIC = b"\x7fELF\x02\x01"
_INTERPRETER = 3


def is_static(path: Path) -> bool:
    """Whether it is a little-endian 64-bit ELF file that names no dynamic loader. Scripts are not."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size or not head.startswith(_MAGIC):
                return False
            *_, start, _, _, _, size, count = _HEADER.unpack(head)
            file.seek(start)
            table = file.read(size * count)
    except OSError:
        return False
    kinds = [unpack_from("<I", table, at)[0] for at in range(0, len(table), size)] if size else []
    return bool(kinds) and _INTERPRETER not in kinds
