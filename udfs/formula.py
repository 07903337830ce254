"""Formulas over a day's aggregates, such as `(energy_in.max - energy_in.min) / devices`, in a stated unit.

Inputs are `<measurement>.<mean|min|max|sum|last|count>` and `devices`. The language is that of computed fields, numbers
only; units are checked before anything is computed, and what has no value has a reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from udfs.expression import DottedNames, Expression, ExpressionError, ExpressionFault, compile_expression
from udfs.product import ProductSpec
from udfs.row import Value
from udfs.syntax import Syntax
from udfs.unit_check import in_unit

STATISTICS: Final = ("mean", "min", "max", "sum", "last", "count")
DEVICES: Final = "devices"
OF_A_DAY: Final = DottedNames("temperature.mean", parts=frozenset(STATISTICS))

Inputs = Mapping[str, float | int | None]


@dataclass(frozen=True)
class Outcome:
    """A formula's value in its unit, or the reason why there is none; `inputs` are those that it asked for."""

    value: float | None
    reason: str | None
    inputs: dict[str, float | int | None]


@dataclass(frozen=True)
class Step:
    """A computed part of a formula, conversions written out; `value` is None where it has none."""

    text: str
    value: Value | None
    unit: str


@dataclass(frozen=True)
class Formula:
    """A compiled formula; `computed` is its text with the conversions, `units` the unit of each input in it."""

    text: str
    unit: str
    units: Mapping[str, str]
    computed: Expression = field(repr=False)
    parts: tuple[tuple[Expression, str], ...] = field(repr=False)

    def evaluate(self, inputs: Inputs) -> Outcome:
        """The value for these inputs or a reason such as `no value of temperature.mean`; raises nothing."""
        asked = _Asked(inputs)
        try:
            result = self.computed.evaluate(asked)
        except ExpressionFault as fault:
            return Outcome(None, str(fault), asked.answers)
        if result is None:
            missing = ", ".join(name for name, value in asked.answers.items() if value is None)
            return Outcome(None, f"no value of {missing}", asked.answers)
        return Outcome(float(result), None, asked.answers)

    def steps(self, inputs: Inputs) -> list[Step]:
        """Every computed part with its value, inner ones first."""
        return [Step(part.text, _value(part, inputs), unit) for part, unit in self.parts]


def compile_formula(text: str, unit: str, measured: Mapping[str, str]) -> Formula:
    """The formula of a product whose measurements have these units; raises ExpressionError with the column."""
    compiled = compile_expression(text, OF_A_DAY)
    available = _input_units(measured)
    checked = in_unit(Syntax(text), available, unit)
    try:
        computed = compile_expression(checked.text, OF_A_DAY)
        parts = tuple((compile_expression(part.text, OF_A_DAY), part.quantity.code) for part in checked.parts)
    except ExpressionError as error:
        raise ExpressionError(f"with its conversions, `{checked.text[:80]}`: {error.message}", 0) from None
    return Formula(text, unit, {name: available[name][0] for name in sorted(compiled.names)}, computed, parts)


def measured_units(product: ProductSpec) -> dict[str, str]:
    """The UCUM codes of a product's measurements by name."""
    return {column.name: column.unit for column in product.columns if column.kind == "measurement"}


def _input_units(measured: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
    """Each input's unit, and whether it is a single value of it: a sum has the zero point of a scale many times."""
    units = {
        f"{name}.{statistic}": ("1" if statistic == "count" else unit, statistic != "sum")
        for name, unit in measured.items()
        for statistic in STATISTICS
    }
    return units | {DEVICES: ("1", True)}


def _value(part: Expression, inputs: Inputs) -> Value | None:
    try:
        return part.evaluate(inputs)
    except ExpressionFault:
        return None


class _Asked(Mapping[str, Value | None]):
    """Inputs that remember which of them were asked for."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self.answers: dict[str, float | int | None] = {}

    def __getitem__(self, name: str) -> float | int | None:
        self.answers[name] = self._inputs.get(name)
        return self.answers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)
