"""What counts as a change of content, and in which keys; and that no value can be told from what is kept."""

from datetime import UTC, datetime

import pytest

from operators.configwatcher.content import MOST_KEYS, Content, changed_keys, content_of, salt_of, written_at
from operators.configwatcher.spec import Observed, SourceId
from rumpf import ConfigMap, Secret

CREATED, LATER, LAST = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
Data = dict[str, str]
DATA: dict[str, object] = {"f:data": {}}


def config_map(
    data: Data | None = None, binary: Data | None = None, managers: list[object] | None = None
) -> ConfigMap:
    written = [{"time": CREATED, "fieldsV1": DATA}] if managers is None else managers
    metadata = {"name": "a", "uid": "1", "creationTimestamp": CREATED, "managedFields": written}
    return ConfigMap({"metadata": metadata, "data": data, "binaryData": binary})


def content(data: Data | None = None, *wanted: str, binary: Data | None = None, salt: str = "s") -> Content:
    return content_of(config_map(data, binary), wanted, salt)


def observed(of: Content, *filter: str) -> Observed:  # noqa: A002 - as in the status
    return Observed(kind="ConfigMap", name="a", hash=of.hash, keys=dict(of.keys), filter=filter)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "1;b=2"}, {"a": "1", "b": "2"}),
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "", "b": "x"}, {"a": "x", "b": ""}),
        ({"a": "x", "b": "y"}, {"a": "y", "b": "x"}),
        ({}, {"a": ""}),
        ({"a": "1"}, {"a": "1 "}),
        ({"a": "1"}, {"a": "1\x00"}),
        ({"\u00e9": "1"}, {"e\u0301": "1"}),
    ],
    ids=str,
)
def test_contents_that_differ_never_look_the_same(one: Data, other: Data) -> None:
    assert content(one).hash != content(other).hash
    assert changed_keys(observed(content(one)), content(other), ()) is not None


def test_the_order_of_keys_and_where_nothing_is_are_no_difference() -> None:
    assert content({"a": "1", "b": "2"}).hash == content({"b": "2", "a": "1"}).hash
    assert content({}).hash == content(None).hash == content({}, binary={}).hash


def test_text_and_bytes_of_a_key_are_two_things() -> None:
    assert content({"a": "MQ=="}).hash != content(binary={"a": "MQ=="}).hash


def test_text_that_is_none_is_content_too() -> None:
    assert content({"a": "\udcff"}).hash != content({"a": "\udcfe"}).hash


def test_hashes_of_two_watchers_cannot_be_compared_and_hold_no_value() -> None:
    one, other = content({"a": "value"}, salt="one"), content({"a": "value"}, salt="other")
    assert one.hash != other.hash
    assert one.keys["a"] != other.keys["a"]
    assert "value" not in repr(one)


def test_a_secret_is_salted_by_what_only_its_readers_know() -> None:
    found = Secret({"metadata": {"name": "a", "uid": "its own"}})
    assert salt_of(SourceId("Secret", "a"), found, "watcher") == "its own"
    assert salt_of(SourceId("ConfigMap", "a"), found, "watcher") == "watcher"


@pytest.mark.parametrize(
    ("before", "now", "keys"),
    [
        ({"a": "1"}, {"a": "1"}, None),
        ({"a": "1"}, {"a": "2"}, ("a",)),
        ({"a": "1"}, {"a": "1", "b": "1"}, ("b",)),
        ({"a": "1", "b": "1"}, {"a": "1"}, ("b",)),
        ({"a": "1", "b": "1"}, {"c": "1"}, ("a", "b", "c")),
        ({"a": "1"}, {}, ("a",)),
        ({}, {"a": "1"}, ("a",)),
    ],
    ids=str,
)
def test_the_keys_that_changed_are_told(before: Data, now: Data, keys: tuple[str, ...] | None) -> None:
    assert changed_keys(observed(content(before)), content(now), ()) == keys


@pytest.mark.parametrize(
    ("before", "now", "keys"),
    [
        (("a",), ("b",), None),
        (("a",), (), ("a",)),
        (("b",), (), None),
        ((), ("a",), ("a",)),
        (("a", "b"), ("a",), ("a",)),
        (("b",), ("b", "c"), None),
    ],
    ids=str,
)
def test_where_other_keys_matter_now_only_those_count_that_mattered_before_too(
    before: tuple[str, ...], now: tuple[str, ...], keys: tuple[str, ...] | None
) -> None:
    known = observed(content({"a": "1", "b": "1", "c": "1"}, *before), *before)
    assert changed_keys(known, content({"a": "2", "b": "1", "c": "1"}, *now), now) == keys


def test_a_key_that_is_named_and_not_there_counts_when_it_comes() -> None:
    known = observed(content({"a": "1"}, "a", "b"), "a", "b")
    assert changed_keys(known, content({"a": "1", "b": "1", "c": "1"}, "a", "b"), ("a", "b")) == ("b",)


def test_of_very_many_keys_it_is_known_that_one_changed_and_not_which() -> None:
    many = {f"{number}": "1" for number in range(MOST_KEYS + 1)}
    assert content(many).keys == {}
    assert changed_keys(observed(content(many)), content({**many, "7": "2"}), ()) == ()
    assert changed_keys(observed(content(many)), content(many), ()) is None


def test_who_writes_only_metadata_does_not_make_content_younger() -> None:
    managers: list[object] = [
        {"time": LATER, "fieldsV1": {**DATA, "f:metadata": {}}},
        {"time": LAST, "fieldsV1": {"f:metadata": {}}},
        {"time": CREATED, "fieldsV1": {"f:binaryData": {}}},
        {"fieldsV1": DATA},
    ]
    assert content_of(config_map({"a": "1"}, managers=managers), (), "s").changed_at == LATER


def test_one_that_was_made_anew_is_as_young_as_that() -> None:
    assert content({"a": "1"}).changed_at == CREATED


def when(before: Data, now: Data, managers: list[object] | None = None) -> datetime | None:
    found = content_of(config_map(now, managers=managers), (), "s")
    return written_at(observed(content(before)), found)


def test_a_key_that_is_added_or_changed_tells_when() -> None:
    written = datetime(2026, 1, 1, tzinfo=UTC)
    assert when({"a": "1"}, {"a": "2"}) == when({"a": "1"}, {"a": "1", "b": "1"}) == written


def test_a_key_that_is_taken_away_does_not_tell_when() -> None:
    assert when({"a": "1", "b": "1"}, {"a": "1"}) is None
    assert when({"a": "1", "b": "1"}, {"a": "2"}) is None, "it may have gone after that"
    assert when({"a": "1"}, {}) is None


def test_of_very_many_keys_nobody_knows_whether_one_was_taken_away() -> None:
    many = {f"{number}": "1" for number in range(MOST_KEYS + 1)}
    assert when(many, {**many, "7": "2"}) is None
    assert when({"0": "1"}, many) is None


def test_where_it_was_forgotten_who_wrote_what_nobody_knows_when() -> None:
    assert when({"a": "1"}, {"a": "2"}, managers=[]) is None


def test_what_appears_is_as_old_as_it_says() -> None:
    never = Observed(kind="ConfigMap", name="a")
    assert written_at(never, content({"a": "1"})) == datetime(2026, 1, 1, tzinfo=UTC)
