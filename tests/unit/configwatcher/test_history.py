"""Which Pods of the very second of a change came after it: by the versions that the API server gives."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from operators.configwatcher.course import News
from operators.configwatcher.history import newer
from operators.configwatcher.spec import Change
from operators.configwatcher.targets import Target, Targets
from rumpf.errors import ApiError
from tests.unit.configwatcher.test_targets import NOW, pod

if TYPE_CHECKING:
    from rumpf import World

NEWS = News((Change(kind="ConfigMap", name="a"),), NOW, appeared=False, version="100")


class Then:
    """A world that knows which Pods there were."""

    namespace = "ns"

    def __init__(self, *uids: str, version: str = "100", status: int = 200) -> None:
        self.uids, self.version, self.status = uids, version, status
        self.asked: list[dict[str, list[str]]] = []

    async def request(self, method: str, path: str) -> dict[str, Any]:
        place = urlsplit(path)
        assert (method, place.path) == ("GET", "/api/v1/namespaces/ns/pods")
        self.asked.append(parse_qs(place.query))
        if self.status != 200:
            raise ApiError("no", status=self.status)
        items = [{"metadata": {"uid": uid}} for uid in self.uids]
        return {"metadata": {"resourceVersion": self.version}, "items": items}


def found(then: Then, *pods: Target, news: News = NEWS) -> set[str]:
    return set(asyncio.run(newer(news, Targets(pods), "app=web", cast("World", then))))


def of_the_second(name: str, version: str) -> Target:
    return pod(name, age=0, version=version)


def test_one_that_was_not_there_then_is_newer() -> None:
    old, new = of_the_second("old", "103"), of_the_second("new", "102")
    then = Then(old.uid)
    assert found(then, old, new) == {new.uid}
    assert then.asked == [
        {"labelSelector": ["app=web"], "resourceVersion": ["100"], "resourceVersionMatch": ["Exact"]}
    ]


def test_nobody_is_asked_where_times_or_versions_tell() -> None:
    then = Then()
    earlier = pod("earlier", age=1, version="200")
    unchanged = of_the_second("unchanged", "99")
    assert found(then, earlier, unchanged) == set()
    assert found(then, of_the_second("new", "200"), news=NEWS._replace(version="")) == set()
    assert (
        found(then, of_the_second("new", "200"), news=NEWS._replace(changed_at=NOW + timedelta(1))) == set()
    )
    assert then.asked == []


@pytest.mark.parametrize("status", [400, 410, 504])
def test_where_no_history_is_kept_none_is_known_to_be_newer(status: int) -> None:
    assert found(Then(status=status), of_the_second("new", "200")) == set()


def test_an_answer_about_another_version_tells_nothing() -> None:
    assert found(Then(version="150"), of_the_second("new", "200")) == set()


def test_a_refusal_that_says_nothing_of_history_is_one() -> None:
    with pytest.raises(ApiError):
        found(Then(status=500), of_the_second("new", "200"))
