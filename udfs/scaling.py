"""Scale and offset without binary dust: 308 at scale 0.1 is 30.8, not 30.800000000000001.

Both are taken as the decimals that were written and turned into value = (raw * multiplier + shift) / divisor over
integers; Python divides integers to the nearest float, so the result is the decimal a person expects.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True)
class Scaling:
    """value = (raw * multiplier + shift) / divisor."""

    multiplier: int
    shift: int
    divisor: int

    def apply(self, raw: float) -> float:
        """The value of a raw number; an integer's is the nearest float."""
        if type(raw) is int:
            return (raw * self.multiplier + self.shift) / self.divisor
        return float((exact(raw) * self.multiplier + self.shift) / self.divisor)

    def invert(self, value: float) -> Fraction:
        """The raw number, not yet rounded to what the payload can hold."""
        return (exact(value) * self.divisor - self.shift) / self.multiplier


def compile_scaling(
    scale: float | str | None, offset: float, factor: Fraction = Fraction(1), shift: Fraction = Fraction(0)
) -> Scaling | None:
    """The scaling (raw * scale + offset) * factor + shift, None where the raw number is the value; scale is not 0."""
    factor, shift = exact(1 if scale is None else scale) * factor, exact(offset) * factor + shift
    if factor == 1 and shift == 0:
        return None
    divisor = factor.denominator * shift.denominator
    return Scaling(int(factor * divisor), int(shift * divisor), divisor)


def exact(number: float | str) -> Fraction:
    """The decimal that a float was written as, or the fraction of a text; raises ValueError."""
    return Fraction(number) if isinstance(number, str) else Fraction(Decimal(repr(number)))
