import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from rumpf.errors import ImageError
from rumpf.image.oci import Directory, Entry, File, Link, host_architecture, write_archive


def test_the_same_files_give_the_same_bytes_whatever_their_owner_and_age(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n")
    first = write_archive(tmp_path / "a.tar", name="x.test/a:1", files={"/bin/p": File(program, 0o755)})
    os.utime(program, (1, 1))
    program.chmod(0o600)
    second = write_archive(
        tmp_path / "b.tar", name="x.test/a:1", files={"bin/p": File(b"#!/bin/sh\n", 0o755)}
    )
    assert first == second
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_every_digest_in_the_archive_is_that_of_its_content(tmp_path: Path) -> None:
    digest = write_archive(tmp_path / "a.tar", name="a", files={"f": File(b"x")}, entrypoint=["/f"])
    with tarfile.open(tmp_path / "a.tar") as archive:
        for member in archive.getmembers():
            if member.name.startswith("blobs/sha256/"):
                content = archive.extractfile(member)
                assert content is not None
                assert hashlib.sha256(content.read()).hexdigest() == member.name.removeprefix("blobs/sha256/")
        (described,) = _json(archive, "index.json")["manifests"]
        manifest = _json(archive, _member(described["digest"]))
        config = _json(archive, _member(manifest["config"]["digest"]))
        docker = _docker(archive)
    assert digest == described["digest"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert docker["Config"] == _member(manifest["config"]["digest"])
    assert docker["Layers"] == [_member(layer["digest"]) for layer in manifest["layers"]]


def test_a_node_and_docker_find_the_image_under_its_full_name(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", name="sample:2", files={"f": File(b"")})
    with tarfile.open(tmp_path / "a.tar") as archive:
        annotations = _json(archive, "index.json")["manifests"][0]["annotations"]
        docker = _docker(archive)
    assert annotations["io.containerd.image.name"] == "docker.io/library/sample:2"
    assert annotations["org.opencontainers.image.ref.name"] == "2"
    assert docker["RepoTags"] == ["docker.io/library/sample:2"]


def test_the_layer_has_parents_modes_and_links_and_belongs_to_root(tmp_path: Path) -> None:
    members = _layer(
        tmp_path,
        {
            "/usr/bin/tool": File(b"12", 0o755),
            "/bin": Link("usr/bin"),
            "/shared": Directory(0o1777),
            "/a.b": File(b""),
        },
    )
    assert [(each.name, each.type, each.mode) for each in members] == [
        ("a.b", tarfile.REGTYPE, 0o644),
        ("bin", tarfile.SYMTYPE, 0o777),
        ("shared", tarfile.DIRTYPE, 0o1777),
        ("usr", tarfile.DIRTYPE, 0o755),
        ("usr/bin", tarfile.DIRTYPE, 0o755),
        ("usr/bin/tool", tarfile.REGTYPE, 0o755),
    ]
    assert members[1].linkname == "usr/bin"
    assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in members} == {
        (0, 0, "", "", 0)
    }


@pytest.mark.parametrize("path", ["../etc/passwd", "/a/../../b", "/", "", "a\0b"])
def test_a_path_that_leaves_the_image_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ImageError, match="no path of a file inside an image") as caught:
        write_archive(tmp_path / "a.tar", name="sample", files={path: File(b"")})
    assert caught.value.where == "sample"
    assert not (tmp_path / "a.tar").exists()


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="/etc/passwd/x cannot be below /etc/passwd"):
        write_archive(
            tmp_path / "a.tar", name="a", files={"/etc/passwd": File(b""), "/etc/passwd/x": File(b"")}
        )


def test_a_source_that_is_not_there_leaves_the_old_archive_as_it_was(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", name="a", files={"f": File(b"old")})
    before = (tmp_path / "a.tar").read_bytes()
    with pytest.raises(ImageError, match=r"missing cannot be read into the image: No such file") as caught:
        write_archive(tmp_path / "a.tar", name="a", files={"f": File(tmp_path / "missing")})
    assert caught.value.where == "/f"
    assert (tmp_path / "a.tar").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="the image cannot be written") as caught:
        write_archive(tmp_path / "file" / "a.tar", name="a", files={"f": File(b"")})
    assert caught.value.where == str(tmp_path / "file" / "a.tar")


def test_settings_that_are_empty_are_left_out_and_the_others_are_sorted(tmp_path: Path) -> None:
    write_archive(
        tmp_path / "a.tar",
        name="a",
        files={"f": File(b"")},
        cmd=["serve"],
        env={"B": "2", "A": "1"},
        user="1000:1000",
        labels={"l": "v"},
        architecture="arm64",
    )
    with tarfile.open(tmp_path / "a.tar") as archive:
        docker = _docker(archive)
        config = _json(archive, docker["Config"])
    assert config["architecture"] == "arm64"
    assert config["config"] == {
        "Cmd": ["serve"],
        "Env": ["A=1", "B=2"],
        "Labels": {"l": "v"},
        "User": "1000:1000",
        "WorkingDir": "/",
    }


@pytest.mark.parametrize(
    ("machine", "architecture"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("arm64", "arm64")]
)
def test_the_machine_is_named_in_the_words_of_images(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert host_architecture() == architecture


def test_a_machine_of_another_kind_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ImageError, match="riscv64"):
        host_architecture()


def _layer(folder: Path, files: dict[str, Entry]) -> list[tarfile.TarInfo]:
    write_archive(folder / "image.tar", name="a", files=files)
    with tarfile.open(folder / "image.tar") as archive:
        docker = _docker(archive)
        layer = archive.extractfile(docker["Layers"][0])
        with tarfile.open(fileobj=layer) as inner:
            return inner.getmembers()


def _json(archive: tarfile.TarFile, member: str) -> dict[str, Any]:
    content = archive.extractfile(member)
    assert content is not None
    return dict(json.load(content))


def _docker(archive: tarfile.TarFile) -> dict[str, Any]:
    content = archive.extractfile("manifest.json")
    assert content is not None
    (only,) = json.load(content)
    return dict(only)


def _member(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
