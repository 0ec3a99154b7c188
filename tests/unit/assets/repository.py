"""A Debian package repository in a folder, with packages made up here, and an apt that knows no other."""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Repository:
    """What apt can get."""

    folder: Path
    stanzas: list[str] = field(default_factory=list[str])

    def add(self, package: str, programs: Mapping[str, str], depends: str = "") -> None:
        """Publish a package with these files: path to shell script, or to anything."""
        tree = self.folder / "trees" / package
        control = (
            f"Package: {package}\nVersion: 1.0\nArchitecture: all\nMaintainer: test <test@example.invalid>\n"
        )
        control += f"Depends: {depends}\n" if depends else ""
        control += "Description: made up\n"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(control)
        for name, text in programs.items():
            file = tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        deb = self.folder / f"{package}_1.0_all.deb"
        subprocess.run(
            ["/usr/bin/dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, deb],
            check=True,
            capture_output=True,
        )
        content = deb.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self.stanzas.append(f"{control}Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n")
        (self.folder / "Packages").write_text("\n".join(self.stanzas))

    def spoil(self, package: str) -> None:
        """Change the package after its checksum was published."""
        deb = self.folder / f"{package}_1.0_all.deb"
        deb.write_bytes(deb.read_bytes().replace(b"echo", b"evil"))


def repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Point apt at an empty repository; to it, nothing is installed and no list was ever fetched."""
    place = folder / "repository"
    place.mkdir()
    (folder / "sources.list").write_text(f"deb [trusted=yes] copy:{place} ./\n")
    (folder / "status").write_text("")
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{folder}/sources.list";\n'
        'Dir::Etc::sourceparts "-";\n'
        f'Dir::State::status "{folder}/status";\n'
        f'Dir::State::lists "{folder}/lists";\n'
        'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(folder / "apt.conf"))
    return Repository(place)
