"""Novelty: a detector for series of which nothing is known; it asks whether the unusual is unusual for this series.

At three scales it follows the level, its change and what is left of it after the time of day, each as a deviation from
what it is in the long run. A deviation counts only by how far it exceeds the largest one seen before, which is slowly
forgotten: a series that spikes every day has spikes in its record, and a quiet one a low record.
"""

from dataclasses import dataclass, field
from math import log, sqrt
from typing import Final

from udfs.detectors.assessment import Assessment, number

SCALES: Final = (3, 12, 48)
"""Readings over which level and change are taken."""

_PARTS: Final = 24
_DAY_MS: Final = 86_400_000
_LONG_RUN: Final = 0.002
"""Weight of a reading in the long-run mean and variance: about 500 readings."""

_TIME_OF_DAY: Final = 0.1
_FORGETTING: Final = 0.9995
"""A record fades to half in about 1,400 readings."""

_LEAST: Final = 3.0
"""Sigma below which nothing is new."""

_HIGHEST: Final = 1e100
_FEATURES: Final = ("level", "change", "time of day")


@dataclass(slots=True)
class Usual:
    """Mean and variance in the long run, and the largest deviation seen, in sigma."""

    mean: float = 0.0
    variance: float = 0.0
    count: int = 0
    record: float = 0.0

    def sigmas(self, value: float) -> float:
        if self.count < 2:
            return 0.0
        return abs(value - self.mean) / sqrt(self.variance + 1e-12 + (1e-3 * self.mean) ** 2)

    def learn(self, value: float) -> None:
        self.count += 1
        weight = max(_LONG_RUN, 1 / self.count)
        deviation = value - self.mean
        self.mean += weight * deviation
        self.variance = (1 - weight) * (self.variance + weight * deviation * deviation)


@dataclass(slots=True, kw_only=True)
class Novelty:
    """`warm_up` readings are learnt before the first is judged; records are kept from its second quarter on."""

    warm_up: int = 400
    num_readings: int = 0
    readings: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    of_day: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0)] * _PARTS)
    usual: list[Usual] = field(default_factory=lambda: [Usual() for _ in range(len(SCALES) * len(_FEATURES))])

    def assess(self, time: int, value: float) -> Assessment:
        value = min(max(value, -_HIGHEST), _HIGHEST)
        self._remember(time, value)
        excess, newest, farthest = 0.0, 0.0, 0
        for place, feature in enumerate(self._features()):
            usual = self.usual[place]
            sigmas = usual.sigmas(feature)
            if sigmas > max(_LEAST, usual.record) and usual.record > 0:
                beyond = log(sigmas) - log(usual.record)
                excess += beyond
                if beyond > newest:
                    newest, farthest = beyond, place
            usual.learn(feature)
            if self.num_readings > self.warm_up // 4:
                usual.record = max(sigmas, usual.record * _FORGETTING)
        if self.num_readings <= self.warm_up:
            explanation = f"learning, {self.num_readings} of {self.warm_up} readings"
            return Assessment(0.0, None, None, None, False, explanation)
        return self._said(value, excess, farthest)

    def _remember(self, time: int, value: float) -> None:
        self.num_readings += 1
        part = time % _DAY_MS * _PARTS // _DAY_MS
        expected, visits = self.of_day[part]
        residual = value - expected if visits else 0.0
        self.of_day[part] = expected + max(_TIME_OF_DAY, 1 / (visits + 1)) * (value - expected), visits + 1
        self.readings.append(value)
        self.residuals.append(residual)
        del self.readings[: -2 * SCALES[-1]], self.residuals[: -SCALES[-1]]

    def _features(self) -> list[float]:
        """Level, change and residual at each scale."""
        features = []
        for scale in SCALES:
            level = _mean(self.readings[-scale:])
            before = self.readings[-2 * scale : -scale]
            features += [level, level - _mean(before) if before else 0.0, _mean(self.residuals[-scale:])]
        return features

    def _said(self, value: float, excess: float, farthest: int) -> Assessment:
        score = excess / (1 + excess)
        feature, scale = _FEATURES[farthest % len(_FEATURES)], SCALES[farthest // len(_FEATURES)]
        usual = self.usual[farthest]
        explanation = f"{number(value)} is within what was seen"
        if score > 0:
            explanation = (
                f"{number(value)}: {feature} over {scale} readings is beyond all seen ({usual.record:.1f} sigma)"
            )
        return Assessment(score, None, None, None, True, explanation)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
