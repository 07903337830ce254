"""Numbers with units, as they are added and multiplied.

A number written in an expression takes the unit of what it is added to; as a factor it has none. Temperatures have a
zero point: a difference of two is in K, a sum of two is no temperature until it is divided again.
"""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from udfs.units import Unit, parse_unit

NUMBER: Final = parse_unit("1")
_TEMPERATURE: Final = parse_unit("K").dimension


@dataclass(frozen=True)
class Quantity:
    """A number in a unit; `code` names the unit to people.

    `points` is how many times the unit's zero point is in it: 1 for a temperature, 0 for a difference, None where
    that is not known. `literal` holds the value of what is made of written numbers alone.
    """

    unit: Unit
    code: str
    points: Fraction | None = None
    literal: Fraction | None = None
    is_written: bool = False

    @property
    def is_temperature(self) -> bool:
        return self.unit.dimension == _TEMPERATURE


CONDITION: Final = Quantity(NUMBER, "condition")
"""What a comparison gives; told apart from numbers by identity."""

PLAIN: Final = Quantity(NUMBER, "1", Fraction(0))
"""A number without a unit that was measured or computed."""


def written(value: Fraction | None) -> Quantity:
    """A number in the text, None where it is computed of such."""
    return Quantity(NUMBER, "any unit", None, value, is_written=True)


def product(left: Quantity, right: Quantity) -> Quantity:
    """The product; one of numbers and one quantity keeps its unit."""
    if left.is_written and right.is_written:
        return written(_if_known(operator.mul, left.literal, right.literal))
    if left.is_written or right.is_written:
        factor, quantity = (left, right) if left.is_written else (right, left)
        return replace(quantity, points=_if_known(operator.mul, quantity.points, factor.literal))
    powers: Counter[str] = Counter()
    for base, power in (*left.unit.dimension, *right.unit.dimension):
        powers[base] += power
    dimension = frozenset((base, power) for base, power in powers.items() if power)
    # Beside a plain number, such as a count, a temperature keeps its zero point: a sum of them by their count is one.
    kept = next((q for q, other in ((left, right), (right, left)) if not other.unit.dimension and q.unit.zero), None)
    unit = Unit(left.unit.factor * right.unit.factor, kept.unit.zero if kept else Fraction(0), dimension)
    points = None if kept and kept.points != 0 else Fraction(0)
    return Quantity(unit, _product_code(left.code, right.code), points)


def inverse(quantity: Quantity) -> Quantity:
    """1 divided by it."""
    if quantity.is_written:
        return written(1 / quantity.literal if quantity.literal else None)
    unit = quantity.unit
    inverted = Unit(1 / unit.factor, Fraction(0), frozenset((base, -power) for base, power in unit.dimension))
    return Quantity(inverted, "1" if quantity.code == "1" else f"/{_grouped(quantity.code)}", Fraction(0))


def power_of(quantity: Quantity, power: int) -> Quantity:
    """It multiplied `power` times."""
    unit = quantity.unit
    dimension = frozenset((base, count * power) for base, count in unit.dimension if power)
    return Quantity(Unit(unit.factor**power, Fraction(0), dimension), f"{_grouped(quantity.code)}{power}", Fraction(0))


def total(left: Quantity, right: Quantity, sign: int) -> Quantity:
    """The sum, or the difference for a sign of -1, of quantities in one unit."""
    if left.is_written and right.is_written:
        return written(_if_known(lambda a, b: a + sign * b, left.literal, right.literal))
    if left.is_written or right.is_written:
        # The number may be a temperature or a difference, as in `temperature.mean - 18`: the stated unit decides.
        return replace(right if left.is_written else left, points=None)
    points = _if_known(lambda a, b: a + sign * b, left.points, right.points)
    return replace(left, points=points, code="K" if points == 0 and left.code == "Cel" else left.code)


def either(quantities: Sequence[Quantity]) -> Quantity:
    """What one of several in one unit is."""
    measured = [quantity for quantity in quantities if not quantity.is_written]
    if not measured:
        return written(None)
    points = {quantity.points for quantity in measured}
    return replace(measured[0], points=points.pop() if len(points) == 1 else None)


def _if_known(
    function: Callable[[Fraction, Fraction], Fraction], left: Fraction | None, right: Fraction | None
) -> Fraction | None:
    return None if left is None or right is None else function(left, right)


def _product_code(left: str, right: str) -> str:
    if right == "1" or left == "1":
        return left if right == "1" else right
    return f"{left}{right}" if right.startswith("/") else f"{left}.{_grouped(right)}"


def _grouped(code: str) -> str:
    return f"({code})" if any(sign in code for sign in "./") else code
