"""What an image says of itself: what is in it, and what it was made from. The same image, the same words."""

import json
import subprocess
from pathlib import Path

import pytest

from rumpf.image.inventory import Inventory, Package, inventory
from rumpf.image.oci import File, layer
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
