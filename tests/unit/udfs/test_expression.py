import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.expression import ExpressionError, ExpressionFault, compile_expression
from udfs.row import Value


def evaluate(text: str, **values: Value | None) -> Value | None:
    return compile_expression(text).evaluate(values)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("2 ** 10", 1024),
        ("10 ** (-20 / 10)", 0.01),
        ("-x", -5),
        ("x & 0x0F | 0xF0 ^ 0xFF", 15),
        ("~x", -6),
        ("x << 4 >> 2", 20),
        ("x == 5", True),
        ("x != 5.0", False),
        ("1 < x <= 5", True),
        ("1 < x < 5", False),
        ("x in (1, 5, -7)", True),
        ("x not in [1, 5]", False),
        ("x > 1 and not x > 5", True),
        ("x if x > 6 else 6", 6),
        ("'v' + text(x) + \".\" + text(2.50)", "v5.2.5"),
        ("true and True and not false", True),
        ("  x", 5),
        ("2 * pi", 2 * math.pi),
    ],
)
def test_operators(text: str, result: Value) -> None:
    assert evaluate(text, x=5) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("abs(-3)", 3),
        ("min(3, 1, 2) + max(1, 2)", 3),
        ("floor(-1.5)", -2),
        ("ceil(1.2)", 2),
        ("sqrt(16)", 4.0),
        ("ln(1)", 0.0),
        ("log10(1000)", 3.0),
        ("exp(0)", 1.0),
        ("int(-1.9)", -1),
        ('int("042")', 42),
        ("text(100.0)", "100"),
        ("text(0.1)", "0.1"),
        ("text(true)", "true"),
        ("hex(255)", "ff"),
        ("hex(255.0)", "ff"),
        ('lower("Ab") + upper("Ab")', "abAB"),
    ],
)
def test_functions(text: str, result: Value) -> None:
    assert evaluate(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [("round(2.5)", 3), ("round(-2.5)", -2), ("round(2.675, 2)", 2.68), ("round(7)", 7), ("round(1e300, 3)", 1e300)],
)
def test_halves_round_up_as_the_decimals_are_written(text: str, result: float) -> None:
    assert evaluate(text) == result


def test_a_float_without_a_fraction_has_bits() -> None:
    assert evaluate("status & 4", status=6.0) == 4


def test_the_free_names_are_known_before_there_are_values() -> None:
    expression = compile_expression("coalesce(voltage, 3) * scale_2 if envelope.port == 5 and true else min(pi, level)")
    assert expression.names == {"voltage", "scale_2", "envelope.port", "level"}


def test_the_envelope_is_reached_by_a_dotted_name() -> None:
    assert compile_expression("envelope.port in (1, 2)").evaluate({"envelope.port": 2}) is True


@pytest.mark.parametrize("text", ["gone + 1", "gone < 1", "1 < gone", "0 < 1 < gone", "-gone", "sqrt(gone)"])
def test_what_is_computed_from_an_absent_value_is_absent(text: str) -> None:
    assert evaluate(text) is None
    assert evaluate(text, gone=None) is None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("gone and true", False),
        ("gone or true", True),
        ("not gone", True),
        ("1 if gone else 2", 2),
        ("gone > 3 or x > 3", True),
        ("gone in (1, 2)", None),
        ("present(gone)", False),
        ("present(x) and not present(gone + x)", True),
        ("coalesce(gone, x, 7)", 5),
        ("coalesce(gone, gone)", None),
    ],
)
def test_an_absent_condition_is_false(text: str, result: Value | None) -> None:
    assert evaluate(text, x=5) == result


