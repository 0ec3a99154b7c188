"""What tests of whole installations share: the operators' image, in the nodes, as two releases of it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rumpf.image import archive
from rumpf.image.reference import Reference
from rumpf.testing import RunningCluster

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Images:
    """The operators' image by two names, and a small one with a shell."""

    old: str
    new: str
    busybox: str


@pytest.fixture(scope="session")
def images(cluster: RunningCluster, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The image of this source, in the cluster's nodes as that of an old release and of a new one."""
    if not any(shutil.which(engine) for engine in ("docker", "podman", "buildah")):
        pytest.skip("no engine builds images here")
    folder = tmp_path_factory.mktemp("images")
    command = [sys.executable, "-m", "rumpf", "image", "build", "operators", f"--into={folder}"]
    subprocess.run(command, cwd=ROOT, check=True)
    image = archive.read(folder / "operators.tar", folder)
    names = [f"rumpf.local/released-operators:{release}" for release in ("old", "new")]
    for number, name in enumerate(names):
        # Each is an image of its own: else a node has one image with two names.
        settings = {**image.settings, "Labels": {"release": name}}
        target = folder / f"{number}.tar"
        archive.write(
            target, Reference.parse(name), archive.Image(image.architecture, settings, image.layers)
        )
        cluster.load(target)
        target.unlink()
    return Images(names[0], names[1], busybox)
