import pytest

from rumpf.errors import ImageError
from rumpf.image.reference import Reference


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("sample", "docker.io/library/sample:latest"),
        ("sample:2", "docker.io/library/sample:2"),
        ("team/sample:2", "docker.io/team/sample:2"),
        ("rumpf.local/pause:1", "rumpf.local/pause:1"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/team/a__b-c.d:V_1.0-x", "localhost:5000/team/a__b-c.d:V_1.0-x"),
    ],
)
def test_what_a_name_leaves_out_is_filled_in_as_a_node_does(name: str, full: str) -> None:
    assert str(Reference.parse(name)) == full


@pytest.mark.parametrize(
    "name", ["", "Sample", "a b", "a:", "a:-x", "x.test/", "x.test/a@sha256:00", "/a", "a//b", "a/."]
)
def test_what_is_no_name_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ImageError, match="is no name for an image") as caught:
        Reference.parse(name)
    assert "example.org/sample:1" in caught.value.remedy
