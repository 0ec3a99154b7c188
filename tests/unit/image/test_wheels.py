import hashlib
import zipfile
from pathlib import Path

import pytest

from rumpf.console import Lines, Silent
from rumpf.errors import ImageError
from rumpf.image import wheels
from rumpf.image.wheels import wheels_for


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for an index by a folder, and for pip's own pin by an empty one."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (tmp_path / "pip.txt").touch()
    monkeypatch.setattr(wheels, "PIP", tmp_path / "pip.txt")
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return shelf


def test_the_pinned_wheels_are_fetched_once(shelf: Path, tmp_path: Path) -> None:
    pins = _pin(tmp_path, _wheel(shelf, "py3-none-any"))
    folder = wheels_for([pins], "amd64", Silent())
    assert [each.name for each in folder.iterdir()] == ["leaf-1-py3-none-any.whl"]
    (shelf / "leaf-1-py3-none-any.whl").unlink()
    assert wheels_for([pins], "amd64", Silent()) == folder


def test_what_several_files_pin_lies_in_one_folder(shelf: Path, tmp_path: Path) -> None:
    pins = _pin(tmp_path, _wheel(shelf, "py3-none-any"))
    more = _pin(tmp_path, _wheel(shelf, "py3-none-any", name="twig"), name="twig")
    folder = wheels_for([pins, more], "amd64", Silent())
    assert sorted(each.name for each in folder.iterdir()) == [
        "leaf-1-py3-none-any.whl",
        "twig-1-py3-none-any.whl",
    ]
    assert wheels_for([pins], "amd64", Silent()) != folder


def test_the_wheels_are_those_of_the_images_machine_and_python(shelf: Path, tmp_path: Path) -> None:
    tags = (
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-manylinux2014_aarch64",
        "cp312-cp312-manylinux_2_17_aarch64",
    )
    pins = _pin(tmp_path, *(_wheel(shelf, tag) for tag in tags))
    (wheel,) = wheels_for([pins], "arm64", Silent()).iterdir()
    assert wheel.name == "leaf-1-cp311-cp311-manylinux2014_aarch64.whl"


def test_a_wheel_that_is_not_what_was_pinned_is_refused_and_not_kept(shelf: Path, tmp_path: Path) -> None:
    wheel = _wheel(shelf, "py3-none-any")
    pins = _pin(tmp_path, wheel)
    wheel.write_bytes(wheel.read_bytes() + b"more")
    with pytest.raises(ImageError, match="HASHES") as caught:
        wheels_for([pins], "amd64", Silent())
    assert caught.value.where == str(pins)
    assert list((tmp_path / "cache" / "images" / "wheels").iterdir()) == []


def test_what_is_not_pinned_by_hash_is_refused(shelf: Path, tmp_path: Path) -> None:
    _wheel(shelf, "py3-none-any")
    pins = tmp_path / "requirements.txt"
    pins.write_text("leaf==1\n")
    with pytest.raises(ImageError) as caught:
        wheels_for([pins], "amd64", Lines())
    assert "pin everything by hash" in caught.value.remedy


def _wheel(shelf: Path, tag: str, name: str = "leaf") -> Path:
    path = shelf / f"{name}-1-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        wheel.writestr(
            f"{name}-1.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
        )
        wheel.writestr(f"{name}-1.dist-info/RECORD", "")
    return path


def _pin(folder: Path, *allowed: Path, name: str = "leaf") -> Path:
    hashes = " ".join(f"--hash=sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}" for each in allowed)
    pins = folder / f"requirements-{name}.txt"
    pins.write_text(f"{name}==1 {hashes}\n")
    return pins
