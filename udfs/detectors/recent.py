"""Recent values: their median and how far they scatter, robust against a few outliers."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Final

MAD_TO_SIGMA: Final = 1.4826
"""The median deviation of normal values times this is their standard deviation."""


@dataclass(slots=True)
class Recent:
    """The last `size` values, in order of arrival and in order of size."""

    size: int = 128
    arrived: list[float] = field(default_factory=list)
    ordered: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.arrived.append(value)
        insort(self.ordered, value)
        if len(self.arrived) > self.size:
            del self.ordered[bisect_left(self.ordered, self.arrived.pop(0))]

    @property
    def median(self) -> float:
        return self.ordered[len(self.ordered) // 2] if self.ordered else 0.0

    @property
    def sigma(self) -> float:
        """The standard deviation that the median deviation stands for; 0 for values that are mostly the same."""
        middle = self.median
        deviations = sorted(abs(value - middle) for value in self.ordered)
        return MAD_TO_SIGMA * deviations[len(deviations) // 2] if deviations else 0.0
