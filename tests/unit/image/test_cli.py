import json
from pathlib import Path

import pytest

from rumpf.cli.image import image
from rumpf.errors import UsageError
from tests.unit.image.stage import Stage


@pytest.fixture
def repository(stage: Stage, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two images, docker at work, and a person in it."""
    stage.play("docker", f'case "$1" in save) cp {saved} "$3";; esac')
    folder = tmp_path / "repository"
    for name in ("one", "two"):
        (folder / "images" / name).mkdir(parents=True)
        (folder / "images" / name / "Containerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(folder)
    return folder


def test_without_a_name_every_image_is_built_and_told_in_a_line(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image(["build"], standalone_mode=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("dist/images/one.tar  rumpf.local/one:dev  sha256:")
    assert second.startswith("dist/images/two.tar  rumpf.local/two:dev  sha256:")
    assert sorted(each.name for each in (repository / "dist" / "images").iterdir()) == [
        f"{name}.{part}" for name in ("one", "two") for part in ("cdx.json", "provenance.json", "tar")
    ]


def test_a_name_builds_that_image_alone_and_json_is_for_programs(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image(["build", "two", "--output", "json", "--into", "out"], standalone_mode=False)
    (built,) = json.loads(capsys.readouterr().out)
    assert built.pop("digest").startswith("sha256:")
    assert built == {
        "name": "two",
        "reference": "rumpf.local/two:dev",
        "archive": "out/two.tar",
        "size": (repository / "out" / "two.tar").stat().st_size,
        "engine": "docker",
        "base": None,
        "sbom": "out/two.cdx.json",
        "provenance": "out/two.provenance.json",
    }


@pytest.mark.usefixtures("repository")
def test_results_go_to_stdout_and_progress_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    image(["build", "one"], standalone_mode=False)
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert printed.err == "building one with docker\n"


@pytest.mark.usefixtures("repository")
def test_a_name_that_is_not_there_is_refused_with_those_that_are(stage: Stage) -> None:
    with pytest.raises(UsageError, match="no images/three/Containerfile") as caught:
        image(["build", "three"], standalone_mode=False)
    assert caught.value.remedy == "name one of: one, two"
    assert stage.said() == []


def test_a_folder_without_images_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no images/NAME/Containerfile") as caught:
        image(["build"], standalone_mode=False)
    assert "--images" in caught.value.remedy
