"""The scoring of the Numenta Anomaly Benchmark (Lavin, Ahmad 2015), standard, low-FP and low-FN profiles.

Of the detections in a window only the first counts, the earlier the more; each one outside costs, the less the closer
it follows a window; a missed window costs. 0 is a detector that never fires, 100 one that fires at each window's start.
"""

from collections.abc import Sequence
from math import exp
from typing import Final, NamedTuple


class Profile(NamedTuple):
    """What a window found, a false detection and a missed window count."""

    found: float
    false: float
    missed: float


PROFILES: Final = {
    "standard": Profile(1.0, 0.11, 1.0),
    "reward_low_FP": Profile(1.0, 0.22, 1.0),
    "reward_low_FN": Profile(1.0, 0.11, 2.0),
}
PROBATION: Final = 0.15
LONGEST_PROBATION: Final = 750
"""Rows: 15 % of 5,000."""

Window = tuple[int, int]
"""First and last row of an anomaly, from 0."""


def probation(num_rows: int) -> int:
    """Rows at the begin of a file in which nothing counts."""
    return min(int(PROBATION * num_rows), LONGEST_PROBATION)


def sigmoid(position: float) -> float:
    """1 at the start of a window (-1), 0 at its end (0), -1 far behind it."""
    return 2.0 / (1.0 + exp(5.0 * position)) - 1.0 if position <= 3.0 else -1.0


def raw_score(detections: Sequence[int], windows: Sequence[Window], num_rows: int, profile: Profile) -> float:
    """What the detections (rows) of one file add up to; a missed window counts -`missed`."""
    total, seen = 0.0, set()
    for row in sorted(detections):
        if row < probation(num_rows):
            continue
        window = next((w for w in windows if w[0] <= row <= w[1]), None)
        if window is None:
            total += profile.false * _false(row, windows)
        elif window not in seen:
            seen.add(window)
            width = window[1] - window[0] + 1
            total += profile.found * sigmoid(-(window[1] - row + 1) / width) / sigmoid(-1.0)
    return total - profile.missed * (len(windows) - len(seen))


def _false(row: int, windows: Sequence[Window]) -> float:
    before = max((w for w in windows if w[1] < row), default=None)
    if before is None:
        return -1.0
    return sigmoid((row - before[1]) / max(before[1] - before[0], 1))


def normalised(raw: float, num_windows: int, profile: Profile) -> float:
    null = -profile.missed * num_windows
    perfect = profile.found * num_windows
    return 100.0 * (raw - null) / (perfect - null)
