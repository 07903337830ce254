"""Robust z-score with a season: how many sigma a reading lies from what is usual at this time of the season."""

from dataclasses import dataclass, field
from math import inf
from typing import Final

from udfs.detectors.assessment import Assessment, number
from udfs.detectors.recent import Recent

BINS: Final = 24
"""Parts of a season, each with an expectation of its own."""

_ROUNDS: Final = 3
"""Visits after which a part of the season is known."""

_LEARNING: Final = 0.1
_USUAL: Final = 3.0
"""The usual ends so many sigma from the expected; a reading farther away teaches no more than one there."""

_HIGHEST: Final = 1e300


@dataclass(slots=True, kw_only=True)
class SeasonalZ:
    """`season` in milliseconds, 0 for none; `warm_up` readings are learnt before the first is judged."""

    season: int = 0
    warm_up: int = 100
    expected: list[float] = field(default_factory=list)
    visits: list[int] = field(default_factory=list)
    residuals: Recent = field(default_factory=Recent)
    num_readings: int = 0

    def assess(self, time: int, value: float) -> Assessment:
        part = time % self.season * BINS // self.season if self.season else 0
        value = min(max(value, -_HIGHEST), _HIGHEST)
        if not self.visits:
            self.expected, self.visits = [value] * BINS, [0] * BINS
        expected = self.expected[part]
        sigma = max(self.residuals.sigma, 1e-3 * abs(expected), 1e-9)
        residual = value - expected
        warm = self.num_readings >= self.warm_up and self.visits[part] >= _ROUNDS
        self._learn(part, residual, sigma)
        return _assessment(value, expected, sigma, residual / sigma) if warm else _not_warm(self, expected)

    def _learn(self, part: int, residual: float, sigma: float) -> None:
        visits = self.visits[part]
        known = self.num_readings >= self.warm_up and visits >= _ROUNDS
        bound = _USUAL * sigma if known else inf
        step = max(_LEARNING, 1 / (visits + 1))
        self.expected[part] += step * min(max(residual, -bound), bound)
        self.visits[part] = visits + 1
        self.num_readings += 1
        if visits:
            self.residuals.add(residual)


def sigma_score(sigmas: float) -> float:
    """0.5 at 3 sigma, 0.8 at 6, 0.9 at 9: no threshold is out of reach of heavy tails."""
    far = min(abs(sigmas), 1e100)
    return far * far / (far * far + 9.0)


def _assessment(value: float, expected: float, sigma: float, sigmas: float) -> Assessment:
    lower, upper = expected - _USUAL * sigma, expected + _USUAL * sigma
    side = "above" if sigmas > 0 else "below"
    explanation = f"{number(value)} where {number(lower)} to {number(upper)} is usual ({abs(sigmas):.1f} sigma {side})"
    return Assessment(sigma_score(sigmas), expected, lower, upper, True, explanation)


def _not_warm(model: SeasonalZ, expected: float) -> Assessment:
    explanation = f"learning, {model.num_readings} of {model.warm_up} readings"
    return Assessment(0.0, expected, None, None, False, explanation)
