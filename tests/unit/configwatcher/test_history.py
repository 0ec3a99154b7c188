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
    """A world that knows which Pods there were, by name and uid."""

    namespace = "ns"

    def __init__(self, *pods: Target, version: str = "100", status: int = 200) -> None:
        self.uids = {each.name: each.uid for each in pods}
        self.version, self.status = version, status
        self.asked: list[dict[str, list[str]]] = []
        self.at_a_time = self.most = 0

    async def request(self, method: str, path: str) -> dict[str, Any]:
        place = urlsplit(path)
        assert (method, place.path) == ("GET", "/api/v1/namespaces/ns/pods")
        asked = parse_qs(place.query)
        self.asked.append(asked)
        self.at_a_time += 1
        self.most = max(self.most, self.at_a_time)
        await asyncio.sleep(0)
        self.at_a_time -= 1
        if self.status != 200:
            raise ApiError("no", status=self.status)
        uid = self.uids.get(asked["fieldSelector"][0].removeprefix("metadata.name="))
        items = [{"metadata": {"uid": uid}}] if uid else []
        return {"metadata": {"resourceVersion": self.version}, "items": items}


def found(then: Then, *pods: Target, news: News = NEWS) -> set[str]:
    return set(asyncio.run(newer(news, Targets(pods), cast("World", then))))


def of_the_second(name: str, version: str) -> Target:
    return pod(name, age=0, version=version)


def test_one_that_was_not_there_then_is_newer() -> None:
    old, new = of_the_second("old", "103"), of_the_second("new", "102")
    then = Then(old)
    assert found(then, old, new) == {new.uid}
    exactly = {"resourceVersion": ["100"], "resourceVersionMatch": ["Exact"]}
    assert then.asked == [{"fieldSelector": [f"metadata.name={name}"], **exactly} for name in ("old", "new")]


def test_two_api_servers_may_have_two_clocks() -> None:
    old, new, later = (pod(f"pod-{age}", age=-age, version="103") for age in (1, 2, 3))
    then = Then(old)
    assert found(then, old, new, later) == {new.uid}
    assert len(then.asked) == 2


def test_one_that_had_the_name_of_another_is_newer() -> None:
    new = of_the_second("db-0", "103")
    then = Then(pod("db-0", uid="another"))
    assert found(then, new) == {new.uid}


def test_thousands_of_other_pods_are_neither_asked_for_nor_all_of_them_at_once() -> None:
    others = [pod(f"other-{number}") for number in range(2000)]
    doubtful = [of_the_second(f"new-{number}", "103") for number in range(100)]
    then = Then(*others)
    assert found(then, *others, *doubtful) == {each.uid for each in doubtful}
    assert len(then.asked) == 100
    assert then.most <= 16


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


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 501, 504])
def test_where_no_history_is_told_none_is_known_to_be_newer(status: int) -> None:
    assert found(Then(status=status), of_the_second("new", "200")) == set()


def test_an_answer_about_another_version_tells_nothing() -> None:
    assert found(Then(version="150"), of_the_second("new", "200")) == set()


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_an_api_server_that_is_away_is_asked_again_later(status: int) -> None:
    with pytest.raises(ApiError):
        found(Then(status=status), of_the_second("new", "200"))