def test_a_condition_holds_or_does_not() -> None:
    condition = compile_expression("remaining >= 2")
    assert [condition.holds(values) for values in ({"remaining": 2}, {"remaining": 1}, {})] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / zero", "`1 / zero`: division by zero"),
        ("7 % zero", "`7 % zero`: division by zero"),
        ("0 ** -1", "`0 ** -1`: division by zero"),
        ("2 + ln(zero)", "`ln(zero)`: not defined for 0"),
        ("sqrt(-1)", "`sqrt(-1)`: not defined for -1"),
        ("(-8) ** 0.5", "no real number"),
        ("exp(1000)", "`exp(1000)`: the number is not finite"),
        ("1e308 * 10", "`1e308 * 10`: the number is not finite"),
        ("name < 1", "`name < 1`: not defined for a text and a number"),
        ("0 < 1 < name", "not defined for a number and a text"),
        ("name + 1", "not defined for a text and a number"),
        ("name * 1000000000", "not defined for a text and a number"),
        ("'%999999999d' % 1", "not defined for a text and a number"),
        ("2 ** 1000000000", "the exponent 1000000000 is beyond 128"),
        ("2 ** 128", "more than 128 bits"),
        ("1 << 10 ** 9", "a shift by 1000000000 bits"),
        ("1 << -1", "a shift by -1 bits"),
        ("1.5 & 1", "`1.5 & 1`: not defined for a number and a number"),
        ("round(2.5, 10 ** 9)", "cannot round to 1000000000 digits"),
        ("hex(-1)", "`hex(-1)`: not defined for -1"),
        ("lower(1)", "`lower(1)`: not defined for a number"),
        ("int(name)", "`int(name)`: not defined for ab"),
        ("name and true", 'the text "ab" is no condition'),
        ("endless", "the number is not finite"),
        ("vast - 1", "more than 128 bits"),
        ("long + long", "longer than 1000 characters"),
    ],
)
def test_a_value_that_cannot_be_computed_is_a_fault(text: str, message: str) -> None:
    values: dict[str, Value] = {"zero": 0, "name": "ab", "endless": math.inf, "vast": 1 << 200, "long": "x" * 600}
    with pytest.raises(ExpressionFault) as caught:
        compile_expression(text).evaluate(values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 0, "invalid syntax"),
        ("1 +", 3, "invalid syntax"),
        ("  a b", 4, "invalid syntax"),
        ("a && b", 3, "invalid syntax: write `and` for `&&`"),
        ("a > 1 ? 2 : 3", 6, "write `x if condition else y` for `?`"),
        ("1 + squrt(2)", 4, "unknown function `squrt`, did you mean `sqrt`?"),
        ("frobnicate(2)", 0, "unknown function `frobnicate`: expected one of present, coalesce, abs"),
        ("'°' + eval('1')", 6, "unknown function `eval`"),
        ("min(1)", 0, "`min` takes 2 or more arguments, not 1"),
        ("round(1, 2, 3)", 0, "`round` takes 1 to 2 arguments, not 3"),
        ("present()", 0, "`present` takes 1 argument, not 0"),
        ("1 + Temperature", 4, "`Temperature` is no name: names are lower_case_with_underscores"),
        ("__import__('os')", 0, "unknown function `__import__`"),
        ("x.real", 0, "only names such as `envelope.port` have a dot"),
        ("envelope.port.real", 0, "only names such as `envelope.port` have a dot"),
        ("envelope.__class__", 0, "only names such as `envelope.port` have a dot"),
        ("'a'.join(b)", 0, "`'a'.join(b)` is not part of the expression language"),
        ("x[0]", 0, "`x[0]` is not part of the expression language"),
        ("(lambda: 1)()", 0, "is not part of the expression language"),
        ("[x for x in y]", 0, "is not part of the expression language"),
        ("f'{x}'", 0, "is not part of the expression language"),
        ("(x := 1)", 1, "is not part of the expression language"),
        ("min(*x)", 0, "`min` takes 2 or more"),
        ("min(1, *x)", 7, "`*x` is not part of the expression language"),
        ("round(1, digits=2)", 0, "is not part of the expression language"),
        ("x is 1", 0, "`x is 1` is not part of the expression language"),
        ("x @ 1", 0, "`x @ 1` is not part of the expression language"),
        ("x == None", 5, "`None` is no number, no text and neither true nor false"),
        ("x == 1j", 5, "`1j` is no number"),
        ("x in y", 5, "after `in` comes a list of constants"),
        ("x in (1, y)", 9, "`y` is no number"),
        ("1e999", 0, "`1e999`: the number is not finite"),
        ("9" * 40, 0, "more than 128 bits"),
        ("a\n+ b", 1, "one line of text"),
        ("a\0", 1, "one line of text"),
        ("\ud800", 0, "cannot be read"),
        (r"'\d'", 0, "invalid escape sequence"),
        ("x" * 501, 500, "at most 500"),
        ("not " * 30 + "x", 100, "nested too deeply"),
        ("[" * 250, 200, "too many nested parentheses"),
        ("-" * 499 + "1", None, ""),
        ("max(" + ",".join("1" * 220) + ")", 402, "too long"),
    ],
)
def test_what_is_no_expression_says_why_and_where(text: str, column: int | None, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert message in caught.value.message
    assert column in (None, caught.value.column)


def test_expressions_and_their_errors_travel_between_processes() -> None:
    expression = pickle.loads(pickle.dumps(compile_expression("a + 1")))  # noqa: S301
    assert expression == compile_expression("a + 1")
    assert expression.evaluate({"a": 1}) == 2
    error = pickle.loads(pickle.dumps(ExpressionError("wrong", 3)))  # noqa: S301
    assert (error.message, error.column) == ("wrong", 3)


_WORDS = (
    "a b envelope.port 0 1 2.5 1e300 9999999999999 'x' true + - * / // % ** & | ^ ~ << >> < <= == != in and or not if "
    "else ( ) , [ ] . min( max( round( text( hex( upper( sqrt( exp( ln( int( floor( present( coalesce("
)
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(text=st.text(max_size=60) | st.lists(st.sampled_from(_WORDS.split()), max_size=15).map(" ".join))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        compile_expression(text)
        column = 0
    except ExpressionError as error:
        column = error.column
    assert 0 <= column <= len(text)


_SIGNS = "+ - * / // % ** & | ^ << >> < == and or"
_FUNCTIONS = "abs round floor sqrt ln exp int text hex upper present -"
_ATOMS = "a b 0 3 2.5 1e300 'x' 77777777777777777777"


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sign = st.sampled_from(_SIGNS.split())
    function = st.sampled_from(_FUNCTIONS.split())
    return st.one_of(
        st.builds("({} {} {})".format, inner, sign, inner),
        st.builds("{}({})".format, function, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("round({}, {})".format, inner, inner),
    )


_EXPRESSIONS = st.recursive(st.sampled_from(_ATOMS.split()), _nested, max_leaves=12)


@given(text=_EXPRESSIONS, a=_VALUES, b=_VALUES)
def test_any_expression_has_a_bounded_result_or_a_fault(text: str, a: Value | None, b: Value | None) -> None:
    try:
        result = compile_expression(text).evaluate({"a": a, "b": b})
    except (ExpressionError, ExpressionFault):
        return
    assert result is None or isinstance(result, float | int | str)
    assert not isinstance(result, float) or math.isfinite(result)
