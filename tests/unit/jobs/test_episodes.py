"""Episodes: event time decides. Times here are seconds x 1000, `clear_after` is 20 s unless a policy says otherwise."""

import copy
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.episodes import EpisodeState, EpisodeTracker, Observation, Policy, Transition

POLICY = Policy(clear_after=20_000)


def detection(second: float, value: float = 41.0, **more: str) -> Observation:
    return observation(second, "detection", value=value, limit_value=40.0, **more)


def observation(second: float, kind: str, **columns: object) -> Observation:
    known = {"value": None, "limit_value": None, "severity": None, "evidence": "{}"} | columns
    return Observation("p/rule", "d1", int(second * 1000), kind, customer_id="c1", site_id="s1", **known)


def mark(second: float, kind: str, alarm_id: str = "") -> Observation:
    return observation(second, kind, evidence=f'{{"by": "Ana", "alarm_id": "{alarm_id}"}}')


def follow(tracker: EpisodeTracker, *steps: Observation | float) -> list[Transition]:
    """Adds observations and advances to the seconds given."""
    seen: list[Transition] = []
    for step in steps:
        if isinstance(step, Observation):
            tracker.add(step)
        else:
            seen += tracker.advance(int(step * 1000))
    return seen


def run(tracker: EpisodeTracker, *steps: Observation | float) -> list[tuple[str, float, float, int]]:
    """Each transition as state, first, last, number."""
    return [
        (t.state, t.episode.first.event_time / 1000, t.episode.last_event_time / 1000, t.episode.num_detections)
        for t in follow(tracker, *steps)
    ]


def changes(tracker: EpisodeTracker, *steps: Observation | float) -> list[tuple[str, float]]:
    """Each transition as state and second."""
    return [(t.state, t.at / 1000) for t in follow(tracker, *steps)]


def tracker(in_force: Callable[[Observation], bool] = lambda o: True, **policy: object) -> EpisodeTracker:
    return EpisodeTracker(EpisodeState(), replace(POLICY, **policy), in_force)


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
    assert (open_tracker.state.episode, open_tracker.state.pending) == (None, [])


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


def run_ids(one: Observation) -> str:
    (transition,) = tracker_with(one).advance(one.event_time)
    return transition.episode.alarm_id


def tracker_with(*detections: Observation) -> EpisodeTracker:
    return EpisodeTracker(EpisodeState(pending=list(detections)), POLICY)


DETECTIONS = st.lists(st.tuples(st.integers(0, 120), st.sampled_from([41.0, 42.0])), max_size=12).flatmap(
    lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs), st.lists(st.integers(0, 119), max_size=4))
)


@settings(deadline=None)
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
        return tracker(hold=15_000)

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
        early, late = tracker(), self.tracker()
        for each in (early, late):
            each.add(detection(10))
            each.add(detection(25))
        ids = {each.advance(25_000)[0].episode.alarm_id for each in (early, late)}
        assert len(ids) == 1


def test_repeated_asks_for_so_many_detections() -> None:
    hot = [detection(second) for second in (10, 15, 20)]
    assert run(tracker(repeated=3), *hot[:2], 60) == []
    assert run(tracker(repeated=3), *hot, 20) == [("raised", 10, 20, 3)]


class TestClearCondition:
    """`clear`: between both conditions nothing changes."""

    def test_the_episode_ends_when_the_condition_holds(self) -> None:
        steps = detection(10), 15, observation(20, "clear"), 21
        assert changes(tracker(clear_after=86_400_000), *steps) == [("raised", 10), ("cleared", 20)]

    def test_before_the_alarm_it_begins_anew(self) -> None:
        steps = detection(10), observation(15, "clear"), detection(20), detection(29), 40
        assert changes(tracker(clear_after=86_400_000, hold=15_000), *steps) == []

    def test_without_an_episode_it_says_nothing(self) -> None:
        assert changes(tracker(), observation(10, "clear"), 100) == []


class TestAbsence:
    """`absent_after: 60 s`: the detections are signs of life."""

    def tracker(self, **policy: object) -> EpisodeTracker:
        return tracker(absent_after=60_000, **policy)

    def test_silence_is_an_alarm_from_when_it_has_lasted_until_the_next_sign(self) -> None:
        signs = detection(10), detection(40)
        assert changes(self.tracker(), *signs, 99.999) == []
        assert changes(self.tracker(), *signs, 200, detection(250), 251) == [("raised", 100), ("cleared", 250)]

    def test_a_device_that_never_sent_is_not_missed(self) -> None:
        assert changes(self.tracker(), 1000) == []

    def test_a_late_sign_does_not_end_a_later_silence(self) -> None:
        assert changes(self.tracker(), detection(10), 100, detection(50), 101) == [("raised", 70)]

    def test_where_the_rule_is_not_in_force_silence_counts_anew(self) -> None:
        missed = self.tracker()
        missed.in_force = lambda o: o.event_time >= 100_000
        assert changes(missed, detection(10), 200) == [("raised", 130)]

    def test_who_is_gone_for_good_is_closed_and_not_missed_again(self) -> None:
        assert changes(self.tracker(close_after=300_000), detection(10), 10_000) == [("raised", 70), ("cleared", 370)]

    def test_closed_by_hand_it_is_missed_anew(self) -> None:
        steps = detection(10), 100, mark(110, "closed"), 111, 200
        assert changes(self.tracker(), *steps) == [("raised", 70), ("cleared", 110), ("raised", 170)]

    def test_by_the_clock_it_is_missed_from_its_last_sign_on_judged_or_not(self) -> None:
        silent = self.tracker()
        follow(silent, detection(10), 20, detection(40))
        assert silent.absent_at() == 100_000
        assert changes(silent, 100) == [("raised", 100)]

    def test_who_is_missed_already_is_not_missed_by_the_clock(self) -> None:
        silent = self.tracker(severity="minor", escalation=((3_600_000, "major"),))
        assert changes(silent, detection(10), 75) == [("raised", 70)]
        assert silent.absent_at() is None
        silent.add(detection(80))
        assert silent.absent_at() == 140_000

    def test_who_is_not_waited_for_is_not_missed_by_the_clock(self) -> None:
        assert self.tracker().absent_at() is None
        assert changes(gone := self.tracker(close_after=300_000), detection(10), 10_000)[-1][0] == "cleared"
        assert gone.absent_at() is None


