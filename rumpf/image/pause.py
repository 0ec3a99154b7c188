"""Make the program and the image that hold a Pod's namespaces open.

Every Pod has one such process, and a node cannot start a Pod without it. The usual image comes from
a registry; this one is assembled here, so that a node needs neither a registry nor a compiler.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rumpf.image.oci import Architecture, File, host_architecture, write_archive

SANDBOX_IMAGE: Final = "rumpf.local/pause:1"
"""The name under which `sandbox_image` files the image."""

_LOAD_ADDRESS: Final = 0x400000
_HEADERS: Final = 64 + 2 * 56  # the ELF header and two program headers
_PAGE: Final = 0x10000  # the largest page that either architecture uses

_SIGINT, _SIGTERM, _SIGCHLD = 2, 15, 17
_SIG_IGN, _SIG_BLOCK = 1, 0
_SET_SIZE: Final = 8  # bytes in the kernel's set of signals

# struct sigaction (handler, flags, restorer, mask), then the set of signals that end the program.
_DATA: Final = struct.pack("<QQQQ", _SIG_IGN, 0, 0, 0) + struct.pack(
    "<Q", 1 << (_SIGTERM - 1) | 1 << (_SIGINT - 1)
)


def sandbox_image(path: Path, architecture: Architecture | None = None) -> str:
    """Write the sandbox image to `path` and return its digest."""
    architecture = architecture if architecture is not None else host_architecture()
    return write_archive(
        path,
        name=SANDBOX_IMAGE,
        files={"/pause": File(program(architecture), mode=0o555)},
        entrypoint=["/pause"],
        user="65535:65535",
        architecture=architecture,
    )


def program(architecture: Architecture) -> bytes:
    """Assemble a static ELF program that does nothing until it is told to end.

    It ignores SIGCHLD, so the kernel itself buries the orphans that a shared PID namespace hands
    to it. It ends with 0 on SIGTERM or SIGINT, also as PID 1: both are blocked and waited for.
    """
    machine = _MACHINES[architecture]
    # The addresses of the data depend on the length of the code, never the other way round.
    action = _LOAD_ADDRESS + _HEADERS + len(_code(machine, 0, 0))
    code = _code(machine, action, action + 32)
    size = _HEADERS + len(code) + len(_DATA)
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",  # 64 bits, little-endian, version 1
        2,  # an executable at a fixed address
        machine.elf,
        1,
        _LOAD_ADDRESS + _HEADERS,  # the first instruction
        64,  # the program headers follow this one
        0,
        0,
        64,
        56,
        2,
        64,
        0,
        0,
    )
    load = struct.pack("<IIQQQQQQ", 1, 0b101, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, _PAGE)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 0b110, 0, 0, 0, 0, 0, 16)  # GNU_STACK: not executable
    return elf + load + stack + code + _DATA


@dataclass(frozen=True, slots=True)
class _Machine:
    elf: int
    rt_sigaction: int
    rt_sigprocmask: int
    rt_sigtimedwait: int
    exit_group: int
    call: Callable[..., bytes]
    """Encode a system call: its number, then its arguments."""
    back_if_negative: Callable[[int], bytes]
    """Encode a jump back over so many bytes, taken where the last call failed."""


def _code(machine: _Machine, action: int, signals: int) -> bytes:
    call = machine.call
    ignore = call(machine.rt_sigaction, _SIGCHLD, action, 0, _SET_SIZE)
    block = call(machine.rt_sigprocmask, _SIG_BLOCK, signals, 0, _SET_SIZE)
    wait = call(machine.rt_sigtimedwait, signals, 0, 0, _SET_SIZE)
    again = machine.back_if_negative(len(wait))  # a stop and continue interrupts the wait
    return ignore + block + wait + again + call(machine.exit_group, 0)


def _call_x86_64(number: int, *arguments: int) -> bytes:
    """Encode `mov r32, imm32` for each of edi, esi, edx, r10d and eax, then `syscall`."""
    registers = (b"\xbf", b"\xbe", b"\xba", b"\x41\xba")
    moves = (op + struct.pack("<I", value) for op, value in zip(registers, arguments, strict=False))
    return b"".join(moves) + b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"


def _back_x86_64(distance: int) -> bytes:
    """Encode `test eax, eax; js`, whose offset counts from behind the jump's own end."""
    return b"\x85\xc0\x78" + struct.pack("<b", -(distance + 4))


def _call_aarch64(number: int, *arguments: int) -> bytes:
    """Encode `movz`, `movk` for each of x0 to x3 and x8, then `svc #0`."""
    words = [
        word
        for register, value in (*enumerate(arguments), (8, number))
        for word in (
            0xD2800000 | (value & 0xFFFF) << 5 | register,
            0xF2A00000 | (value >> 16) << 5 | register,
        )
    ]
    return struct.pack(f"<{len(words) + 1}I", *words, 0xD4000001)


def _back_aarch64(distance: int) -> bytes:
    """Encode `tbnz x0, #63`, whose offset counts words from the jump itself."""
    return struct.pack("<I", 0xB7F80000 | (-(distance // 4) & 0x3FFF) << 5)


_MACHINES: Final[dict[Architecture, _Machine]] = {
    "amd64": _Machine(62, 13, 14, 128, 231, _call_x86_64, _back_x86_64),
    "arm64": _Machine(183, 134, 135, 137, 94, _call_aarch64, _back_aarch64),
}
