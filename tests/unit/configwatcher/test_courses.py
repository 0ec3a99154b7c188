"""How a restart goes on when something comes between: a halt, people, a window, a budget, another spec."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.configwatcher.conftest import Play
from tests.unit.configwatcher.town import Killed, Town, refusal

HOUR = 3600


def work(town: Town, seconds: float, step: float = 0.5) -> None:
    """Let the operator work for a while."""
    for _ in range(int(seconds / step)):
        town.live(step)
        town.look()


def begun(play: Play, **options: Any) -> Town:  # noqa: ANN401 - those of Town
    """Return a town in the middle of a restart, one of eight at a time."""
    spec = {"maxUnavailable": 1, "minReadySeconds": 0, **options.pop("spec", {})}
    town = play(replicas=8, spec=spec, **options)
    town.change(message="1")
    while len(town.departures) < 3:
        town.live(0.3)
        town.look()
    return town


def each_once(town: Town) -> bool:
    """Whether each of the first Pods was sent away, once, and all have read what there is."""
    uids = [each.uid for each in town.departures]
    return len(set(uids)) == len(uids) == town.replicas and all(
        pod.has_read == town.content for pod in town.staying
    )


def condition(town: Town, name: str) -> tuple[str, str]:
    found = next(each for each in town.status["conditions"] if each["type"] == name)
    return found["status"], found["reason"]


def test_where_nothing_happens_nothing_is_written(play: Play) -> None:
    town = play()
    before = town.version
    work(town, 100)
    assert town.version == before
    assert town.events == []


def test_what_was_done_is_told(play: Play) -> None:
    town = begun(play)
    town.settle()
    last = town.status["lastRestart"]
    assert (last["pods"], last["reason"]) == (8, "ConfigMap webapp-config (message)")
    assert last["durationSeconds"] > 3
    assert town.status["pods"] == 8
    assert "outdated" not in town.status
    assert town.events[0] == "Restarting"
    assert town.events[-1] == "Restarted"
    assert each_once(town)


def test_a_pod_made_in_the_second_of_the_change_is_restarted_for_it_may_not_have_seen_it(play: Play) -> None:
    town = play(replicas=1)
    (pod,) = town.staying
    pod.created = pod.started = town.now.replace(microsecond=0)
    town.change(message="1")
    town.settle()
    assert [each.uid for each in town.departures] == [pod.uid]


# Halts.


def halted(play: Play, **spec: object) -> Town:
    town = play(replicas=4, spec={"maxUnavailable": 2, "progressDeadlineSeconds": 30, **spec})
    town.broken = True
    town.change(message="broken")
    work(town, 100)
    assert town.status["phase"] == "Halted"
    return town


def test_replacements_that_do_not_become_ready_stop_it_at_one_batch(play: Play) -> None:
    town = halted(play)
    assert len(town.departures) == 2
    assert condition(town, "Degraded") == ("True", "ReplacementsNotReady")
    assert condition(town, "Ready") == ("False", "Halted")
    work(town, HOUR, 5)
    assert len(town.departures) == 2
    assert town.events.count("RestartHalted") == 1


@pytest.mark.parametrize("deadline", [600, 20])
def test_mended_while_a_replacement_cannot_start_it_touches_none_that_is_at_work(
    play: Play, deadline: int
) -> None:
    town = play(replicas=2, spec={"progressDeadlineSeconds": deadline})
    town.keeps_waiting = True
    town.change(message="needs what is not there")
    work(town, 40)
    assert len(town.departures) == 1
    town.change(message="mended")
    work(town, 5)
    assert len(town.departures) == 1, "the other is the only one at work"
    town.keeps_waiting = False
    town.settle()
    assert min(each.ready_left for each in town.departures) == 1
    assert {pod.has_read for pod in town.staying} == {town.content}


def test_another_process_touches_no_pod_of_one_that_is_halted_either(play: Play) -> None:
    town = halted(play)
    town.memory = {}
    work(town, 200)
    assert len(town.departures) == 2
    assert town.status["phase"] == "Halted"


def test_a_config_that_works_again_replaces_the_broken_ones_and_the_others(play: Play) -> None:
    town = halted(play)
    town.broken = False
    town.change(message="works")
    town.settle()
    assert len(town.departures) == 6
    assert min(each.ready_left for each in town.departures) >= 2


def test_a_person_may_have_it_go_on_and_it_halts_again_if_nothing_is_better(play: Play) -> None:
    town = halted(play)
    town.annotate(resume="1")
    work(town, 10)
    assert town.status["phase"] == "Restarting"
    work(town, 40)
    assert town.status["phase"] == "Halted"
    work(town, 100)
    assert len(town.departures) == 2
    town.broken = False
    town.annotate(resume="2")
    town.settle()
    assert len(town.departures) == 4


def test_to_resume_what_is_not_halted_is_nothing_and_is_not_done_later(play: Play) -> None:
    town = play(replicas=4, spec={"maxUnavailable": 2, "progressDeadlineSeconds": 30})
    town.annotate(resume="early")
    town.settle()
    town.broken = True
    town.change(message="broken")
    work(town, 200)
    assert town.status["phase"] == "Halted"
    assert len(town.departures) == 2


def test_a_long_restart_is_not_halted_because_another_process_goes_on_with_it(play: Play) -> None:
    town = play(replicas=40, spec={"maxUnavailable": 1, "minReadySeconds": 0, "progressDeadlineSeconds": 20})
    town.change(message="1")
    for _ in range(2000):
        town.live(0.5)
        town.look()
        town.memory = {} if town.chance.random() < 0.05 else town.memory
        assert town.status["phase"] in {"Restarting", "Watching"}
        if town.status["phase"] == "Watching":
            break
    assert each_once(town)


# Budgets.


def test_a_budget_is_waited_for_as_long_as_it_takes(play: Play) -> None:
    town = play(replicas=4, budget=4, spec={"progressDeadlineSeconds": 30})
    town.change(message="1")
    work(town, HOUR, 5)
    assert town.departures == []
    assert condition(town, "Progressing") == ("True", "Blocked")
    assert "Blocked" in town.events
    assert not town.has_turn, "others wait for it"
    town.budget = 3
    town.settle()
    assert each_once(town)


def test_a_budget_hides_no_replacement_that_does_not_become_ready(play: Play) -> None:
    town = play(replicas=4, budget=3, spec={"maxUnavailable": 2, "progressDeadlineSeconds": 30})
    town.broken = True
    town.change(message="broken")
    work(town, 20)
    assert len(town.departures) == 1
    assert town.has_turn, "it has sent a Pod away, and waits for what takes its place"
    work(town, 100)
    assert len(town.departures) == 1
    assert town.status["phase"] == "Halted"
    assert not town.has_turn


def test_a_budget_that_blocks_is_asked_about_one_pod_now_and_then(play: Play) -> None:
    town = play(replicas=40, budget=40, spec={"minReadySeconds": 0})
    town.change(message="1")
    town.live(0.5)
    town.look()
    town.requests.clear()
    work(town, 100, 0.1)
    asked = [method for _, method in town.requests]
    assert asked.count("POST") == 20
    assert town.events.count("Blocked") == 21
    assert len(set(town.told)) < 5, "the same Event counts up"


def test_a_budget_that_lets_one_go_at_a_time_sets_the_pace_and_does_not_block(play: Play) -> None:
    town = play(replicas=40, budget=39, spec={"minReadySeconds": 0})
    town.change(message="1")
    begun = town.now
    while town.status.get("phase") != "Watching" or len(town.departures) < 40:
        town.live(0.2)
        town.look()
        assert town.now < begun + timedelta(seconds=600)
        assert condition(town, "Progressing")[1] != "Blocked"
    assert each_once(town)
    asked = sum(1 for _, method in town.requests if method == "POST")
    assert asked < 40 * 4
    # They start within 2.5 s, and are Ready within 4 s more.
    assert town.now - begun < timedelta(seconds=40 * 6)
    assert "Blocked" not in town.events


def test_whoever_lost_its_turn_and_waits_long_for_another_has_its_whole_deadline_then(play: Play) -> None:
    town = begun(play, spec={"progressDeadlineSeconds": 20})
    town.has_turn, town.is_crowded = False, True
    gone = len(town.departures)
    work(town, 100)
    town.memory = {}
    work(town, 5)
    assert len(town.departures) == gone
    assert town.status["phase"] == "Restarting"
    town.is_crowded = False
    # Its container has begun anew: there is no room for another to go.
    pod = town.staying[0]
    pod.started, pod.has_read, pod.ready, pod.ready_after = town.now, town.content, False, 10
    town.settle()
    assert "RestartHalted" not in town.events
    assert {pod.has_read for pod in town.staying} == {town.content}


# People.


@pytest.mark.parametrize("field", ["suspend", "dryRun"])
def test_suspended_in_the_middle_it_touches_no_pod_and_goes_on_with_the_others(
    play: Play, field: str
) -> None:
    town = begun(play)
    town.amend(**{field: True})
    town.look()
    gone = len(town.departures)
    work(town, 100)
    assert len(town.departures) == gone
    assert town.status["phase"] == "Waiting"
    town.memory = {}
    town.amend(**{field: False})
    town.settle()
    assert each_once(town)


def test_changed_while_suspended_it_is_one_restart_with_what_is_there_in_the_end(play: Play) -> None:
    town = play(replicas=3, spec={"suspend": True})
    for number in range(5):
        town.change(message=f"number {number}")
        work(town, 10)
    assert town.departures == []
    town.amend(suspend=False)
    town.settle()
    assert each_once(town)
    assert town.status["lastRestart"]["pods"] == 3


def test_a_dry_run_tells_and_touches_nothing(play: Play) -> None:
    town = play(spec={"dryRun": True})
    town.change(message="1")
    work(town, 60)
    assert town.departures == []
    assert town.events.count("WouldRestart") == 1
    assert len(town.status["outdated"]) == 4


def test_asked_for_by_a_person_each_pod_is_restarted_once_and_not_again_by_another_process(
    play: Play,
) -> None:
    town = play(replicas=4)
    town.annotate(restart="now")
    town.settle()
    assert len({each.uid for each in town.departures}) == len(town.departures) == 4
    town.memory = {}
    work(town, 100)
    assert len(town.departures) == 4
    town.annotate(restart="once more")
    town.settle()
    assert len(town.departures) == 8


def test_what_it_was_made_with_is_not_asked_of_it_though_it_could_not_look_at_first(play: Play) -> None:
    town = play(
        spec={"windows": [{"cron": "0 12 * * *", "minutes": 1, "timeZone": "Nowhere/None"}]}, adopt=False
    )
    town.annotate(restart="made with it")
    town.live(1)
    assert not town.look()
    town.amend(windows=[])
    work(town, 10)
    assert town.departures == []
    town.annotate(restart="now")
    town.settle()
    assert len(town.departures) == 4


def test_a_change_in_the_middle_of_what_was_asked_for_keeps_to_the_windows(play: Play) -> None:
    town = play(replicas=8, spec={"maxUnavailable": 1, "windows": [{"cron": "0 13 * * *", "minutes": 30}]})
    town.annotate(restart="now")
    work(town, 5)
    gone = len(town.departures)
    assert 0 < gone < 8
    town.change(message="1")
    work(town, 60)
    assert len(town.departures) <= gone + 1
    assert condition(town, "Progressing") == ("True", "Window")
    town.settle(2 * HOUR)
    assert {pod.has_read for pod in town.staying} == {town.content}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("point", range(1, 9))
def test_asked_for_by_a_person_and_killed_it_restarts_each_once(play: Play, moment: str, point: int) -> None:
    town = play(replicas=3, spec={"minReadySeconds": 0})
    town.fate = Killed(moment, point)
    town.annotate(restart="now")
    town.settle()
    town.memory = {}
    work(town, 60)
    assert len({each.uid for each in town.departures}) == len(town.departures) == 3


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("point", range(1, 9))
def test_changed_and_killed_and_put_back_no_pod_keeps_what_was_there_between(
    play: Play, moment: str, point: int
) -> None:
    town = play(replicas=3, spec={"minReadySeconds": 0, "maxUnavailable": "100%"})
    town.fate = killed = Killed(moment, point)
    town.change(message="1")
    for _ in range(20):
        town.live(0.5)
        if not town.look() and killed.is_over:
            break
    town.live(10)
    town.put_back()
    town.settle()
    assert {pod.has_read for pod in town.staying} == {town.content}


def test_an_end_that_cannot_be_written_down_is_told_and_counted_once(play: Play) -> None:
    town = play(replicas=1)
    town.change(message="1")
    over: list[str] = []

    def fate(when: str, what: str) -> None:
        ready = all(pod.ready and pod.has_read == town.content for pod in town.staying)
        if when == "before" and what in {"save", "settle"} and ready and len(over) < 5:
            over.append(what)
            raise refusal(500)

    town.fate = fate
    town.settle()
    assert len(over) == 5
    assert town.events.count("Restarted") == 1
    assert town.metrics["configwatcher_restarts_total"] == 1


# Gates.


def test_a_window_lets_a_restart_begin_and_one_that_has_begun_come_to_its_end(play: Play) -> None:
    windows = [{"cron": "10 12 * * *", "minutes": 1}]
    town = play(replicas=8, spec={"windows": windows, "maxUnavailable": 1})
    town.change(message="1")
    work(town, 300)
    assert town.departures == []
    assert condition(town, "Progressing") == ("True", "Window")
    town.now = datetime(2026, 3, 1, 12, 10, 55, tzinfo=UTC)
    work(town, 3)
    gone = len(town.departures)
    assert 0 < gone < 8
    town.settle()
    assert each_once(town)


def test_a_burst_is_one_restart_with_the_final_content(play: Play) -> None:
    town = play(replicas=3, spec={"debounceSeconds": 5})
    for number in range(20):
        town.change(message=f"number {number}")
        town.live(0.4)
        town.look()
    assert town.departures == []
    town.settle()
    assert each_once(town)


def test_a_change_does_not_wait_longer_because_a_status_cannot_be_written(play: Play) -> None:
    town = play(replicas=2, spec={"debounceSeconds": 5})

    def fate(when: str, what: str) -> None:
        if (when, what) == ("before", "settle"):
            raise refusal(500)

    town.fate = fate
    town.change(message="1")
    work(town, 4)
    assert town.departures == []
    work(town, 3)
    assert town.departures != []


def test_a_burst_that_nobody_lets_end_is_acted_upon_all_the_same(play: Play) -> None:
    town = play(replicas=3, spec={"debounceSeconds": 2})
    for number in range(100):
        town.change(message=f"number {number}")
        town.live(0.5)
        town.look()
    assert town.departures != []


def test_a_restart_that_is_superseded_keeps_the_distance_to_the_next(play: Play) -> None:
    town = begun(play, spec={"minIntervalSeconds": 120})
    began = town.now
    gone = len(town.departures)
    town.change(message="2")
    work(town, 60)
    assert len(town.departures) == gone
    assert condition(town, "Progressing") == ("True", "Interval")
    town.settle()
    assert town.departures[gone].at.timestamp() - began.timestamp() > 100
    assert {pod.has_read for pod in town.staying} == {town.content}


def test_what_is_superseded_before_any_pod_was_touched_leaves_the_distance_to_what_was_before(
    play: Play,
) -> None:
    town = begun(play, spec={"minIntervalSeconds": 120})
    gone = len(town.departures)
    town.budget = 8
    town.annotate(restart="now")
    work(town, 20)
    assert condition(town, "Progressing") == ("True", "Blocked")
    town.change(message="2")
    town.budget = None
    work(town, 60)
    assert len(town.departures) == gone
    assert condition(town, "Progressing") == ("True", "Interval")
    town.settle()
    assert {pod.has_read for pod in town.staying} == {town.content}


def test_what_is_superseded_before_any_pod_was_touched_counts_for_no_limit(play: Play) -> None:
    town = play(replicas=2, budget=2, spec={"maxRestartsPerHour": 2})
    for number in range(6):
        town.change(message=f"number {number}")
        work(town, 10)
    assert condition(town, "Progressing") == ("True", "Blocked")
    assert len(town.status["restarts"]) <= 2


def test_so_many_restarts_in_an_hour_and_the_next_says_so_and_comes_later(play: Play) -> None:
    town = play(replicas=1, spec={"maxRestartsPerHour": 2})
    for number in range(3):
        town.change(message=f"number {number}")
        work(town, 60)
    assert len(town.departures) == 2
    assert condition(town, "Degraded") == ("True", "RestartLimit")
    work(town, HOUR, 10)
    assert len(town.departures) == 3


# Another spec, another size.


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet"])
@pytest.mark.parametrize("replicas", [2, 0, 12])
def test_scaled_in_the_middle_it_comes_to_an_end(play: Play, kind: str, replicas: int) -> None:
    town = begun(play, kind=kind)
    town.replicas = replicas
    town.settle(60)
    assert len(town.staying) == replicas
    assert all(pod.has_read == town.content for pod in town.staying)


@pytest.mark.parametrize(("replicas", "within"), [(12, 60), (0, 90)])
def test_where_nobody_can_be_asked_it_waits_before_it_believes_that_no_more_pods_come(
    play: Play, replicas: int, within: float
) -> None:
    town = begun(play, kind="Custom", spec={"progressDeadlineSeconds": 60})
    town.replicas = replicas
    town.settle(within)
    assert len(town.staying) == replicas
    assert all(pod.has_read == town.content for pod in town.staying)


@pytest.mark.parametrize("dies", [False, True])
def test_where_nobody_can_be_asked_and_no_more_pods_come_it_halts_and_a_person_may_have_it_go_on(
    play: Play, *, dies: bool
) -> None:
    town = begun(play, kind="Custom", spec={"progressDeadlineSeconds": 60})
    town.replicas = 2
    town.live(5)
    old = [pod for pod in town.staying if pod.has_read != town.content]
    gone = len(town.departures)
    work(town, 100)
    assert len(old) == 2
    assert town.status["phase"] == "Halted"
    assert len(town.departures) == gone
    town.memory = {} if dies else town.memory
    town.annotate(resume="they are all there")
    town.settle(60)
    assert len(town.departures) == gone + 2
    assert all(pod.has_read == town.content for pod in town.staying)


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet"])
def test_where_an_owner_says_that_more_pods_are_to_come_they_are_waited_for_also_by_a_person(
    play: Play, kind: str, *, dies: bool
) -> None:
    town = play(kind=kind, replicas=4, makes_after=10_000, spec={"progressDeadlineSeconds": 30})
    town.change(message="1")
    work(town, 60)
    assert town.status["phase"] == "Halted"
    town.memory = {} if dies else town.memory
    town.annotate(resume="go on")
    work(town, 20)
    assert town.status["phase"] == "Restarting"
    work(town, 60)
    assert town.status["phase"] == "Halted"
    assert len(town.departures) == 1


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "Custom"])
@pytest.mark.parametrize(("limit", "most"), [(1, 1), ("10%", 2)])
def test_scaled_up_in_the_middle_no_more_are_away_than_may_be_of_what_is_there_then(
    play: Play, kind: str, limit: int | str, most: int
) -> None:
    town = begun(play, kind=kind, spec={"maxUnavailable": limit})
    town.replicas = 24
    gone = len(town.departures)
    while sum(pod.ready for pod in town.staying) < 24:
        town.live(0.1)
    for _ in range(100):
        town.look()
        town.live(0.1)
    town.settle()
    assert min(each.ready_left for each in town.departures[gone:]) == 24 - most
    assert all(pod.has_read == town.content for pod in town.staying)


def test_pods_that_came_meanwhile_and_never_start_do_not_keep_it_from_its_end(play: Play) -> None:
    town = begun(play)
    town.replicas = 12
    town.live(0)
    for pod in sorted(town.staying, key=lambda each: each.created)[-4:]:
        pod.starts_at = town.now + timedelta(days=1)
    work(town, 100)
    assert town.status["phase"] == "Watching"
    assert sum(pod.started is None for pod in town.staying) == 4


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "Custom"])
def test_another_selector_in_the_middle_leaves_the_others_alone_and_comes_to_an_end(
    play: Play, kind: str
) -> None:
    town = begun(play, kind=kind)
    # What is let be may be away just now.
    while any(pod.gone_at for pod in town.pods.values()):
        town.live(0.1)
    town.amend(podSelector={"matchLabels": {"app": "webapp", "parity": "odd"}})
    town.look()
    selected = [pod.uid for pod in town.staying if pod.odd and pod.has_read != town.content]
    gone = len(town.departures)
    town.settle(300)
    assert {each.uid for each in town.departures[gone:]} <= set(selected)
    assert town.status["phase"] == "Watching"


@pytest.mark.parametrize(
    "change", [{"strategy": "Delete"}, {"maxUnavailable": "100%"}, {"progressDeadlineSeconds": 5}], ids=str
)
def test_another_way_in_the_middle_is_gone_from_then_on(play: Play, change: dict[str, object]) -> None:
    town = begun(play)
    town.amend(**change)
    town.settle()
    assert each_once(town)


def test_a_change_in_the_middle_is_one_restart_more_for_those_that_had_begun_without_it(play: Play) -> None:
    town = begun(play, kind="StatefulSet")
    town.change(message="2")
    town.settle()
    assert {pod.has_read for pod in town.staying} == {town.content}
    assert not any(each.knew_it_all for each in town.departures)
    assert min(each.ready_left for each in town.departures) >= 7
    assert len(town.departures) <= 8 + 3


def test_of_an_owner_whose_pods_are_not_all_selected_only_those_count_that_are(play: Play) -> None:
    labels = {"app": "webapp", "parity": "odd"}
    town = begun(play, kind="StatefulSet", spec={"podSelector": {"matchLabels": labels}})
    town.change(message="2")
    town.settle(100)
    assert min(each.ready_left for each in town.departures) >= 7
    assert {pod.has_read for pod in town.staying if pod.odd} == {town.content}
