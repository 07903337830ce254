"""The benchmark's scoring: nothing found is 0, all found at once is 100, calculated by hand in between."""

import sys
from math import exp
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "bench" / "accuracy"))

from nab_scoring import PROFILES, normalised, probation, raw_score, sigmoid

STANDARD = PROFILES["standard"]
WINDOWS = [(400, 499), (700, 799)]


def score(*rows: int) -> float:
    return normalised(raw_score(rows, WINDOWS, 1000, STANDARD), len(WINDOWS), STANDARD)


def test_a_silent_detector_has_nothing_and_a_perfect_one_a_hundred() -> None:
    assert score() == 0
    assert score(400, 700) == pytest.approx(100)


def test_only_the_first_detection_of_a_window_counts_and_earlier_is_better() -> None:
    assert score(400, 450, 700) == pytest.approx(100)
    assert score(450, 700) < 100
    assert score(499, 700) < score(450, 700)


def test_the_middle_of_a_window_by_hand() -> None:
    """Row 450 of 400 to 499 stands at -0.5 of the window."""
    found = (2 / (1 + exp(-2.5)) - 1) / (2 / (1 + exp(-5)) - 1)
    assert raw_score([450], WINDOWS, 1000, STANDARD) == pytest.approx(found - 1)


def test_false_detections_cost_less_right_behind_a_window() -> None:
    before, behind, far = (raw_score([row], WINDOWS, 1000, STANDARD) + 2 for row in (300, 505, 690))
    assert before == pytest.approx(-0.11)
    assert -0.11 < far < behind < 0


def test_nothing_counts_in_the_probation() -> None:
    assert probation(1000) == 150
    assert probation(22_695) == 750
    assert raw_score([10, 149], WINDOWS, 1000, STANDARD) == -2


def test_the_sigmoid_runs_from_one_to_minus_one() -> None:
    assert sigmoid(-1) == pytest.approx(0.9866, abs=1e-4)
    assert sigmoid(0) == 0
    assert sigmoid(3.5) == -1
