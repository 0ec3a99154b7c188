from typing import Any

import pytest

from rumpf.runtime.drift import content, covers, fingerprint

CONTAINER = {"name": "main", "image": "busybox:1"}


@pytest.mark.parametrize(
    ("found", "desired"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ({"args": ["a", "b"]}, {"args": ["a", "b"]}),
        ({"args": ["a"]}, {"args": ("a",)}),
        ({"containers": [{"name": "sidecar"}, {**CONTAINER, "tty": True}]}, {"containers": [CONTAINER]}),
        ({"ports": [{"port": 80, "nodePort": 31000}]}, {"ports": [{"port": 80}]}),
        # What the API server leaves out.
        ({}, {"a": {}, "b": [], "c": "", "d": False, "e": None, "f": {"g": []}}),
        # Quantities, as it writes them.
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, {"limits": {"cpu": "1000m", "memory": "1024Mi"}}),
        ({"requests": {"cpu": "500m"}}, {"requests": {"cpu": 0.5}}),
        ({"sizeLimit": "1k"}, {"sizeLimit": "1000"}),
        ({"requests": {"storage": "1e3"}}, {"requests": {"storage": "1k"}}),
    ],
)
def test_an_object_with_all_that_is_desired_is_as_it_should_be(found: object, desired: object) -> None:
    assert covers(found, desired)


@pytest.mark.parametrize(
    ("found", "desired"),
    [
        ({"a": 1}, {"a": 2}),
        ({}, {"a": 1}),
        ({"a": True}, {"a": 1}),
        ({"a": "1"}, {"a": 1}),
        ({"a": "text"}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": ["b"]}),
        ({"args": ["a", "b"]}, {"args": ["a"]}),
        ({"args": ["b", "a"]}, {"args": ["a", "b"]}),
        ({"containers": [{**CONTAINER, "image": "nginx"}]}, {"containers": [CONTAINER]}),
        ({"containers": []}, {"containers": [CONTAINER]}),
        ({"containers": None}, {"containers": [CONTAINER]}),
        ({"limits": {"cpu": "2"}}, {"limits": {"cpu": "1000m"}}),
        ({"limits": {"cpu": "much"}}, {"limits": {"cpu": "1"}}),
        # Text of a ConfigMap is text, whatever it is called.
        ({"data": {"limits": "1"}}, {"data": {"limits": "1000m"}}),
        ({"cpu": "1"}, {"cpu": "1000m"}),
    ],
)
def test_an_object_that_lacks_something_is_not(found: object, desired: object) -> None:
    assert not covers(found, desired)


def test_a_wish_is_the_same_in_any_order_and_another_with_any_change() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


def test_what_an_object_is_does_not_depend_on_its_state() -> None:
    plain: dict[str, Any] = {"metadata": {"labels": {"a": "b"}, "resourceVersion": "1"}, "spec": {"c": 1}}
    later = {**plain, "metadata": {**plain["metadata"], "resourceVersion": "2"}, "status": {"ready": True}}
    assert content(later) == content(plain)
    assert content({**plain, "spec": {"c": 2}}) != content(plain)
    assert content({**plain, "data": {"c": "2"}}) != content(plain)
    assert content({**plain, "metadata": {"labels": {"a": "c"}}}) != content(plain)
