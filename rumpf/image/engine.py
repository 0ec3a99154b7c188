"""Docker, podman and buildah, as far as building an image goes.

An engine is a table of commands: adding one is adding a table. They build without network as far as
they can be told to (buildah cannot, in the isolation that works everywhere), and save what docker
calls an archive, of which `rumpf.image.archive` makes the one form.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from rumpf.errors import ToolMissing
from rumpf.image.process import run
from rumpf.paths import images_dir

EngineName = Literal["docker", "podman", "buildah"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)

_ANSWER_LIMIT: Final = 30.0
_PULL_LIMIT: Final = 600.0


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that builds Containerfiles, and the words it wants to hear."""

    name: EngineName
    program: tuple[str, ...]
    alive: tuple[str, ...]
    """A command that fails where the program is there and does not work."""
    has: tuple[str, ...]
    build: tuple[str, ...]
    save: Callable[[str, Path], tuple[str, ...]]
    load: Callable[[Path], tuple[str, ...]]
    forget: tuple[str, ...] = ()
    """The command that removes an image, where nobody but rumpf sees this engine's store."""

    def why_not(self) -> str | None:
        """Say why this engine cannot be used on this machine; None where it can."""
        if shutil.which(self.name) is None:
            return "not on PATH"
        return self._refusal((*self.program, *self.alive), _ANSWER_LIMIT)

    def has_image(self, reference: str) -> bool:
        """Tell whether the image is in this engine's store."""
        return self._refusal((*self.program, *self.has, reference), _ANSWER_LIMIT) is None

    def why_no_pull(self, reference: str) -> str | None:
        """Pull the image; say why it cannot be had, None where it is there now."""
        return self._refusal((*self.program, "pull", "--quiet", reference), _PULL_LIMIT)

    def load_archive(self, archive: Path) -> None:
        """Put an image archive into this engine's store, under the name that it carries."""
        run((*self.program, *self.load(archive)), where=str(archive), remedy=f"see that {self.name} works")

    def build_image(self, context: Path, reference: str, arguments: Sequence[str], *, where: str) -> None:
        """Build the Containerfile in `context`, whose `ARG`s are given as NAME=VALUE."""
        options = [option for argument in arguments for option in ("--build-arg", argument)]
        file = ("--file", str(context / "Containerfile"))
        run(
            (*self.program, *self.build, *options, "--tag", reference, *file, str(context)),
            where=where,
            remedy="correct the Containerfile at the step that is named above",
            # For docker: everything is dated alike, and the image is not wrapped in an attestation.
            env={"SOURCE_DATE_EPOCH": "0", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        )

    def save_image(self, reference: str, archive: Path) -> None:
        """Save the image as a docker archive; drop it from a store that is only rumpf's own."""
        remedy = "see whether the disk is full"
        run((*self.program, *self.save(reference, archive)), where=reference, remedy=remedy)
        if self.forget:
            run((*self.program, *self.forget, reference), where=reference, remedy=remedy)

    def _refusal(self, command: Sequence[str], limit: float) -> str | None:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
            )
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        except subprocess.TimeoutExpired:
            return f"no answer within {limit:.0f} s"
        if done.returncode == 0:
            return None
        said = (done.stderr or done.stdout).strip().splitlines()
        return said[-1].strip() if said else f"exit code {done.returncode}"


def engine_called(name: EngineName) -> Engine:
    """Return the engine of that name, whether it is there or not."""
    match name:
        case "docker":
            return Engine(
                name,
                program=("docker",),
                alive=_words("version --format {{.Server.Version}}"),
                has=_words("image inspect --format {{.Id}}"),
                build=_words("build --quiet --network none --build-arg SOURCE_DATE_EPOCH=0"),
                save=lambda reference, archive: ("save", "--output", str(archive), reference),
                load=lambda archive: ("load", "--quiet", "--input", str(archive)),
            )
        case "podman":
            saved = _words("save --quiet --format docker-archive --output")
            return Engine(
                name,
                program=("podman",),
                alive=_words("info --format {{.Version.Version}}"),
                has=_words("image exists"),
                build=_words(
                    "build --quiet --network none --pull=never --layers=false --force-rm --timestamp 0"
                ),
                save=lambda reference, archive: (*saved, str(archive), reference),
                load=lambda archive: ("load", "--quiet", "--input", str(archive)),
            )
        case "buildah":
            # A store of its own, in the one way that works everywhere: also in a container, also on
            # overlay, whatever the user's own store is made of.
            store = images_dir() / "buildah"
            folders = ("--root", str(store / "root"), "--runroot", str(store / "run"))
            return Engine(
                name,
                program=("buildah", "--storage-driver", "vfs", *folders),
                alive=("info",),
                has=_words("inspect --type image --format {{.FromImageID}}"),
                build=_words(
                    "bud --quiet --isolation chroot --pull-never --layers=false --force-rm --timestamp 0"
                ),
                save=lambda reference, archive: (
                    *("push", "--quiet", reference),
                    f"docker-archive:{archive}:{reference}",
                ),
                load=lambda archive: ("pull", "--quiet", f"docker-archive:{archive}"),
                forget=("rmi",),
            )


def _words(command: str) -> tuple[str, ...]:
    return tuple(command.split())


def choose(name: EngineName | None = None) -> Engine:
    """Return the engine `name`, or the first one that is there and works."""
    if name is not None:
        engine = engine_called(name)
        if reason := engine.why_not():
            raise ToolMissing(
                f"{name} cannot be used: {reason}",
                remedy=f"start or install {name}, or name no engine: the first that works is taken",
                where="image build",
            )
        return engine
    reasons: list[str] = []
    for engine in map(engine_called, ENGINES):
        reason = engine.why_not()
        if reason is None:
            return engine
        reasons.append(f"    {engine.name}: {reason}")
    raise ToolMissing(
        "no program that builds images works here\n" + "\n".join(reasons),
        remedy="start docker, or install buildah (on Debian: apt-get install buildah)",
        where="image build",
    )