class TestEscalation:
    """Grave after 30 s, critical after 60 s."""

    STEPS = ((30_000, "major"), (60_000, "critical"))

    def tracker(self) -> EpisodeTracker:
        return tracker(severity="minor", escalation=self.STEPS, clear_after=200_000)

    def test_it_grows_graver_for_as_long_as_nobody_acknowledges(self) -> None:
        seen = follow(self.tracker(), detection(10), 100)
        assert [(t.state, t.at / 1000, t.episode.severity) for t in seen] == [
            ("raised", 10, "minor"),
            ("escalated", 40, "major"),
            ("escalated", 70, "critical"),
        ]
        assert seen[1].reason == "not acknowledged for 30 s"

    def test_who_acknowledges_stops_it(self) -> None:
        steps = detection(10), 50, mark(50, "acknowledged"), 51, mark(55, "acknowledged"), 100
        assert changes(self.tracker(), *steps) == [("raised", 10), ("escalated", 40), ("acknowledged", 50)]

    def test_a_graver_detection_escalates_at_once(self) -> None:
        seen = follow(tracker(severity="minor"), detection(10), detection(12, severity="critical"), detection(14), 15)
        assert [(t.state, t.episode.severity) for t in seen] == [("raised", "minor"), ("escalated", "critical")]

    def test_an_unknown_severity_changes_nothing(self) -> None:
        seen = follow(tracker(severity="minor"), detection(10, severity="awful"), 11)
        assert [t.episode.severity for t in seen] == ["minor"]


class TestFlapping:
    """Raised three times within 200 s it is one alarm until it is calm for as long."""

    def tracker(self) -> EpisodeTracker:
        return tracker(flapping_times=3, flapping_within=200_000)

    def test_the_third_alarm_stays(self) -> None:
        hot = [detection(second) for second in (10, 50, 90, 130, 170)]
        seen = follow(self.tracker(), *hot, 1000)
        assert [(t.state, t.at / 1000) for t in seen] == [
            ("raised", 10),
            ("cleared", 30),
            ("raised", 50),
            ("cleared", 70),
            ("raised", 90),
            ("cleared", 370),
        ]
        assert seen[4].reason.startswith("flapping: raised 3 times within 200 s")

    def test_alarms_far_apart_do_not_flap(self) -> None:
        hot = [detection(second) for second in (10, 150, 290)]
        assert [state for state, _ in changes(self.tracker(), *hot, 1000)] == ["raised", "cleared"] * 3

    def test_the_clear_condition_waits_for_calm_too(self) -> None:
        hot = [detection(10), detection(50), detection(90), observation(95, "clear")]
        assert changes(self.tracker(), *hot, 1000)[-1] == ("cleared", 290)


class TestMarks:
    """What operators say."""

    def test_closed_ends_the_episode(self) -> None:
        assert changes(tracker(), detection(10), 11, mark(15, "closed"), 16) == [("raised", 10), ("cleared", 15)]

    def test_a_mark_of_another_alarm_says_nothing_of_this_one(self) -> None:
        assert changes(tracker(), detection(10), 11, mark(15, "closed", "0f"), 16) == [("raised", 10)]

    def test_a_false_alarm_teaches_the_device_how_far_is_not_far_enough(self) -> None:
        steps = detection(10, 43.0), 11, mark(15, "false_alarm"), detection(100, 43.7), detection(200, 43.8), 201
        assert changes(tracker(), *steps) == [("raised", 10), ("cleared", 15), ("raised", 200)]

    def test_it_may_be_said_when_the_alarm_is_over(self) -> None:
        steps = detection(10, 41.0), detection(12, 43.0), 60, mark(65, "false_alarm"), detection(100, 42.9), 200
        assert changes(tracker(), *steps) == [("raised", 10), ("cleared", 32)]

    def test_a_device_forgets_after_ninety_days(self) -> None:
        day = 86_400
        steps = detection(10), 11, mark(15, "false_alarm"), detection(89 * day), 89 * day, detection(91 * day), 91 * day
        assert changes(tracker(), *steps)[2:] == [("raised", 91 * day)]


def test_nothing_is_kept_of_a_device_that_was_calm_for_ninety_days() -> None:
    day = 86_400
    calm = tracker()
    assert changes(calm, detection(10), mark(12, "false_alarm"), 80 * day)[-1] == ("cleared", 12)
    assert calm.state.raised
    assert changes(calm, 91 * day) == []
    assert calm.state.is_empty
    assert calm.next_time() is None


def test_what_is_not_in_force_is_not_detected() -> None:
    at_night = tracker(in_force=lambda o: o.event_time >= 20_000)
    assert changes(at_night, detection(10), detection(15), detection(25), 26) == [("raised", 25)]


def test_an_open_episode_goes_on_by_the_rules_new_policy() -> None:
    before = tracker()
    follow(before, detection(10), 15)
    after = EpisodeTracker(copy.deepcopy(before.state), replace(POLICY, clear_after=60_000))
    assert changes(after, 100) == [("cleared", 70)]
