import gzip
import json
import os
import tarfile
from pathlib import Path

import pytest

from rumpf.console import Silent
from rumpf.errors import ImageError
from rumpf.image import archive
from rumpf.image.build import build, images_in
from rumpf.image.engine import engine_called
from rumpf.image.oci import File, write_archive
from rumpf.image.reference import Reference
from tests.unit.image.stage import Stage


def test_an_image_is_a_folder_with_a_containerfile(tmp_path: Path) -> None:
    for name in ("b", "a"):
        _source(tmp_path / name)
    (tmp_path / "notes").mkdir()
    assert images_in(tmp_path) == {"a": tmp_path / "a", "b": tmp_path / "b"}
    assert images_in(tmp_path / "missing") == {}


def test_a_built_image_becomes_an_archive_under_its_name(stage: Stage, saved: Path, tmp_path: Path) -> None:
    stage.play("docker", f'case "$1" in save) cp {saved} "$3";; esac')
    source = _source(tmp_path / "hello", "ARG BASE=x.test/base:1\nFROM ${BASE}\n")
    built = build(source, engine=engine_called("docker"), into=tmp_path / "dist", console=Silent())
    assert (built.name, built.reference, built.engine, built.base) == (
        "hello",
        "rumpf.local/hello:dev",
        "docker",
        "x.test/base:1",
    )
    assert built.archive == tmp_path / "dist" / "hello.tar"
    assert built.archive.read_bytes() == saved.read_bytes()
    assert built.size == saved.stat().st_size


def test_a_base_that_is_there_is_not_pulled_again(stage: Stage, saved: Path, tmp_path: Path) -> None:
    stage.play("docker", f'case "$1" in save) cp {saved} "$3";; esac')
    source = _source(tmp_path / "hello", "ARG BASE=x.test/base:1\n")
    build(source, engine=engine_called("docker"), into=tmp_path, console=Silent())
    assert [command[1] for command in stage.said()] == ["image", "build", "save"]


def test_a_base_that_must_be_pulled_and_cannot_is_an_error_that_says_why(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play("docker", 'case "$1" in image|pull) echo "no such host" >&2; exit 1;; esac')
    source = _source(tmp_path / "hello", "ARG BASE=x.test/base:1\n")
    with pytest.raises(ImageError, match=r"x\.test/base:1: cannot be pulled: no such host"):
        build(source, engine=engine_called("docker"), into=tmp_path, console=Silent(), base="pull")


def test_wishes_that_were_never_locked_are_refused_with_the_command_that_locks_them(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play("docker", "exit 1")
    source = _source(tmp_path / "hello", "FROM scratch\n")
    (source / "requirements.in").write_text("kopf\n")
    with pytest.raises(ImageError, match=r"requirements\.in: it is not locked\n.*uv pip compile"):
        build(source, engine=engine_called("docker"), into=tmp_path, console=Silent())


def test_where_no_base_can_be_had_the_error_says_what_to_install(stage: Stage, tmp_path: Path) -> None:
    stage.play("docker", 'case "$1" in image|pull) echo "no such host" >&2; exit 1;; esac')
    source = _source(tmp_path / "hello", "ARG BASE=x.test/base:1\n")
    with pytest.raises(Exception, match="mmdebstrap") as caught:
        build(source, engine=engine_called("docker"), into=tmp_path, console=Silent())
    assert "apt-get install mmdebstrap" in str(caught.value)


def test_a_base_is_made_from_packages_once_and_loaded_under_its_name(
    stage: Stage, saved: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree.tar"
    with tarfile.open(tree, "w") as made:
        for name in ("./usr/bin/python3", "./etc/hostname", "./var/cache/apt/x"):
            made.addfile(tarfile.TarInfo(name))
    stage.play("mmdebstrap", f'for word; do case "$word" in *base.tar) cp {tree} "$word";; esac; done')
    stage.play("docker", f'case "$1" in image|pull) exit 1;; save) cp {saved} "$3";; esac')
    source = _source(tmp_path / "hello", "ARG BASE=x.test/base:1\n")
    engine = engine_called("docker")
    bases = {build(source, engine=engine, into=tmp_path, console=Silent()).base for _ in range(2)}
    said = stage.said()
    assert [command[0] for command in said].count("mmdebstrap") == 1
    loaded = next(Path(command[-1]) for command in said if command[:2] == ["docker", "load"])
    image = archive.read(loaded, tmp_path)
    with tarfile.open(Path(str(image.layers[0]))) as layer:
        # Neither the name of the machine that made it, nor caches.
        assert [member.name for member in layer] == ["usr", "usr/bin", "usr/bin/python3"]
    with tarfile.open(loaded) as outer:
        content = outer.extractfile("manifest.json")
        assert content is not None
        (base,) = json.load(content)[0]["RepoTags"]
    assert bases == {base}
    assert all(f"BASE={base}" in command for command in said if command[:2] == ["docker", "build"])


def test_packed_layers_and_a_builders_own_words_leave_no_trace(tmp_path: Path) -> None:
    write_archive(tmp_path / "plain.tar", name="a", files={"f": File(b"x")}, cmd=["/f"])
    with tarfile.open(tmp_path / "plain.tar") as plain, tarfile.open(tmp_path / "engine.tar", "w") as engine:
        docker = json.loads(_content(plain, "manifest.json"))[0]
        config = json.loads(_content(plain, docker["Config"]))
        config["config"] |= {"Hostname": "builder", "Labels": {"io.buildah.version": "1"}, "Env": None}
        config |= {"created": "2025-01-01T00:00:00Z", "docker_version": "1", "history": [{}]}
        members = {
            "c.json": json.dumps(config).encode(),
            "1/layer.tar": gzip.compress(_content(plain, docker["Layers"][0])),
            "manifest.json": json.dumps([{"Config": "c.json", "Layers": ["1/layer.tar"]}]).encode(),
        }
        for name, content in members.items():
            archive.add_file(engine, tarfile.TarInfo(name), content)
    archive.write(
        tmp_path / "again.tar", Reference.parse("a"), archive.read(tmp_path / "engine.tar", tmp_path)
    )
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "plain.tar").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 10240])
def test_an_archive_that_was_cut_short_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saved.tar").write_bytes(content)
    with pytest.raises(ImageError, match="cannot be read"):
        archive.read(tmp_path / "saved.tar", tmp_path)


def _content(plain: tarfile.TarFile, name: str) -> bytes:
    content = plain.extractfile(name)
    assert content is not None
    return content.read()


def _source(folder: Path, containerfile: str = "FROM scratch\n") -> Path:
    folder.mkdir()
    (folder / "Containerfile").write_text(containerfile)
    os.utime(folder / "Containerfile", (1e9, 1e9))
    return folder
