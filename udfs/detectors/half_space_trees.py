"""Half-space trees (Tan, Ting, Liu 2011): how few of the readings before fell where this one and its change fall."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from udfs.detectors.assessment import Assessment, number

TREES: Final = 10
DEPTH: Final = 5
LEAVES: Final = 1 << DEPTH
_FEATURES: Final = 2
"""The reading, and its change since the one before."""


def _cuts() -> list[list[tuple[int, float]]]:
    """How each tree cuts the unit square: level → feature and place of the cut. Always the same ones."""
    random = Random(7)  # noqa: S311 - not for secrets; a replay must give the same trees
    return [[(random.randrange(_FEATURES), random.uniform(0.25, 0.75)) for _ in range(DEPTH)] for _ in range(TREES)]


_CUTS: Final = _cuts()


@dataclass(slots=True, kw_only=True)
class HalfSpaceTrees:
    """`warm_up` readings state the range and the first masses; then every `window` readings the masses are renewed."""

    warm_up: int = 250
    window: int = 250
    first: list[tuple[float, float]] = field(default_factory=list)
    low: tuple[float, float] = (0.0, 0.0)
    span: tuple[float, float] = (1.0, 1.0)
    reference: list[list[int]] = field(default_factory=list)
    latest: list[list[int]] = field(default_factory=list)
    num_latest: int = 0
    before: float | None = None

    def assess(self, time: int, value: float) -> Assessment:
        value = min(max(value, -1e300), 1e300)
        point = value, 0.0 if self.before is None else min(max(value - self.before, -1e300), 1e300)
        self.before = value
        if not self.reference:
            return self._warm_up(point)
        leaves = self._leaves(point)
        mass = sum(self.reference[tree][leaf] for tree, leaf in enumerate(leaves)) / TREES
        usual = self.window / LEAVES
        score = usual / (usual + mass * 4) if mass else 1.0
        self._learn(leaves)
        explanation = f"{number(value)}, changed by {number(point[1])}: {mass:.1f} of {self.window} readings were alike"
        return Assessment(score, None, None, None, True, explanation)

    def _warm_up(self, point: tuple[float, float]) -> Assessment:
        self.first.append(point)
        if len(self.first) >= self.warm_up:
            self._state_range()
            self.reference, self.latest = _no_mass(), _no_mass()
            for one in self.first[-self.window :]:
                for tree, leaf in enumerate(self._leaves(one)):
                    self.reference[tree][leaf] += 1
            self.first = []
        return Assessment(0.0, None, None, None, False, f"learning, {len(self.first)} of {self.warm_up} readings")

    def _state_range(self) -> None:
        """The range seen, and as much again to both sides."""
        lows, spans = [], []
        for feature in range(_FEATURES):
            seen = [point[feature] for point in self.first]
            span = min(max(max(seen) / 2 - min(seen) / 2, 1e-9), 1e299) * 2
            lows.append(min(seen) - span)
            spans.append(3 * span)
        self.low, self.span = (lows[0], lows[1]), (spans[0], spans[1])

    def _leaves(self, point: tuple[float, float]) -> list[int]:
        place = [(point[f] - self.low[f]) / self.span[f] for f in range(_FEATURES)]
        leaves = []
        for cuts in _CUTS:
            lower, upper, leaf = [0.0] * _FEATURES, [1.0] * _FEATURES, 0
            for feature, at in cuts:
                cut = lower[feature] + at * (upper[feature] - lower[feature])
                right = place[feature] >= cut
                (lower if right else upper)[feature] = cut
                leaf = leaf * 2 + right
            leaves.append(leaf)
        return leaves

    def _learn(self, leaves: list[int]) -> None:
        for tree, leaf in enumerate(leaves):
            self.latest[tree][leaf] += 1
        self.num_latest += 1
        if self.num_latest >= self.window:
            self.reference, self.latest, self.num_latest = self.latest, _no_mass(), 0


def _no_mass() -> list[list[int]]:
    return [[0] * LEAVES for _ in range(TREES)]
