"""What is pinned: the versions, their checksums, the Go modules; all of one piece."""

import re
from pathlib import Path

import pytest

from rumpf.cluster.assets import DEFAULT_KUBERNETES, EVERYTHING, kubernetes_minors
from rumpf.cluster.assets.build import needed_go
from rumpf.cluster.assets.catalog import Platform, Upstream, upstreams
from rumpf.cluster.assets.golang import REQUIREMENT
from rumpf.cluster.assets.pins import MODULES, comparable, pinned
from rumpf.cluster.assets.repin import check_unchanged, checksum_in
from rumpf.errors import ChecksumMismatch

PINNED = sorted(
    {each.name: each for minor in kubernetes_minors() for each in upstreams(minor) if each.packages}.values(),
    key=str,
)
every_upstream = pytest.mark.parametrize("upstream", PINNED, ids=[each.name for each in PINNED])


def test_everything_has_an_upstream() -> None:
    assert {name for each in upstreams(DEFAULT_KUBERNETES) for name in each.binaries} == EVERYTHING


def test_every_pin_is_used() -> None:
    assert {each.name for each in PINNED} == pinned().keys()


def test_the_default_kubernetes_is_the_newest() -> None:
    assert kubernetes_minors()[0] == DEFAULT_KUBERNETES


@every_upstream
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_every_binary_has_a_pinned_release(upstream: Upstream, arch: str) -> None:
    for binary in upstream.binaries:
        release = upstream.release(binary, Platform("linux", arch))

        assert release, f"no pinned release of {binary} for {arch}"
        assert re.fullmatch("[0-9a-f]{64}", release.sha256)
        assert release.url.startswith("https://")
        assert "{" not in release.url + (release.member or "")


@every_upstream
def test_no_two_files_have_the_same_checksum(upstream: Upstream) -> None:
    sums = [sha256 for files in pinned()[upstream.name].files.values() for sha256 in files.values()]

    assert len(sums) == len(set(sums))


@every_upstream
def test_the_build_is_of_the_version_that_is_downloaded(upstream: Upstream) -> None:
    text = (MODULES / upstream.name / "go.mod").read_text()
    required = dict(re.findall(r"^\s*(?:require )?(\S+) v(\S+?)(?: // indirect)?$", text, re.MULTILINE))

    for package in upstream.packages.values():
        module = next(path for path in required if package == path or package.startswith(f"{path}/"))
        assert required[module] == upstream.version
        assert f"{module} v{upstream.version} h1:" in (MODULES / upstream.name / "go.sum").read_text()


@every_upstream
def test_the_build_knows_every_binary(upstream: Upstream) -> None:
    text = (MODULES / upstream.name / "go.mod").read_text()

    for package in upstream.packages.values():
        assert re.search(rf"^(tool )?\s*{re.escape(package)}$", text, re.MULTILINE)


@every_upstream
def test_the_packaged_go_can_build_it(upstream: Upstream) -> None:
    carried = REQUIREMENT.read_text().split()[0].partition("==")[2]

    assert comparable(carried) >= comparable(needed_go(MODULES / upstream.name))


def test_the_packaged_go_is_pinned_by_hash_and_names_no_index() -> None:
    text = REQUIREMENT.read_text()

    assert text.count("--hash=sha256:") >= 2
    assert "://" not in text


def test_all_of_it_is_in_the_package() -> None:
    package = Path(__file__).parents[3] / "rumpf"

    assert MODULES.is_relative_to(package)
    assert REQUIREMENT.is_relative_to(package)


@pytest.mark.parametrize(
    ("older", "newer"), [("1.9.1", "1.10"), ("v1.36.3", "1.37.0-rc.1"), ("3.5.24", "3.6"), ("1", "1.0.1")]
)
def test_versions_are_ordered_by_number(older: str, newer: str) -> None:
    assert comparable(older) < comparable(newer)


SUM = "9d68969855fbf676cdb8ed758e420fb048d61f984f61de3e53eddfebe484d168"
OTHER = SUM[::-1]


@pytest.mark.parametrize(
    "published",
    [
        SUM,
        f"{SUM}\n",
        f"{SUM}  runc.amd64\n",
        f"{SUM} *runc.amd64\n",
        f"{SUM}  ./release/runc.amd64\n",
        f"{OTHER}  runc.arm64\n\n{SUM}  runc.amd64\n",
        f"Hash: SHA512\n\n{OTHER}  runc.amd64.asc\n{SUM}  runc.amd64\n",
    ],
)
def test_a_published_checksum_is_read_in_every_form_upstreams_use(published: str) -> None:
    assert checksum_in(published, "runc.amd64") == SUM


@pytest.mark.parametrize("published", ["", "not found", f"{SUM}  runc.arm64\n", SUM[:40]])
def test_a_checksum_that_is_not_there_is_not_made_up(published: str) -> None:
    with pytest.raises(ValueError, match=r"no line for runc\.amd64"):
        checksum_in(published, "runc.amd64")


def test_a_release_that_changed_since_it_was_pinned_is_refused() -> None:
    check_unchanged("runc.amd64", SUM, SUM)
    check_unchanged("runc.amd64", None, SUM)

    with pytest.raises(ChecksumMismatch, match=r"runc\.amd64: upstream now says .*, for the same version"):
        check_unchanged("runc.amd64", SUM, OTHER)
