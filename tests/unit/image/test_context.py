import os
import stat
from pathlib import Path

import pytest

from rumpf.errors import ImageError
from rumpf.image.context import lay_out


def test_what_differs_between_two_checkouts_does_not_reach_the_engine(tmp_path: Path) -> None:
    source = _source(tmp_path / "a")
    (source / "run.sh").write_text("")
    (source / "run.sh").chmod(0o700)
    (source / "Containerfile").chmod(0o600)
    (source / "__pycache__").mkdir()
    (source / "link").symlink_to("run.sh")
    wheels = tmp_path / "wheels"
    wheels.mkdir(mode=0o700)
    (wheels / "x-1-py3-none-any.whl").touch()
    lay_out(source, wheels, tmp_path / "context")
    assert _seen(tmp_path / "context") == {
        "Containerfile": ("0o644", 0),
        "link": ("0o777", 0),
        "run.sh": ("0o755", 0),
        "wheels": ("0o755", 0),
        "wheels/x-1-py3-none-any.whl": ("0o644", 0),
    }


def test_a_link_to_a_folder_of_the_project_brings_that_folder_in(tmp_path: Path) -> None:
    source = _source(tmp_path / "images" / "a")
    operators = tmp_path / "operators"
    (operators / "message" / "__pycache__").mkdir(parents=True)
    (operators / "message" / "operator.py").write_text("")
    (operators / "latest").symlink_to("message")
    (operators / "start").write_text("")
    (operators / "start").chmod(0o700)
    (source / "operators").symlink_to("../../operators")
    (source / "deep").mkdir()
    (source / "deep" / "start").symlink_to("../../../operators/start")
    lay_out(source, None, tmp_path / "context")
    assert _seen(tmp_path / "context") == {
        "Containerfile": ("0o644", 0),
        "deep": ("0o755", 0),
        "deep/start": ("0o755", 0),
        "operators": ("0o755", 0),
        "operators/latest": ("0o777", 0),
        "operators/message": ("0o755", 0),
        "operators/message/operator.py": ("0o644", 0),
        "operators/start": ("0o755", 0),
    }


def test_links_that_are_meant_for_the_image_stay_links(tmp_path: Path) -> None:
    source = _source(tmp_path / "a")
    (source / "python").symlink_to("/usr/bin/python3")
    (source / "again").symlink_to("../a/Containerfile")
    lay_out(source, None, tmp_path / "context")
    assert (tmp_path / "context" / "python").readlink() == Path("/usr/bin/python3")
    assert (tmp_path / "context" / "again").is_symlink()


def test_a_link_is_followed_from_where_the_folder_really_is(tmp_path: Path) -> None:
    source = _source(tmp_path / "images" / "a")
    (tmp_path / "note").write_text("here")
    (source / "note").symlink_to("../../note")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").symlink_to(source)
    lay_out(tmp_path / "elsewhere" / "a", None, tmp_path / "context")
    assert (tmp_path / "context" / "note").read_text() == "here"


def test_a_link_that_leads_nowhere_is_refused_by_its_name(tmp_path: Path) -> None:
    source = _source(tmp_path / "images" / "a")
    (source / "operators").symlink_to("../../operators")
    with pytest.raises(ImageError) as caught:
        lay_out(source, None, tmp_path / "context")
    assert caught.value.where == str(source / "operators")
    assert caught.value.what == f"it leads to {tmp_path / 'operators'}, which is not there"


def test_a_link_to_a_folder_that_it_is_in_itself_is_refused(tmp_path: Path) -> None:
    source = _source(tmp_path / "images" / "a")
    (source / "project").symlink_to("../..")
    with pytest.raises(ImageError, match="no end to it") as caught:
        lay_out(source, None, tmp_path / "context")
    assert "one by one" in caught.value.remedy


def test_a_folder_called_wheels_is_not_overwritten(tmp_path: Path) -> None:
    source = _source(tmp_path / "a")
    (source / "wheels").mkdir()
    with pytest.raises(ImageError, match="the name is taken"):
        lay_out(source, tmp_path, tmp_path / "context")


def _seen(context: Path) -> dict[str, tuple[str, float]]:
    """Return mode and time of everything in there, by path."""
    return {
        str(path.relative_to(context)): (oct(stat.S_IMODE(path.lstat().st_mode)), path.lstat().st_mtime)
        for path in context.rglob("*")
    }


def _source(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "Containerfile").write_text("FROM scratch\n")
    os.utime(folder / "Containerfile", (1e9, 1e9))
    return folder
