"""What an image says of itself: what is in it, and what it was made from. The same image, the same words."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from rumpf.image.inventory import Inventory, Package, inventory
from rumpf.image.oci import Entry, File, Link, layer
from rumpf.image.provenance import provenance
from rumpf.image.reference import Reference
from rumpf.image.sbom import bill_of_materials, purl

DIGEST = f"sha256:{'d' * 64}"
METADATA = b"Metadata-Version: 2.4\nName: Kopf_Ext\nVersion: 1.2.3\nLicense-Expression: MIT\n\nAll of it.\n"
STATUS = (
    b"Package: libc6\nVersion: 2.36-9+deb12u1\nArchitecture: amd64\nDescription: a\n longer\n\n"
    b"Package: tzdata\nVersion: 2025b-0+deb12u1\nArchitecture: all\n"
)
BELOW = layer(
    {
        "/var/lib/dpkg/status": File(STATUS),
        "/usr/lib/os-release": File(b'ID=debian\nVERSION_ID="12"\n'),
        "/app/old-1.dist-info/METADATA": File(b"Name: old\nVersion: 1\n"),
    },
    where="below",
)
ABOVE = layer(
    {
        "/app/kopf_ext-1.2.3.dist-info/METADATA": File(METADATA),
        "/app/kopf_ext/METADATA": File(b"Name: none\nVersion: 0\n"),
        "/app/.wh.old-1.dist-info": File(b""),
    },
    where="above",
)
FOUND = Inventory(
    (
        Package("deb", "libc6", "2.36-9+deb12u1", "", "amd64"),
        Package("deb", "tzdata", "2025b-0+deb12u1", "", "all"),
        Package("pypi", "kopf-ext", "1.2.3", "MIT"),
    ),
    "debian-12",
)


def test_packages_are_found_by_their_own_records_and_what_a_layer_takes_away_is_not() -> None:
    assert inventory([BELOW, ABOVE]) == FOUND


def test_a_layer_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "below.tar").write_bytes(BELOW)
    assert inventory([tmp_path / "below.tar", ABOVE]) == FOUND


def test_one_file_for_each_package_is_read_too() -> None:
    paths = {
        f"/var/lib/dpkg/status.d/{number}": File(part) for number, part in enumerate(STATUS.split(b"\n\n"))
    }
    assert [each.name for each in inventory([layer(paths, where="x")]).packages] == ["libc6", "tzdata"]


def test_what_was_deleted_is_not_there_though_dpkg_still_has_its_record() -> None:
    said = "\n\n".join(
        f"Package: {name}\nVersion: 1\nArchitecture: amd64" for name in ("dash", "libc-bin", "netbase", "tar")
    )
    files = {
        "/var/lib/dpkg/status": said.encode(),
        # All that is left of it tells of it, or sets it up.
        "/var/lib/dpkg/info/dash.list": b"/.\n/bin\n/bin/dash\n/usr/share/doc/dash/copyright\n",
        "/usr/share/doc/dash/copyright": b"",
        "/var/lib/dpkg/info/libc-bin.list": b"/sbin/ldconfig\n/usr/lib/locale/C.utf8/LC_CTYPE\n",
        "/usr/lib/locale/C.utf8/LC_CTYPE": b"",
        # It never had a program.
        "/var/lib/dpkg/info/netbase:amd64.list": b"/etc/services\n",
        "/etc/services": b"",
        "/var/lib/dpkg/info/tar.list": b"/bin/tar\n",
        "/usr/bin/tar": b"",
    }
    below = layer({path: File(content) for path, content in files.items()}, where="below")
    above = layer({"/usr/bin/.wh.tar": File(b"")}, where="above")

    found = inventory([below]).packages
    assert [(each.name, each.stripped) for each in found] == [
        ("libc-bin", True),
        ("netbase", False),
        ("tar", False),
    ]
    assert [each.name for each in inventory([below, above]).packages] == ["libc-bin", "netbase"]
    bill = bill_of_materials(Reference.parse("x.local/x:1"), DIGEST, "amd64", inventory([below]))
    stripped = [each["name"] for each in bill["components"] if "properties" in each]
    assert stripped == ["libc-bin"]


def test_a_folder_that_a_layer_makes_anew_has_nothing_of_the_layers_below() -> None:
    anew = layer({"/app/.wh..wh..opq": File(b""), "/app/other": File(b"")}, where="anew")
    assert [each.kind for each in inventory([BELOW, ABOVE, anew]).packages] == ["deb", "deb"]


HEADER = b'#define PY_VERSION_HEX 1\n#define PY_VERSION      \t"3.11.9+"\n'


@pytest.mark.parametrize(
    ("files", "environment", "version"),
    [
        ({"/usr/local/include/python3.11/patchlevel.h": HEADER}, ["PYTHON_VERSION=3.11.8"], "3.11.9"),
        ({}, ["PATH=/bin", "PYTHON_VERSION=3.11.8"], "3.11.8"),
        ({}, ["PYTHON_VERSION=3.12.1"], "3.11"),
        ({}, [], "3.11"),
    ],
)
def test_a_python_that_no_package_brought_is_named_with_its_version(
    files: dict[str, bytes], environment: list[str], version: str
) -> None:
    own = {"/usr/local/bin/python3.11": b"", "/usr/local/lib/python3.11/os.py": b"", **files}
    found = inventory([layer({path: File(each) for path, each in own.items()}, where="x")], environment)
    assert found.packages == (Package("generic", "python", version, "PSF-2.0"),)
    bill = bill_of_materials(Reference.parse("x.local/x:1"), DIGEST, "amd64", found)
    (component,) = bill["components"]
    assert component["type"] == "application"
    assert component["purl"] == f"pkg:generic/python@{version}"
    assert component["cpe"] == f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"


def test_the_python_of_this_machine_is_found_by_its_own_files() -> None:
    folder = f"python{sysconfig.get_python_version()}"
    header = Path(sysconfig.get_paths()["include"]) / "patchlevel.h"
    if not header.is_file():
        pytest.skip("this Python came without its headers")
    files = {
        f"/opt/bin/{folder}": File(Path(sys.executable).resolve()),
        f"/opt/lib/{folder}/os.py": File(Path(os.__file__)),
        f"/opt/include/{folder}/patchlevel.h": File(header),
    }
    (found,) = inventory([layer(files, where="x")]).packages
    assert found.version == platform.python_version().rstrip("+")


def test_the_python_of_a_package_or_of_a_virtual_environment_is_not_named_twice() -> None:
    record = b"Package: python3.11-minimal\nVersion: 3.11.2-6\n"
    files: dict[str, Entry] = {
        "/var/lib/dpkg/status": File(record),
        "/usr/bin/python3.11": File(b""),
        "/usr/lib/python3.11/os.py": File(b""),
        "/app/bin/python3.11": Link("/usr/bin/python3.11"),
        "/app/lib/python3.11/site-packages/x.py": File(b""),
    }
    assert [each.name for each in inventory([layer(files, where="x")]).packages] == ["python3.11-minimal"]


def test_a_whole_licence_is_not_its_name() -> None:
    told = {
        "/a-1.dist-info/METADATA": File(b"Name: a\nVersion: 1\nLicense: MIT License\n  Copyright\n  more\n")
    }
    (package,) = inventory([layer(told, where="x")]).packages
    assert package.licence == ""


@pytest.mark.parametrize(
    ("package", "address"),
    [
        (FOUND.packages[0], "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12"),
        (FOUND.packages[2], "pkg:pypi/kopf-ext@1.2.3"),
    ],
)
def test_scanners_know_a_package_by_its_address(package: Package, address: str) -> None:
    assert purl(package, FOUND.system) == address


def test_the_bill_names_the_image_and_all_that_is_in_it_and_no_time() -> None:
    reference = Reference.parse("rumpf.local/operators:dev")
    bill = bill_of_materials(reference, DIGEST, "amd64", FOUND)
    assert (bill["bomFormat"], bill["metadata"]["component"]["version"]) == ("CycloneDX", DIGEST)
    assert [each["name"] for each in bill["components"]] == ["libc6", "tzdata", "kopf-ext"]
    references = [each["bom-ref"] for each in bill["components"]]
    assert bill["dependencies"] == [
        {"ref": bill["metadata"]["component"]["bom-ref"], "dependsOn": references}
    ]
    assert bill_of_materials(reference, DIGEST, "amd64", FOUND) == bill
    assert "timestamp" not in json.dumps(bill)


def test_where_an_image_comes_from_is_said_by_digests_of_what_went_in(tmp_path: Path) -> None:
    source = tmp_path / "hello"
    source.mkdir()
    (source / "Containerfile").write_text("FROM scratch\n")
    (source / "requirements.txt").write_text("kopf==1\n")
    said = provenance("rumpf.local/hello:dev", DIGEST, source, "base:1", ["sha256:1"])
    assert said["subject"] == [{"name": "rumpf.local/hello:dev", "digest": {"sha256": "d" * 64}}]
    build = said["predicate"]["buildDefinition"]
    assert build["externalParameters"] == {"containerfile": "hello/Containerfile", "base": "base:1"}
    assert [each["name"] for each in build["resolvedDependencies"]] == [
        "hello/Containerfile",
        "hello/requirements.txt",
    ]
    assert provenance("rumpf.local/hello:dev", DIGEST, source, "base:1", ["sha256:1"]) == said


def test_the_commit_is_named_if_nothing_was_changed_since(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        command = ["git", "-C", str(tmp_path), *name, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def source() -> object:
        said = provenance("x", DIGEST, tmp_path, None, [])
        return said["predicate"]["buildDefinition"]["resolvedDependencies"][0]

    git("init", "-q")
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    assert source() == {"name": "source", "digest": {"gitCommit": commit}}
    (tmp_path / "Containerfile").write_text("FROM other\n")
    assert source() == {"name": "source", "annotations": {"changedSince": commit}}
    git("checkout", "-q", "Containerfile")
    git("remote", "add", "origin", "https://example.com/x.git")
    assert source() == {"uri": "git+https://example.com/x.git", "digest": {"gitCommit": commit}}
