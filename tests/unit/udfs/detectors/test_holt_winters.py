"""Holt-Winters: what comes, how sure that is, and when a limit is reached."""

from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.detectors.holt_winters import HoltWinters

MINUTE, HOUR = 60_000, 3_600_000


def learnt(values: list[float], step: int = 10 * MINUTE, **options: int) -> HoltWinters:
    model = HoltWinters(**options)
    for number, value in enumerate(values):
        model.learn(number * step, value)
    return model


def test_nothing_is_forecast_while_it_warms_up() -> None:
    said = learnt([1.0] * 29).forecast(HOUR, 5.0)
    assert (said.warm, said.expected, said.explanation) == (False, None, "learning, 29 of 30 readings")


def test_a_line_goes_on_and_reaches_the_limit() -> None:
    rising = learnt([20 + 0.1 * number for number in range(100)])  # 0.6 an hour, last 29.9
    said = rising.forecast(6 * HOUR, 32.0)
    assert said.expected == pytest.approx(29.9 + 3.6, abs=0.1)
    assert said.seconds_to_limit == pytest.approx(3.5 * 3600, rel=0.05)
    assert "reached in 3.5 h" in said.explanation


def test_a_limit_below_is_reached_by_falling() -> None:
    falling = learnt([50 - 0.1 * number for number in range(100)])
    said = falling.forecast(6 * HOUR, 39.0)
    assert said.seconds_to_limit == pytest.approx(1.8 * 3600, rel=0.1)


def test_what_does_not_move_reaches_nothing() -> None:
    said = learnt([20.0, 20.1] * 50).forecast(6 * HOUR, 40.0)
    assert said.seconds_to_limit is None


def test_the_pessimist_is_never_later() -> None:
    noisy = learnt([20 + 0.1 * number + (number * 7919 % 13) / 10 for number in range(100)])
    said = noisy.forecast(12 * HOUR, 36.0)
    assert said.seconds_to_limit is not None
    assert said.earliest_seconds is not None
    assert said.earliest_seconds <= said.seconds_to_limit


def test_the_interval_grows_with_the_horizon() -> None:
    noisy = learnt([20 + (number * 7919 % 13) / 10 for number in range(100)])
    widths = [(said.upper or 0) - (said.lower or 0) for said in (noisy.forecast(h * HOUR, None) for h in (1, 6, 24))]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_nine_of_ten_readings_fall_into_the_interval_of_the_next_step() -> None:
    values = [20 + ((number * 7919) % 101) / 50 for number in range(600)]
    model, inside = HoltWinters(), 0
    for number, value in enumerate(values):
        said = model.forecast(10 * MINUTE, None)
        inside += said.lower is not None and said.upper is not None and said.lower <= value <= said.upper
        model.learn(number * 10 * MINUTE, value)
    assert inside >= 0.9 * (len(values) - 30)


def test_gaps_are_bridged_by_the_trend() -> None:
    model = learnt([20 + 0.1 * number for number in range(100)])
    model.learn(100 * 10 * MINUTE + 3 * HOUR, 20 + 0.1 * 100 + 1.8)
    assert model.trend == pytest.approx(0.1 / 600, rel=0.05)


def test_a_season_is_expected_to_come_again() -> None:
    days = [10.0 + (10 if 8 <= hour % 24 < 18 else 0) for hour in range(24 * 20)]
    model = learnt(days, step=HOUR, season=24 * HOUR, warm_up=72)
    said = model.forecast(10 * HOUR, None)  # from 23:00 to 09:00
    assert said.expected == pytest.approx(20, abs=3)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(allow_nan=False, allow_infinity=False)), max_size=60))
def test_any_numbers_are_survived(steps) -> None:
    model, now = HoltWinters(warm_up=2, season=24 * HOUR), 0
    for step, value in steps:
        now += step
        model.learn(now, value)
        said = model.forecast(HOUR, 10.0)
        assert all(isfinite(x) for x in (said.expected, said.lower, said.upper) if x is not None)
