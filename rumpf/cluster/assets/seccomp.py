"""What runc needs of C: a compiler, and libseccomp to link, the system's or from unpacked packages."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rumpf.cluster.assets.debian import remedy, unpacked
from rumpf.cluster.assets.store import Site
from rumpf.errors import ToolMissing

_PACKAGES = ("gcc", "libc6-dev", "libseccomp-dev")
_PROBE = "#include <seccomp.h>\nint main(void) { return seccomp_init(0) == 0; }\n"


@dataclass(frozen=True, slots=True)
class CSettings:
    """How `go build` is run so that cgo finds it all."""

    environment: Mapping[str, str]
    static: bool
    """Whether the result needs no library at run time."""

    @property
    def linker_flags(self) -> str:
        """For Go's linker."""
        return "-extldflags=-static" if self.static else ""

    @property
    def tags(self) -> tuple[str, ...]:
        """For Go's build: what is static cannot ask libc for names and users."""
        return ("netgo", "osusergo", "static_build") if self.static else ()


def c_settings(scratch: Path, site: Site) -> CSettings:
    """Find a C compiler and libseccomp. Raises ToolMissing where there is no compiler."""
    compiler = _compiler()
    tree = None if _links_libseccomp(compiler) else unpacked(("libseccomp-dev", "libseccomp2"), site)
    libraries = sorted({str(each.parent) for each in tree.rglob("libseccomp.a")}) if tree else []
    link = " ".join((*(f"-L{folder}" for folder in libraries), "-lseccomp"))
    # cgo asks pkg-config about libseccomp. This answers in its place: one program fewer that can be missing.
    answers = scratch / "pkg-config"
    answers.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"    *--cflags*) echo {shlex.quote(f'-I{tree}/usr/include' if tree else '')} ;;\n"
        f"    *--libs*) echo {shlex.quote(link)} ;;\n"
        "esac\n"
    )
    answers.chmod(0o755)
    static = _finds(compiler, "libc.a") and (bool(libraries) or _finds(compiler, "libseccomp.a"))
    return CSettings({"CC": shlex.join(compiler), "PKG_CONFIG": str(answers)}, static)


def _compiler() -> list[str]:
    """The C compiler as a command: CC where that is set, else the first usual one on PATH."""
    own = shlex.split(os.environ.get("CC", ""))
    for command in [own] if own else [["gcc"], ["cc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    raise ToolMissing(
        f"no C compiler ({own[0] if own else 'gcc, cc or clang'}) to build runc with",
        where="runc",
        remedy=f"{remedy(_PACKAGES)}; or put a runc into a folder named by RUMPF_BIN",
    )


def _links_libseccomp(compiler: list[str]) -> bool:
    return _runs([*compiler, "-x", "c", "-o", os.devnull, "-", "-lseccomp"], _PROBE).returncode == 0


def _finds(compiler: list[str], archive: str) -> bool:
    # The compiler answers with the bare name where it does not find it.
    return Path(_runs([*compiler, f"-print-file-name={archive}"]).stdout.strip()).is_absolute()


def _runs(command: list[str], source: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False)
