"""Holt-Winters: level, trend and season of a reading, what comes next, and when it will reach a limit.

Readings may come at any distance: the trend is per second. The interval grows with the horizon as the variance of an
additive model does (Hyndman et al. 2008, class 1).
"""

from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from udfs.detectors.assessment import Forecast, number
from udfs.detectors.seasonal_z import BINS

LEVEL: Final = 0.3
TREND: Final = 0.15
SEASON: Final = 0.3
SEASONAL_LEVEL: Final = 0.05
"""Where a season explains the readings their level moves slowly."""

_VARIANCE: Final = 0.05
_BOUND: Final = 1.96
"""The interval holds 95 % of what comes, if errors are normal."""

_STEPS: Final = 48
"""Places of the horizon at which the course is held against the limit."""

_HIGHEST: Final = 1e120


@dataclass(slots=True, kw_only=True)
class HoltWinters:
    """`season` in milliseconds, 0 for none; `warm_up` readings are learnt before the first forecast."""

    season: int = 0
    warm_up: int = 30
    level: float = 0.0
    trend: float = 0.0
    """Per second."""
    seasonal: list[float] = field(default_factory=lambda: [0.0] * BINS)
    variance: float = 0.0
    step: float = 0.0
    """Mean seconds between readings."""
    last: int = 0
    num_readings: int = 0

    def learn(self, time: int, value: float) -> None:
        value = _bounded(value)
        seconds = (time - self.last) / 1000
        if self.num_readings == 0:
            self.level = value
        elif seconds > 0:
            self._update(self._part(time), max(seconds, 0.001), value)
        else:
            self.level += LEVEL * (value - self.level)
        self.last = max(time, self.last)
        self.num_readings += 1

    def _update(self, part: int, seconds: float, value: float) -> None:
        # Early readings weigh more, or the first one would be the level for long.
        alpha = max(SEASONAL_LEVEL if self.season else LEVEL, 1 / (self.num_readings + 1))
        beta = max(TREND, 1 / (self.num_readings + 1)) if self.num_readings > 1 else 1.0
        predicted = self.level + self.trend * seconds
        error = value - predicted - self.seasonal[part]
        level = predicted + alpha * error
        self.trend = _bounded(self.trend + beta * ((level - self.level) / seconds - self.trend))
        self.level = _bounded(level)
        if self.season:
            self.seasonal[part] = _bounded(self.seasonal[part] + SEASON * error)
        error = _bounded(error)
        self.variance += max(_VARIANCE, 1 / self.num_readings) * (error * error - self.variance)
        self.step += max(_VARIANCE, 1 / self.num_readings) * (seconds - self.step)

    def forecast(self, horizon: int, limit: float | None) -> Forecast:
        if self.num_readings < self.warm_up or self.step <= 0:
            explanation = f"learning, {self.num_readings} of {self.warm_up} readings"
            return Forecast(None, None, None, None, None, False, explanation)
        seconds = horizon / 1000
        expected, spread = self._expected(seconds), self._spread(seconds)
        reached = earliest = None
        if limit is not None:
            now = self._expected(0.0)
            side = 1.0 if now <= limit else -1.0
            reached = self._reached(seconds, limit, side, 0.0)
            earliest = self._reached(seconds, limit, side, 1.0)
        return Forecast(
            expected,
            expected - spread,
            expected + spread,
            reached,
            earliest,
            True,
            _told(expected, spread, reached, limit),
        )

    def _reached(self, seconds: float, limit: float, side: float, bounds: float) -> float | None:
        """Seconds until the course, moved by so many bounds towards the limit, reaches it."""
        before, missing_before = 0.0, 0.0
        for step in range(_STEPS + 1):
            ahead = seconds * step / _STEPS
            missing = side * (limit - self._expected(ahead)) - bounds * self._spread(ahead)
            if missing <= 0:
                part = missing_before / (missing_before - missing) if missing_before > 0 else 1.0
                return before + part * (ahead - before)
            before, missing_before = ahead, missing
        return None

    def _expected(self, seconds: float) -> float:
        return self.level + self.trend * seconds + self.seasonal[self._part(self.last + int(seconds * 1000))]

    def _spread(self, seconds: float) -> float:
        steps = max(seconds / self.step, 1.0)
        alpha, beta = LEVEL, LEVEL * TREND
        growth = 1 + (steps - 1) * (alpha * alpha + alpha * beta * steps + beta * beta * steps * (2 * steps - 1) / 6)
        return _BOUND * sqrt(min(self.variance * growth, _HIGHEST * _HIGHEST))

    def _part(self, time: int) -> int:
        return time % self.season * BINS // self.season if self.season else 0


def _bounded(value: float) -> float:
    """What cannot overflow when it is squared."""
    return min(max(value, -_HIGHEST), _HIGHEST)


def _told(expected: float, spread: float, reached: float | None, limit: float | None) -> str:
    interval = f"{number(expected)} expected ({number(expected - spread)} to {number(expected + spread)})"
    if reached is None or limit is None:
        return interval
    return f"{interval}; {number(limit)} reached in {reached / 3600:.1f} h"
