"""Detectors: what is usual stays quiet, what is not is told; any numbers are survived, and a replay says the same."""

import copy
from collections.abc import Callable
from math import isfinite, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.detectors.assessment import Detector
from udfs.detectors.drift import Drift
from udfs.detectors.half_space_trees import HalfSpaceTrees
from udfs.detectors.novelty import Novelty
from udfs.detectors.seasonal_z import SeasonalZ, sigma_score

HOUR = 3_600_000
DETECTORS: list[Callable[[], Detector]] = [
    lambda: SeasonalZ(warm_up=20),
    lambda: SeasonalZ(warm_up=20, season=24 * HOUR),
    lambda: Drift(warm_up=20),
    lambda: HalfSpaceTrees(warm_up=20, window=20),
    lambda: Novelty(warm_up=20),
]
every_detector = pytest.mark.parametrize("make", DETECTORS)


def scores(detector: Detector, values: list[float], step: int = HOUR) -> list[float]:
    return [detector.assess(number * step, value).score for number, value in enumerate(values)]


def wave(number: int) -> float:
    return 20 + sin(number * 1.7) + 0.3 * sin(number * 5.3)


@every_detector
def test_nothing_is_told_while_it_warms_up(make) -> None:
    detector = make()
    said = [detector.assess(number * HOUR, 1000.0 * (number % 7)) for number in range(20)]
    assert [(one.score, one.warm) for one in said] == [(0.0, False)] * 20
    assert said[9].explanation.startswith("learning, ")


@pytest.mark.parametrize("make", [DETECTORS[0], DETECTORS[3], DETECTORS[4]])
def test_a_spike_scores_higher_than_all_before(make) -> None:
    found = scores(make(), [*map(wave, range(400)), 60.0])
    assert found[-1] > max(found[:-1])


def test_a_z_score_says_what_was_usual() -> None:
    detector = SeasonalZ(warm_up=50)
    scores(detector, [20.0 + number % 3 for number in range(100)])
    said = detector.assess(101 * HOUR, 40.0)
    assert said.lower is not None
    assert said.upper is not None
    assert said.lower < 21 < said.upper < 40
    assert "is usual" in said.explanation
    assert "sigma above" in said.explanation


def test_a_season_makes_the_night_usual_at_night() -> None:
    days = [100.0 if 8 <= hour % 24 < 18 else 10.0 + hour % 2 for hour in range(24 * 14)]
    known = SeasonalZ(season=24 * HOUR, warm_up=72)
    assert max(scores(known, days)) < 0.5
    assert known.assess((24 * 14 + 3) * HOUR, 100.0).score > 0.9  # the day's value at night


def test_sigmas_become_a_score() -> None:
    assert [round(sigma_score(sigmas), 2) for sigmas in (0, 3, -6, 9)] == [0, 0.5, 0.8, 0.9]


def test_a_slow_shift_is_drift_and_no_single_reading_is() -> None:
    steady = [wave(number) for number in range(200)]
    shifted = [wave(number) + 0.01 * (number - 200) for number in range(200, 400)]
    drift, single = Drift(warm_up=100), SeasonalZ(warm_up=100)
    found = scores(drift, steady + shifted)
    assert max(found[:200]) < 0.5 < found[-1]
    assert max(scores(single, steady + shifted)) < 0.5


def test_drift_is_over_when_it_is_mended() -> None:
    readings = [*map(wave, range(100)), *[30.0] * 50, *map(wave, range(150, 400))]
    assert scores(Drift(warm_up=100), readings)[-1] < 0.5


def test_what_spikes_every_day_is_not_new() -> None:
    spiky = [wave(number) + (50 if number % 100 == 0 else 0) for number in range(2000)]
    assert max(scores(Novelty(warm_up=400), spiky)[800:]) < 0.33


NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=30, max_size=80)


@every_detector
@given(values=NUMBERS)
def test_any_numbers_are_survived(make, values) -> None:
    found = scores(make(), values)
    assert all(isfinite(score) and 0 <= score <= 1 for score in found)


@every_detector
@pytest.mark.parametrize("value", [0.0, 20.0, -1e300])
def test_a_constant_is_usual(make, value) -> None:
    assert max(scores(make(), [value] * 200)) <= 0.5


@every_detector
def test_times_that_repeat_are_survived(make) -> None:
    assert all(isfinite(score) for score in scores(make(), [*map(wave, range(60))], step=0))


@every_detector
@given(values=NUMBERS, cut=st.integers(0, 30))
def test_a_restored_model_goes_on_as_it_would_have(make, values, cut) -> None:
    whole = scores(make(), values)
    first = make()
    said = scores(first, values[:cut])
    restored = copy.deepcopy(first)
    said += [restored.assess((cut + n) * HOUR, value).score for n, value in enumerate(values[cut:])]
    assert said == whole
