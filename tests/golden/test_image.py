"""Files in, an image archive out: image/<case>/image.yaml says what goes in."""

import json
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rumpf.image.oci import Directory, Entry, File, Link, write_archive

CASES = sorted((Path(__file__).parent / "image").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_image_is_exactly_what_its_files_say(
    case: Path, tmp_path: Path, expect: Callable[[Path, str], None]
) -> None:
    asked = yaml.safe_load((case / "image.yaml").read_text())
    asked["files"] = {path: _entry(entry) for path, entry in asked["files"].items()}
    write_archive(tmp_path / "image.tar", **asked)
    with tarfile.open(tmp_path / "image.tar") as archive:
        expect(case / "archive.txt", _listing(archive))
        (docker,) = json.loads(_content(archive, "manifest.json"))
        index = json.loads(_content(archive, "index.json"))
        manifest = index["manifests"][0]["digest"].replace(":", "/")
        expect(case / "index.json", _pretty(index))
        expect(case / "manifest.json", _pretty(json.loads(_content(archive, f"blobs/{manifest}"))))
        expect(case / "config.json", _pretty(json.loads(_content(archive, docker["Config"]))))
        with tarfile.open(fileobj=archive.extractfile(docker["Layers"][0])) as layer:
            expect(case / "layer.txt", _listing(layer))


def _entry(entry: dict[str, Any]) -> Entry:
    match entry:
        case {"content": content, **rest}:
            return File(content.encode(), **rest)
        case {"link": target}:
            return Link(target)
        case _:
            return Directory(**entry)


def _listing(archive: tarfile.TarFile) -> str:
    kinds = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.REGTYPE: stat.S_IFREG}
    return "".join(
        f"{stat.filemode(kinds[each.type] | each.mode)} {each.uid}:{each.gid} {each.mtime} "
        f"{each.size:>6} {each.name}{f' -> {each.linkname}' if each.linkname else ''}\n"
        for each in archive
    )


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    content = archive.extractfile(name)
    assert content is not None
    return content.read()


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
