from typing import Any

from rumpf.runtime.store import Key, Store, entry_of

KEY = Key("ns", "one")


def one(version: int, uid: str = "a", owners: tuple[str, ...] = (), **metadata: object) -> dict[str, Any]:
    references = [{"uid": owner} for owner in owners]
    named = {"namespace": KEY.namespace, "name": KEY.name, "uid": uid, "resourceVersion": str(version)}
    return {"metadata": {**named, "ownerReferences": references, **metadata}}


def version_in(store: Store) -> int | None:
    entry = store.get(KEY)
    return entry.version if entry else None


def test_an_answer_and_the_watch_may_tell_the_same_in_any_order() -> None:
    store = Store()
    store.put(one(7))
    before, now = store.put(one(6))
    assert before is now
    assert version_in(store) == 7
    before, now = store.put(one(7))
    assert before is now, "the same again is no change"
    before, now = store.put(one(8))
    assert before is not now
    assert version_in(store) == 8


def test_what_was_seen_to_go_does_not_come_back_by_a_late_answer() -> None:
    store = Store()
    store.put(one(5))
    assert store.drop(KEY, "a", 9) is not None
    store.put(one(8))
    assert version_in(store) is None
    assert store.by_uid("a") is None


def test_what_only_lost_the_label_of_the_watch_comes_back_with_it() -> None:
    store = Store()
    store.put(one(5))
    store.drop(KEY, "a", 6)
    _, now = store.put(one(7))
    assert now is not None
    assert version_in(store) == 7


def test_a_late_word_that_it_is_gone_does_not_drop_what_is_newer() -> None:
    store = Store()
    store.put(one(7))
    assert store.drop(KEY, "a", 6) is None
    assert version_in(store) == 7


def test_another_of_the_same_name_stays_when_the_first_is_told_to_be_gone() -> None:
    store = Store()
    store.put(one(5, "a"))
    store.put(one(7, "b"))
    assert store.drop(KEY, "a", 6) is None
    assert store.by_uid("b") == KEY
    assert store.by_uid("a") is None


def test_a_late_answer_about_an_earlier_one_of_the_name_is_not_taken() -> None:
    store = Store()
    store.put(one(7, "b"))
    store.put(one(5, "a"))
    assert store.by_uid("b") == KEY
    assert store.by_uid("a") is None


def test_what_is_gone_is_remembered_for_a_while_and_not_for_ever() -> None:
    store = Store()
    for number in range(10_000):
        store.drop(KEY, str(number), number)
    assert len(store._gone) < 5_000  # noqa: SLF001 - memory is nothing that one can ask for


def test_children_are_found_by_their_owner_as_long_as_they_have_it() -> None:
    store = Store()
    store.put(one(1, owners=("x", "y")))
    assert store.owned("x") == store.owned("y") == [KEY]
    store.put(one(2, owners=("y",)))
    assert store.owned("x") == []
    assert store.owned("y") == [KEY]
    store.drop(KEY, "a", 3)
    assert store.owned("y") == []


def test_who_manages_which_field_is_not_kept() -> None:
    entry = entry_of(one(1, managedFields=[{"manager": "kubectl"}]))
    assert b"kubectl" not in entry.raw


def test_a_status_about_an_older_generation_is_behind() -> None:
    def pending(generation: int, status: object) -> bool:
        return entry_of({**one(1, generation=generation), "status": status}).pending

    assert pending(2, {"observedGeneration": 1})
    assert pending(1, {})
    assert pending(1, None)
    assert pending(1, "no object at all")
    assert not pending(2, {"observedGeneration": 2})


def test_what_a_person_may_change_makes_another_fingerprint_and_the_status_does_not() -> None:
    def fingerprint(status: object = None, **metadata: object) -> int:
        made = one(1)
        made["metadata"] |= metadata
        return entry_of({**made, "status": status}).fingerprint

    plain = fingerprint(generation=1)
    assert fingerprint({"phase": "Done"}, generation=1) == plain
    assert plain not in {
        fingerprint(generation=2),
        fingerprint(generation=1, labels={"a": "b"}),
        fingerprint(generation=1, annotations={"a": "b"}),
        fingerprint(generation=1, finalizers=["a/b"]),
        fingerprint(generation=1, deletionTimestamp="now"),
    }


def test_what_is_left_is_as_if_it_had_never_been_heard_of() -> None:
    store = Store()
    store.put(one(5, owners=("x",)))
    store.leave(KEY)
    store.leave(KEY)
    assert (version_in(store), store.by_uid("a"), store.owned("x")) == (None, None, [])
    before, now = store.put(one(5))
    assert (before, version_in(store)) == (None, 5), "and comes back as it was"
    assert now is not None
