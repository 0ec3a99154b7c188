from pathlib import Path

import pytest

from rumpf.errors import ImageError, ToolMissing
from rumpf.image.engine import ENGINES, EngineName, choose, engine_called
from tests.unit.image.stage import Stage

NO_ENGINE_BEHIND_DOCKER = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'


def test_the_first_engine_that_works_is_taken(stage: Stage) -> None:
    for name in ENGINES:
        stage.play(name)
    assert choose().name == "docker"


def test_docker_without_its_daemon_is_passed_over(stage: Stage) -> None:
    stage.play("docker", NO_ENGINE_BEHIND_DOCKER)
    stage.play("podman")
    assert choose().name == "podman"


def test_where_none_works_the_error_says_why_for_each(stage: Stage) -> None:
    stage.play("docker", NO_ENGINE_BEHIND_DOCKER)
    stage.play("buildah", "exit 3")
    with pytest.raises(ToolMissing) as caught:
        choose()
    assert "docker: Cannot connect to the Docker daemon" in caught.value.what
    assert "podman: not on PATH" in caught.value.what
    assert "buildah: exit code 3" in caught.value.what
    assert "apt-get install buildah" in caught.value.remedy


def test_an_engine_that_was_asked_for_is_not_replaced_by_another(stage: Stage) -> None:
    stage.play("docker", NO_ENGINE_BEHIND_DOCKER)
    stage.play("podman")
    with pytest.raises(ToolMissing, match="docker cannot be used: Cannot connect"):
        choose("docker")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "docker",
            [
                ["docker", "version", "--format", "{{.Server.Version}}"],
                ["docker", "image", "inspect", "--format", "{{.Id}}", "x.test/base:1"],
                ["docker", "pull", "--quiet", "x.test/base:1"],
                ["docker", "load", "--quiet", "--input", "BASE"],
                [
                    *(
                        "docker",
                        "build",
                        "--quiet",
                        "--network",
                        "none",
                        "--build-arg",
                        "SOURCE_DATE_EPOCH=0",
                    ),
                    *("--build-arg", "BASE=x.test/base:1", "--tag", "x.test/a:1"),
                    *("--file", "CONTEXT/Containerfile", "CONTEXT"),
                ],
                ["docker", "save", "--output", "OUT", "x.test/a:1"],
            ],
        ),
        (
            "podman",
            [
                ["podman", "info", "--format", "{{.Version.Version}}"],
                ["podman", "image", "exists", "x.test/base:1"],
                ["podman", "pull", "--quiet", "x.test/base:1"],
                ["podman", "load", "--quiet", "--input", "BASE"],
                [
                    *("podman", "build", "--quiet", "--network", "none", "--pull=never", "--layers=false"),
                    *("--force-rm", "--timestamp", "0"),
                    *("--build-arg", "BASE=x.test/base:1", "--tag", "x.test/a:1"),
                    *("--file", "CONTEXT/Containerfile", "CONTEXT"),
                ],
                [
                    *("podman", "save", "--quiet", "--format", "docker-archive"),
                    *("--output", "OUT", "x.test/a:1"),
                ],
            ],
        ),
    ],
)
def test_what_an_engine_that_is_seldom_here_is_told(
    stage: Stage, tmp_path: Path, name: EngineName, expected: list[list[str]]
) -> None:
    stage.play(name)
    engine = engine_called(name)
    context, base, out = tmp_path / "context", tmp_path / "base.tar", tmp_path / "out.tar"
    assert engine.why_not() is None
    assert engine.has_image("x.test/base:1")
    assert engine.why_no_pull("x.test/base:1") is None
    engine.load_archive(base)
    engine.build_image(context, "x.test/a:1", ["BASE=x.test/base:1"], where="a")
    engine.save_image("x.test/a:1", out)
    places = {"CONTEXT": str(context), "BASE": str(base), "OUT": str(out)}
    assert stage.said() == [
        [places.get(word, word.replace("CONTEXT/", f"{context}/")) for word in command]
        for command in expected
    ]


def test_buildah_keeps_to_a_store_in_the_cache_and_leaves_no_built_image_in_it(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play("buildah")
    engine_called("buildah").save_image("x.test/a:1", tmp_path / "out.tar")
    store = tmp_path / "cache" / "images" / "buildah"
    program = ["buildah", "--storage-driver", "vfs", "--root", f"{store}/root", "--runroot", f"{store}/run"]
    assert stage.said() == [
        [*program, "push", "--quiet", "x.test/a:1", f"docker-archive:{tmp_path}/out.tar:x.test/a:1"],
        [*program, "rmi", "x.test/a:1"],
    ]


def test_a_build_that_fails_shows_what_the_engine_said_last(stage: Stage, tmp_path: Path) -> None:
    stage.play("docker", 'echo "step 1" >&2; echo "step 2: no such file: probe.py" >&2; exit 7')
    with pytest.raises(ImageError) as caught:
        engine_called("docker").build_image(tmp_path, "a", [], where="images/a/Containerfile")
    assert caught.value.where == "images/a/Containerfile"
    assert "exit code 7" in caught.value.what
    assert "step 2: no such file: probe.py" in caught.value.what


def test_a_build_that_fails_in_silence_says_so(stage: Stage, tmp_path: Path) -> None:
    stage.play("docker", "exit 1")
    with pytest.raises(ImageError, match=r"\(nothing\)"):
        engine_called("docker").build_image(tmp_path, "a", [], where="a")
