"""Tuning: what operators called false alarms moves a limit, as far as true alarms allow."""

from jobs.tuning import PastAlarm, propose


def alarms(*values: float, false: bool, device: str = "d1", limit: float = 40.0) -> list[PastAlarm]:
    return [PastAlarm(device, value, limit, false) for value in values]


def test_false_alarms_just_above_the_limit_raise_it() -> None:
    (found, *_) = propose([*alarms(40.5, 41, 41.5, false=True), *alarms(45, 46, 47, 50, false=False)])
    assert (found.device_id, found.limit, found.proposed) == (None, 40.0, 41.5)
    assert (round(found.precision_before, 2), found.precision_after, found.recall_after) == (0.57, 1.0, 1.0)


def test_a_limit_below_is_lowered() -> None:
    history = [*alarms(2.9, 2.8, false=True, limit=3.0), *alarms(1, 0, -5, false=False, limit=3.0)]
    assert propose(history)[0].proposed == 2.8


def test_true_alarms_are_not_given_up() -> None:
    history = [*alarms(41, 48, false=True), *alarms(42, 43, 44, false=False)]
    assert [proposal.proposed for proposal in propose(history)] == [41]


def test_one_bad_device_gets_a_limit_of_its_own() -> None:
    bad = alarms(44, 45, 46, 47, 48, false=True, device="bad")
    good = [alarm for n in range(9) for alarm in alarms(41 + n / 10, false=False, device=f"d{n}")]
    (found,) = propose([*bad, *good])
    assert (found.device_id, found.proposed, found.num_false) == ("bad", 48, 5)


def test_without_marks_or_with_few_alarms_nothing_is_proposed() -> None:
    assert propose(alarms(41, 42, 43, 44, 45, 46, false=False)) == []
    assert propose(alarms(41, 42, false=True)) == []
