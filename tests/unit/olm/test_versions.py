"""Numbers of versions, ranges of them, and names of images, as OLM's own tools read them."""

import pytest

from rumpf.olm.references import by_digest, pinned, understood
from rumpf.olm.release import Place, place_among
from rumpf.olm.versions import Version, range_trouble

DIGEST = f"sha256:{'a' * 64}"
IN_ORDER = [
    "0.0.1",
    "0.9.0",
    "0.10.0",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-rc.1",
    "1.0.0",
]


@pytest.mark.parametrize("text", [*IN_ORDER, "1.2.3+build.7", "1.2.3-a-b.c+d"])
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3 ", "1.2.x"]
)
def test_what_is_no_version_is_none(text: str) -> None:
    assert Version.parse(text) is None


def test_versions_are_in_order() -> None:
    versions = [Version.parse(text) for text in IN_ORDER]
    assert sorted(filter(None, reversed(versions))) == versions


@pytest.mark.parametrize(
    "text",
    [
        ">=0.1.0 <0.2.0",
        "<1.0.0",
        ">1.0.0 <2.0.0 || >=3.0.0",
        "1.0.0",
        "=1.0.0",
        "!=1.0.0",
        "!1.0.0",
        ">= 1.0.0",
        "1.2.x",
        "1.x",
        "1.x.x",
        ">=1.0.0-rc.1 <1.0.0",
    ],
)
def test_a_range_is_understood(text: str) -> None:
    assert range_trouble(text) is None


@pytest.mark.parametrize(
    "text",
    ["", " ", "latest", ">=1.0", ">=1.0.0 and <2.0.0", ">=1.0.0 ||", "=>1.0.0", "~1.0.0", "^1.0.0", "x", "<"],
)
def test_what_is_no_range_is_said(text: str) -> None:
    assert range_trouble(text)


@pytest.mark.parametrize(
    "name",
    [
        "busybox",
        "busybox:1.37",
        "docker.io/library/busybox:1.37",
        f"ghcr.io/a/b@{DIGEST}",
        f"ghcr.io/a/b:1@{DIGEST}",
        "localhost:5000/a/b_c.d:T",
        "[::1]:5000/a",
    ],
)
def test_the_name_of_an_image_is_understood(name: str) -> None:
    assert understood(name)


@pytest.mark.parametrize(
    "name", ["", "a b", "A/B", "a//b", "a:", "a@sha256:1", f"a@{DIGEST}x", "https://a/b", "-a", "a:b c"]
)
def test_what_is_no_name_of_an_image_is_not(name: str) -> None:
    assert not understood(name)


def test_an_image_by_its_digest_has_no_tag() -> None:
    assert by_digest("localhost:5000/a/b:1", DIGEST) == f"localhost:5000/a/b@{DIGEST}"
    assert by_digest(f"a/b@sha256:{'0' * 64}", DIGEST) == f"a/b@{DIGEST}"
    assert pinned(f"a/b@{DIGEST}")
    assert not pinned("a/b:1")


def versions(*texts: str) -> list[Version]:
    return [found for text in texts if (found := Version.parse(text))]


def test_the_first_release_replaces_nothing() -> None:
    assert place_among("note", Version(0, 1), versions("0.1.0", "0.2.0")) == Place()


def test_a_release_replaces_the_one_before_and_can_be_reached_from_all() -> None:
    place = place_among("note", Version(0, 3), versions("0.2.0", "0.1.0", "0.3.0", "0.10.0"))
    assert place == Place("note.v0.2.0", ">=0.1.0 <0.3.0")


def test_a_release_replaces_a_release_and_not_what_came_before_it() -> None:
    place = place_among("note", Version(0, 2), versions("0.1.0", "0.2.0-rc.1"))
    assert place == Place("note.v0.1.0", ">=0.1.0 <0.2.0")
    candidate = place_among("note", Version(0, 3, 0, ("rc", "1")), versions("0.2.0", "0.2.1-rc.1"))
    assert candidate.replaces == "note.v0.2.1-rc.1"
