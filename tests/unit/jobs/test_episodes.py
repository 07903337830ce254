"""Episodes: event time decides. Times here are seconds x 1000, `clear_after` is 20 s."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jobs.episodes import Detection, EpisodeTracker, Transition

CLEAR_AFTER = 20_000


def detection(second: float, value: float = 41.0) -> Detection:
    return Detection("p/rule", "d1", int(second * 1000), value, 40.0, "c1", "s1", "{}")


def run(tracker: EpisodeTracker, *steps: Detection | float) -> list[tuple[str, float, float, int]]:
    """Adds detections and advances to the seconds given; each transition as state, first, last, number."""
    seen: list[Transition] = []
    for step in steps:
        if isinstance(step, Detection):
            tracker.add(step)
        else:
            seen += tracker.advance(int(step * 1000))
    return [
        (t.state, t.episode.first.event_time / 1000, t.episode.last_event_time / 1000, t.episode.num_detections)
        for t in seen
    ]


def tracker() -> EpisodeTracker:
    return EpisodeTracker(CLEAR_AFTER)


def test_nothing_is_judged_before_the_watermark_has_passed_it() -> None:
    assert run(tracker(), detection(10), 9.999) == []
    assert run(tracker(), detection(10), 10) == [("raised", 10, 10, 1)]


def test_an_episode_raises_once_and_clears_once() -> None:
    hot = [detection(second) for second in (10, 15, 30)]
    assert run(tracker(), *hot, 30) == [("raised", 10, 10, 1)]
    assert run(tracker(), *hot, 50) == [("raised", 10, 10, 1), ("cleared", 10, 30, 3)]


def test_a_gap_of_clear_after_holds_the_episode_and_a_longer_one_ends_it() -> None:
    assert [t[0] for t in run(tracker(), detection(10), detection(30), 30)] == ["raised"]
    assert run(tracker(), detection(10), detection(30.001), 31) == [
        ("raised", 10, 10, 1),
        ("cleared", 10, 10, 1),
        ("raised", 30.001, 30.001, 1),
    ]


def test_it_clears_when_event_time_has_passed_without_a_detection() -> None:
    open_tracker = tracker()
    run(open_tracker, detection(10), 10)
    assert open_tracker.next_time() == 30_000
    assert run(open_tracker, 29.999) == []
    assert run(open_tracker, 30) == [("cleared", 10, 10, 1)]
    assert (open_tracker.next_time(), open_tracker.episode, open_tracker.pending) == (None, None, [])


def test_next_time_is_the_first_of_what_waits() -> None:
    waiting = tracker()
    for second in (12, 11):
        waiting.add(detection(second))
    assert waiting.next_time() == 11_000


def test_a_late_detection_counts_towards_the_open_episode() -> None:
    assert run(tracker(), detection(10), 15, detection(9), 40) == [("raised", 10, 10, 1), ("cleared", 10, 10, 2)]


def test_the_alarm_id_follows_from_rule_device_and_start() -> None:
    first = run_ids(detection(10))
    assert first == run_ids(detection(10, value=99.0))
    others = [detection(11), replace(detection(10), rule="p/other"), replace(detection(10), device_id="d2")]
    assert len({first, *map(run_ids, others)}) == 4


def run_ids(one: Detection) -> str:
    (transition,) = tracker_with(one).advance(one.event_time)
    return transition.episode.alarm_id


def tracker_with(*detections: Detection) -> EpisodeTracker:
    return EpisodeTracker(CLEAR_AFTER, pending=list(detections))


DETECTIONS = st.lists(st.tuples(st.integers(0, 120), st.sampled_from([41.0, 42.0])), max_size=12).flatmap(
    lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs), st.lists(st.integers(0, 119), max_size=4))
)


@given(DETECTIONS)
def test_any_order_of_arrival_gives_the_same_transitions(case) -> None:
    """The watermark advances in steps; each detection comes at any moment before the watermark passes it."""
    in_order, arrivals, watermarks = case
    expected = tracker_with(*(detection(*pair) for pair in sorted(in_order))).advance(200_000)
    follower, seen, waiting = tracker(), [], [detection(*pair) for pair in arrivals]
    for watermark in [*sorted(watermarks), 200]:
        early = [d for d in waiting if d.event_time <= watermark * 1000 or d.value == 42.0]
        waiting = [d for d in waiting if d not in early]
        for one in early:
            follower.add(one)
        seen += follower.advance(watermark * 1000)
    assert seen == expected


class TestFor:
    """With `for: 15 s` detections must go on for so long."""

    def tracker(self) -> EpisodeTracker:
        return EpisodeTracker(CLEAR_AFTER, hold=15_000)

    def test_an_alarm_is_raised_by_the_detection_that_makes_it_long_enough(self) -> None:
        hot = [detection(second) for second in (10, 20, 24.999, 25, 30)]
        assert run(self.tracker(), *hot, 30) == [("raised", 10, 25, 4)]
        assert run(self.tracker(), *hot, 50) == [("raised", 10, 25, 4), ("cleared", 10, 30, 5)]

    def test_an_episode_that_ends_before_is_no_alarm(self) -> None:
        assert run(self.tracker(), detection(10), detection(20), 60) == []

    def test_a_gap_begins_it_anew(self) -> None:
        hot = [detection(second) for second in (10, 20, 40.001, 50, 56)]
        assert [(t[0], t[1]) for t in run(self.tracker(), *hot, 56)] == [("raised", 40.001)]

    def test_its_id_follows_from_its_begin(self) -> None:
        early, late = EpisodeTracker(CLEAR_AFTER), self.tracker()
        for each in (early, late):
            each.add(detection(10))
            each.add(detection(25))
        ids = {each.advance(25_000)[0].episode.alarm_id for each in (early, late)}
        assert len(ids) == 1
