from rumpf.runtime.pauses import Pauses


def test_pauses_grow_up_to_the_longest_and_begin_again_after_a_reset() -> None:
    pauses = Pauses(1.0, 60.0)
    found = [pauses.next() for _ in range(2000)]
    for expected, pause in zip((1, 2, 4, 8, 16, 32, 60, 60), found, strict=False):
        assert 0.8 * expected <= pause <= 1.2 * expected
    assert found[-1] <= 72
    assert pauses.tries == 2000
    pauses.reset()
    assert pauses.next() <= 1.2
    assert pauses.tries == 1


def test_no_two_that_fail_together_come_back_together() -> None:
    assert len({Pauses(1.0, 60.0).next() for _ in range(100)}) > 90


def test_a_server_that_asks_for_time_gets_it_within_reason() -> None:
    assert Pauses(1.0, 60.0).next(10) >= 8
    assert Pauses(1.0, 60.0).next(86_400) <= 72
