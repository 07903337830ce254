from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.ucum import BASE, COMMON, METRIC, PLAIN
from udfs.units import conversion, parse_unit, unit_fault

CODES = (
    *("1", "%", "[ppm]", "[ppb]", "Cel", "K", "Pa", "hPa", "kPa", "bar", "V", "mV", "A", "mA", "A.h", "W", "kW", "W.h"),
    *("kW.h", "Hz", "ohm", "Ohm", "lx", "dB", "dBm", "dB[A]", "ug/m3", "mg/m3", "uS/cm", "m", "mm", "cm", "km", "m/s"),
    *("km/h", "[kn_i]", "deg", "g", "kg", "L", "m3", "L/min", "m3/h", "ms", "s", "min", "h", "d", "wk", "{level}"),
    *("m/s2", "m.s-2", "/min", "1/h", "10*3/uL", "{count}/h", "%{RH}", "mm[Hg]", "m[g]", "uT", "KiBy", "[pH]", "uSv/h"),
)


@pytest.mark.parametrize("code", CODES)
def test_a_unit_is_built_from_known_units(code: str) -> None:
    assert unit_fault(code) is None


@pytest.mark.parametrize("code", [*BASE, *METRIC, *PLAIN, *COMMON])
def test_every_entry_of_the_tables_is_a_unit(code: str) -> None:
    assert parse_unit(code).factor > 0


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("Celsius", "unknown unit `Celsius`, did you mean `Cel`?"),
        ("kpa", "unknown unit `kpa`, did you mean `kPa`?"),
        ("degC", "unknown unit `degC`, did you mean `Cel`?"),
        ("°C", "unknown unit `°C`, did you mean `Cel`?"),
        ("C", "unknown unit `C`, did you mean `Cel`?"),
        ("µg/m³", "unknown unit `µg/m³`, did you mean `ug/m3`?"),
        ("kWh", "unknown unit `kWh`, did you mean `kW.h`?"),
        ("ppm", "unknown unit `ppm`, did you mean `[ppm]`?"),
        ("mph", "unknown unit `mph`, did you mean `[mi_i]/h`?"),
        ("ug/mmm3", "unknown unit `mmm` in `ug/mmm3`, did you mean `mm`?"),
        ("zorkmid", "unknown unit `zorkmid`: expected a UCUM code such as Cel, %, hPa, V or {level}"),
    ]
    + [
        (code, "unknown unit")
        for code in ("", ".", "/", "m/", "m//s", "m s", "m0", "5m", "0", "{}", "{", "k%", "m" * 99)
    ],
)
def test_an_unknown_unit_comes_with_the_likely_one(code: str, fault: str) -> None:
    assert (unit_fault(code) or "").startswith(fault)


@pytest.mark.parametrize(
    ("value", "code", "to", "expected"),
    [
        ("212", "[degF]", "Cel", "100"),
        ("-40", "Cel", "[degF]", "-40"),
        ("0", "Cel", "K", "273.15"),
        ("9", "[degF]/h", "Cel/h", "5"),
        ("36", "km/h", "m/s", "10"),
        ("1", "kW.h", "J", "3600000"),
        ("1", "[psi]", "hPa", "68.94757293168361336722673445346890693781387562775125550251"),
        ("1013.25", "mbar", "hPa", "1013.25"),
        ("1", "atm", "Pa", "101325"),
        ("1", "mm[Hg]", "Pa", "133.322"),
        ("1", "cm[H2O]", "Pa", "98.0665"),
        ("9", "[kn_i]", "m/s", "4.63"),
        ("1", "[mi_i]", "km", "1.609344"),
        ("250", "ug/m3", "mg/m3", "0.25"),
        ("3600", "mV", "V", "3.6"),
        ("100", "L/min", "m3/h", "6"),
        ("1", "[gal_us]", "l", "3.785411784"),
        ("50", "%", "1", "0.5"),
        ("1", "[ppm]", "[ppb]", "1000"),
        ("1", "%", "[ppm]", "10000"),
        ("1", "m[g]", "m/s2", "0.00980665"),
        ("5", "V/A", "Ohm", "5"),
        ("1", "uS/cm", "mS/m", "0.1"),
        ("2", "KiBy", "bit", "16384"),
        ("1", "10*3/uL", "10*9/L", "1"),
        ("60", "{count}/h", "{count}/min", "1"),
        ("7", "%{RH}", "%", "7"),
        ("7", "{level}", "{level}", "7"),
        ("10", "dB", "B", "1"),
        ("2", "wk", "h", "336"),
    ],
)
def test_a_value_converts_exactly(value: str, code: str, to: str, expected: str) -> None:
    found = conversion(code, to)
    assert found is not None
    assert float(Fraction(value) * found[0] + found[1]) == float(expected)


@pytest.mark.parametrize(
    ("code", "to"),
    [
        ("V", "A"),
        ("Cel", "Pa"),
        ("{level}", "1"),
        ("{level}", "{count}"),
        ("%", "{level}"),
        ("dBm", "dB"),
        ("dB[A]", "dB"),
        ("dBm", "W"),
        ("[pH]", "1"),
        ("Hz", "m/s"),
        ("lm", "lx"),
        ("[ppm]", "ug/m3"),
    ],
)
def test_what_measures_something_else_does_not_convert(code: str, to: str) -> None:
    assert conversion(code, to) is None


def test_half_a_turn_is_pi_to_the_last_digit_of_a_float() -> None:
    found = conversion("deg", "rad")
    assert found is not None
    assert float(180 * found[0]) == 3.141592653589793


@given(code=st.sampled_from(CODES), to=st.sampled_from(CODES), value=st.fractions())
def test_there_and_back_is_the_same_value(code: str, to: str, value: Fraction) -> None:
    there, back = conversion(code, to), conversion(to, code)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert (value * there[0] + there[1]) * back[0] + back[1] == value


@given(code=st.text(max_size=12) | st.text("mgsPa%[]{}/.*10-3", max_size=12))
def test_any_text_is_a_unit_or_has_a_fault(code: str) -> None:
    fault = unit_fault(code)
    assert fault is None or fault.startswith("unknown unit")
