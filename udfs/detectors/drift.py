"""Drift: a two-sided CUSUM (Page 1954) of readings against what they were while the model warmed up.

It sees a slow shift that no single reading betrays.
"""

from dataclasses import dataclass, field

from udfs.detectors.assessment import Assessment, number
from udfs.detectors.recent import Recent


@dataclass(slots=True, kw_only=True)
class Drift:
    """`allowance` is the shift, in sigma, that is still usual; at a sum of `decision` sigma the score is 0.5."""

    warm_up: int = 100
    allowance: float = 0.5
    decision: float = 8.0
    reference: Recent = field(default_factory=lambda: Recent(size=512))
    up: float = 0.0
    down: float = 0.0
    expected: float = 0.0
    sigma: float = 0.0

    def assess(self, time: int, value: float) -> Assessment:
        value = min(max(value, -1e300), 1e300)
        if self.sigma == 0.0:
            return self._warm_up(value)
        sigmas = min(max((value - self.expected) / self.sigma, -self.decision), self.decision)
        highest = 4 * self.decision  # so that it comes back within a while after the drift is mended
        self.up = min(max(0.0, self.up + sigmas - self.allowance), highest)
        self.down = min(max(0.0, self.down - sigmas - self.allowance), highest)
        total = max(self.up, self.down)
        usual = self.allowance * self.sigma
        word = "upwards" if self.up >= self.down else "downwards"
        explanation = f"drifts {word}: {number(value)}, was {number(self.expected)}; sum {total:.1f} sigma"
        score = total / (total + self.decision)
        return Assessment(score, self.expected, self.expected - usual, self.expected + usual, True, explanation)

    def _warm_up(self, value: float) -> Assessment:
        self.reference.add(value)
        number_of = len(self.reference.arrived)
        if number_of >= min(self.warm_up, self.reference.size):
            self.expected = self.reference.median
            self.sigma = max(self.reference.sigma, 1e-3 * abs(self.expected), 1e-9)
            self.reference = Recent(size=1)
        return Assessment(0.0, None, None, None, False, f"learning, {number_of} of {self.warm_up} readings")
