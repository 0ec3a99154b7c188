import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
IMAGE = ROOT / "images" / "operators"


def test_the_operators_image_pins_all_that_rumpf_asks_for() -> None:
    # Rumpf is put into it from source, without a look at what it depends on.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(re.findall(r"^(\S+)==(\S+)", (IMAGE / "requirements.txt").read_text(), re.MULTILINE))
    asked = [Requirement(each) for each in project["dependencies"]]
    unmet = [str(each) for each in asked if pins.get(canonicalize_name(each.name), "0") not in each.specifier]
    assert asked
    assert unmet == []


def test_the_operators_image_pins_what_builds_rumpf() -> None:
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pins = dict(re.findall(r"^(\S+)==(\S+)", (IMAGE / "requirements-build.txt").read_text(), re.MULTILINE))
    asked = [Requirement(each) for each in backend]
    assert all(pins[canonicalize_name(each.name)] in each.specifier for each in asked)
