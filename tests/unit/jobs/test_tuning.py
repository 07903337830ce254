"""Tuning: which limits are proposed. Alarms last a minute; a device `d` has its alarms an hour apart."""

from jobs.tuning import PastAlarm, Span, limits_to_try, outcome, propose


def span(hour: int, device: str = "d") -> Span:
    return Span(device, hour * 3_600_000, hour * 3_600_000 + 60_000)


def true(*hours: int, device: str = "d") -> list[PastAlarm]:
    return [PastAlarm(span(hour, device)) for hour in hours]


def false(*hours: int, device: str = "d") -> list[PastAlarm]:
    return [PastAlarm(span(hour, device), is_false=True) for hour in hours]


def missed(*hours: int) -> list[PastAlarm]:
    return [PastAlarm(span(hour), was_missed=True) for hour in hours]


def spans(*hours: int, device: str = "d") -> list[Span]:
    return [span(hour, device) for hour in hours]


def proposed(past: list[PastAlarm], replayed: dict[float, list[Span]]) -> list[tuple[str | None, float]]:
    return [(each.device_id, each.after.limit) for each in propose(40, past, replayed)]


def test_a_limit_that_raises_no_false_alarm_is_proposed_with_what_it_changes() -> None:
    past = [*true(1, 2, 3), *false(4, 5)]
    (product,) = propose(40, past, {40: spans(1, 2, 3, 4, 5), 41: spans(1, 2, 3, 4), 42: spans(1, 2, 3), 43: spans(1)})
    assert (product.device_id, product.after.limit) == (None, 42)
    assert (product.before.precision, product.after.precision) == (0.6, 1.0)
    assert (product.before.recall, product.after.recall) == (1.0, 1.0)


def test_true_alarms_are_not_given_up_for_a_false_one() -> None:
    past = [*true(1, 2, 3, 4), *false(5)]
    assert proposed(past, {40: spans(1, 2, 3, 4, 5), 42: spans(1, 2)}) == []


def test_an_alarm_that_begins_later_at_another_limit_is_the_same() -> None:
    later = Span("d", span(1).start + 30_000, span(1).end)
    assert outcome(42, true(1), [later]).num_found == 1
    assert outcome(42, true(1), [Span("other", *later[1:])]).num_found == 0


def test_failures_that_operators_missed_lower_a_limit() -> None:
    past = [*true(1, 2, 3), *missed(7, 8)]
    (product,) = propose(40, past, {36: spans(1, 2, 3, 7, 8, 9), 40: spans(1, 2, 3)})
    assert product.after.limit == 36
    assert (product.before.recall, product.after.recall) == (0.6, 1.0)
    assert product.after.num_new == 1


def test_alarms_that_nobody_has_seen_count_as_false() -> None:
    past = true(1, 2, 3, 4, 5)
    assert proposed(past, {38: spans(1, 2, 3, 4, 5, 6, 7), 40: spans(1, 2, 3, 4, 5)}) == []


def test_one_bad_device_gets_a_limit_of_its_own() -> None:
    past = [*true(1, 2, 3, 4, 5), *false(1, 2, 3, 4, 5, device="bad")]
    replayed = {
        40.0: [*spans(1, 2, 3, 4, 5), *spans(1, 2, 3, 4, 5, device="bad")],
        44.0: spans(1),
    }
    assert proposed(past, replayed) == [("bad", 44)]


def test_few_alarms_teach_nothing() -> None:
    assert proposed(false(1, 2, 3), {40: spans(1, 2, 3), 50: []}) == []


def test_alarms_that_do_not_come_again_are_left_out() -> None:
    past = [*true(1, 2, 3, 4), *false(5), *true(20)]
    (product,) = propose(40, past, {40: spans(1, 2, 3, 4, 5), 41: spans(1, 2, 3, 4)})
    assert product.after.num_failures == 4


def test_limits_are_tried_on_both_sides_in_steps_of_the_usual_excess() -> None:
    past = [PastAlarm(span(hour), excess=excess) for hour, excess in enumerate((1.0, 2.0, 9.0))]
    assert limits_to_try(40, past) == [36, 38, 39, 40, 41, 42, 43, 44, 46]
    assert limits_to_try(40, [PastAlarm(span(1), excess=-2.0)])[:4] == [44, 42, 41, 40]
    assert limits_to_try(0.5, [])[-1] == 0.65
