"""Formulas over a day's aggregates: units, conversions, reasons, and that no text and no value breaks them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe import ROOT

from udfs.catalog import compile_catalog, read_specs
from udfs.expression import ExpressionError
from udfs.formula import STATISTICS, Outcome, Step, compile_formula, measured_units

UNITS = {
    "temperature": "Cel",
    "outside": "[degF]",
    "humidity": "%",
    "power": "kW",
    "standby": "W",
    "energy": "kW.h",
    "volume": "m3",
    "level": "{level}",
}


def value(text: str, unit: str, **inputs: float | None) -> float | None:
    """Inputs are written `temperature_mean`."""
    return outcome(text, unit, **inputs).value


def outcome(text: str, unit: str, **inputs: float | None) -> Outcome:
    given = {name if name == "devices" else ".".join(name.rsplit("_", 1)): number for name, number in inputs.items()}
    return compile_formula(text, unit, UNITS).evaluate(given)


@pytest.mark.parametrize(
    ("text", "unit", "inputs", "expected"),
    [
        ("energy.max - energy.min", "kW.h", {"energy_max": 120.5, "energy_min": 100}, 20.5),
        ("energy.max - energy.min", "MJ", {"energy_max": 2, "energy_min": 1}, 3.6),
        ("energy.sum / devices", "kW.h", {"energy_sum": 30, "devices": 4}, 7.5),
        ("power.mean + standby.mean", "kW", {"power_mean": 1, "standby_mean": 500}, 1.5),
        ("max(standby.max, power.max)", "W", {"power_max": 1, "standby_max": 500}, 1000),
        ("energy.max / power.mean", "h", {"energy_max": 6, "power_mean": 2}, 3),
        ("power.mean / standby.mean", "1", {"power_mean": 1, "standby_mean": 500}, 2),
        ("humidity.mean / 100", "%", {"humidity_mean": 50}, 0.5),
        ("power.max * humidity.mean", "kW", {"power_max": 8, "humidity_mean": 50}, 4),
        ("volume.max ** 2 / volume.min", "L", {"volume_max": 2, "volume_min": 1}, 4000),
        ("round(power.mean, 1)", "kW", {"power_mean": 1.25}, 1.3),
        ("1 if temperature.max > 30 else 0", "1", {"temperature_max": 31}, 1),
        ("1 if temperature.max > outside.max else 0", "1", {"temperature_max": 20, "outside_max": 50}, 1),
        ("abs(temperature.last - temperature.mean)", "K", {"temperature_last": 18, "temperature_mean": 20.5}, 2.5),
        ("coalesce(energy.last, 0)", "kW.h", {}, 0),
        ("log10(power.max / power.min)", "1", {"power_max": 100, "power_min": 1}, 2),
        ("exp(-level.count / devices)", "%", {"level_count": 0, "devices": 1}, 100),
    ],
)  # fmt: skip
def test_a_formula_computes_in_its_stated_unit(text, unit, inputs, expected) -> None:
    assert value(text, unit, **inputs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("temperature.mean", "K", 293.15),
        ("temperature.mean", "[degF]", 68),
        ("temperature.max - temperature.min", "K", 10),
        ("temperature.max - temperature.min", "Cel/d", None),
        ("(temperature.max + temperature.min) / 2", "Cel", 20),
        ("(temperature.max + temperature.min) / 2", "K", 293.15),
        ("temperature.max - 18", "K", 7),
        ("temperature.max - 0.5", "Cel", 24.5),
        ("temperature.sum / temperature.count", "Cel", 20),
        ("temperature.mean - outside.mean", "K", 10),
    ],
)
def test_temperatures_have_a_zero_point_and_their_differences_have_none(text, unit, expected) -> None:
    day = {"max": 25, "min": 15, "mean": 20, "sum": 480, "count": 24}
    inputs = {f"temperature_{name}": number for name, number in day.items()}
    if expected is None:
        with pytest.raises(ExpressionError, match=r"the result is in K, which does not convert into Cel/d"):
            value(text, unit, **inputs)
    else:
        assert value(text, unit, **inputs, outside_mean=50) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "unit", "column", "message"),
    [
        ("1 * temperature.mean + power.mean", "Cel", 0, "in Cel and `power.mean` in kW cannot be added or subtracted"),
        ("  energy.max - power.max", "kW.h", 2, "`energy.max` in kW.h and `power.max` in kW cannot be added"),
        ("devices + (level.max - power.max)", "1", 11, "`level.max` in {level} and `power.max` in kW"),
        ("max(power.max, 3, volume.max)", "kW", 0, "cannot be arguments of `max`"),
        ("1 if power.max > volume.max else 0", "1", 5, "`power.max` in kW and `volume.max` in m3 cannot be compared"),
        ("power.max if true else volume.max", "kW", 0, "cannot be results of one choice"),
        ("power.mean", "kW.h", 0, "the result is in kW, which does not convert into kW.h"),
        ("power.mean", "kWh", 0, "unit of the formula: unknown unit `kWh`, did you mean `kW.h`?"),
        ("temperature.max + temperature.min", "Cel", 0, "adds 2 temperatures up: divide it by 2"),
        (
            "temperature.max - temperature.min",
            "Cel",
            0,
            "is a difference of temperatures: state K as its unit",
        ),
        ("2 ** power.max", "1", 5, "`power.max` in kW is no plain number"),
        ("power.max ** 0.5", "kW", 13, "a power of kW needs a whole number"),
        ("power.max > 3", "1", 0, "the result is a condition"),
        ("1 + (power.max > 3)", "1", 5, "write `1 if power.max > 3 else 0`"),
        ("1 if power.max else 0", "1", 5, "is no condition: compare it"),
        ("temprature.mean * 2", "Cel", 0, "no input `temprature.mean`, did you mean `temperature.mean`?"),
        ("power.average", "kW", 0, "only names such as `temperature.mean` have a dot"),
        ("power", "kW", 0, "no input `power`"),
        ("power.__class__", "kW", 0, "have a dot"),
        ("text(power.max)", "1", 0, "`text(power.max)` is not part of a formula"),
        ("power.max // 2", "kW", 0, "is not part of a formula"),
        ("'x'", "1", 0, "is not part of a formula"),
        ("1 if power.max in (1, 2) else 0", "1", 5, "is not part of a formula"),
        ("open('x')", "1", 0, "unknown function `open`"),
        ("power.max.real", "1", 0, "have a dot"),
        ("((power.max ** 9) ** 9) ** 9", "1", 0, "the unit grows too large"),
        ("1 +", "1", 3, "invalid syntax"),
    ],
)
def test_a_formula_that_cannot_be_meant_says_why_and_where(text, unit, column, message) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_formula(text, unit, UNITS)
    assert message in caught.value.message
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "inputs", "reason"),
    [
        ("energy.max / (power.max - power.max) / 1", {"energy_max": 1, "power_max": 2}, "division by zero"),
        ("energy.max / power.max", {"energy_max": 1}, "no value of power.max"),
        ("energy.max / power.max", {}, "no value of energy.max"),
        ("energy.max / power.max", {"energy_max": math.nan, "power_max": 1}, "the number is not finite"),
        ("coalesce(energy.last, energy.max) / power.max", {}, "no value of energy.last, energy.max"),
    ],
)
def test_what_has_no_value_has_a_reason(text, inputs, reason) -> None:
    found = outcome(text, "h", **inputs)
    assert found.value is None
    assert reason in (found.reason or "")


def test_an_outcome_names_the_inputs_that_it_asked_for() -> None:
    found = outcome("coalesce(energy.last, energy.max)", "kW.h", energy_max=3, energy_min=1)
    assert found.inputs == {"energy.last": None, "energy.max": 3}


def test_steps_show_every_part_with_its_conversions() -> None:
    formula = compile_formula("(power.mean + standby.mean) * 2", "W", UNITS)
    assert formula.computed.text == "(power.mean + standby.mean / 1000) * 2 * 1000"
    assert formula.units == {"power.mean": "kW", "standby.mean": "W"}
    assert formula.steps({"power.mean": 1, "standby.mean": 500}) == [
        Step("power.mean + standby.mean / 1000", 1.5, "kW"),
        Step("(power.mean + standby.mean / 1000) * 2", 3.0, "kW"),
    ]


def test_the_units_of_every_product_of_the_project_serve() -> None:
    for product in compile_catalog(read_specs(ROOT / "specs")).products.values():
        for name, unit in measured_units(product).items():
            if name.isidentifier() and name.islower():
                assert compile_formula(f"{name}.mean", unit, measured_units(product)).unit == unit


_NAMES = st.builds("{}.{}".format, st.sampled_from(list(UNITS)), st.sampled_from(STATISTICS))
_ATOMS = st.one_of(_NAMES, st.sampled_from(["devices", "pi", "true", "0", "1", "2.5", "1e300", "'x'", "9999999999999"]))


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sign = st.sampled_from(["+", "-", "*", "/", "**", ">", "==", "and", "or"])
    function = st.sampled_from(["abs", "round", "floor", "ceil", "sqrt", "ln", "log10", "exp", "present", "not", "-"])
    pairs = st.sampled_from(["min", "max", "coalesce", "round"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, sign, inner),
        st.builds("{}({})".format, function, inner),
        st.builds("{}({}, {})".format, pairs, inner, inner),
        st.builds("({} if {} > {} else {})".format, inner, inner, inner, inner),
    )


_TEXTS = st.one_of(st.text(max_size=60), st.recursive(_ATOMS, _nested, max_leaves=10))
_UNITS_ASKED = st.sampled_from(["1", "kW", "Cel", "K", "[degF]", "kW.h", "nonsense"])
_NUMBERS = st.none() | st.floats() | st.integers()


@given(text=_TEXTS, unit=_UNITS_ASKED, data=st.data())
def test_any_text_compiles_or_is_refused_and_evaluation_never_raises(text: str, unit: str, data: st.DataObject) -> None:
    try:
        formula = compile_formula(text, unit, UNITS)
    except ExpressionError as error:
        refused_at, formula = error.column, None
    if formula is None:
        assert 0 <= refused_at <= len(text)
        return
    inputs = {name: data.draw(_NUMBERS) for name in formula.units}
    found = formula.evaluate(inputs)
    assert (found.value is None) != (found.reason is None)
    assert found.value is None or math.isfinite(found.value)
    formula.steps(inputs)
