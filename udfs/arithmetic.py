"""What expressions compute with: every result is bounded, and whatever goes wrong is an ExpressionFault.

Halves round up, as decimals are written. A float without a fraction serves where a whole number is needed.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from udfs.errors import SluiceError
from udfs.row import Value, number_text
from udfs.scaling import exact

_INT_LIMIT = 1 << 128
_MAX_EXPONENT = 128
_MAX_SHIFT = 128
_MAX_TEXT = 1000
_MAX_DIGITS = 15
_DECIMAL_INT = re.compile(r"-?[0-9]{1,40}\Z")


class ExpressionFault(SluiceError):
    """An expression has no result for the values at hand."""


class Function(NamedTuple):
    """A function by name takes `least` to `most` arguments, `most` None for any number."""

    compute: Callable[..., Any]
    least: int = 1
    most: int | None = 1


def bounded(value: Any) -> Value:
    """The value itself; raises ExpressionFault where it is no finite number below 2**128 and no short text."""
    kind = type(value)
    if kind is float:
        if math.isfinite(value):
            return value  # type: ignore[no-any-return]
        raise ExpressionFault("the number is not finite")
    if kind is int:
        if -_INT_LIMIT < value < _INT_LIMIT:
            return value  # type: ignore[no-any-return]
        raise ExpressionFault("the number needs more than 128 bits")
    if kind is str and len(value) > _MAX_TEXT:
        raise ExpressionFault(f"the text is longer than {_MAX_TEXT} characters")
    if kind is not str and kind is not bool:
        raise ExpressionFault("the result is no real number")
    return value  # type: ignore[no-any-return]


def compute(function: Callable[..., Any], operands: Sequence[Value]) -> Value:
    """The bounded result of a function of present operands; raises ExpressionFault."""
    try:
        return bounded(function(*operands))
    except ZeroDivisionError:
        raise ExpressionFault("division by zero") from None
    except OverflowError:
        raise ExpressionFault("the number is not finite") from None
    except TypeError:
        raise ExpressionFault(f"not defined for {' and '.join(map(_kind, operands))}") from None
    except ValueError:
        raise ExpressionFault(f"not defined for {', '.join(map(str, operands))}") from None


def truth(value: Value | None) -> bool:
    """A condition's outcome, absent is false; raises ExpressionFault for a text."""
    if type(value) is str:
        raise ExpressionFault(f'the text "{value[:40]}" is no condition: compare it with another text')
    return bool(value)


def _kind(value: Value) -> str:
    return "a text" if type(value) is str else "a number"


def _whole(value: Any) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    return operator.index(value)


def _of_whole(function: Callable[..., int]) -> Callable[..., int]:
    return lambda *operands: function(*map(_whole, operands))


def _of_numbers(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Keeps Python's `*` and `%` from repeating and formatting texts."""

    def of_numbers(left: Any, right: Any) -> Any:
        if type(left) is str or type(right) is str:
            raise TypeError
        return function(left, right)

    return of_numbers


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > _MAX_EXPONENT:
        raise ExpressionFault(f"the exponent {exponent} is beyond {_MAX_EXPONENT}")
    return base**exponent


def _shift(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def shift(value: int, count: int) -> int:
        if not 0 <= count <= _MAX_SHIFT:
            raise ExpressionFault(f"a shift by {count} bits is outside 0 to {_MAX_SHIFT}")
        return function(value, count)

    return _of_whole(shift)


def _round(value: Any, digits: Any = 0) -> Any:
    places = _whole(digits)
    if not 0 <= places <= _MAX_DIGITS:
        raise ExpressionFault(f"cannot round to {places} digits: 0 to {_MAX_DIGITS}")
    units = math.floor(exact(+value) * 10**places + Fraction(1, 2))
    return units / 10**places if places else units


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else number_text(value)


def _int(value: Any) -> Any:
    if type(value) is not str:
        return math.trunc(value)
    if not _DECIMAL_INT.match(value):
        raise ValueError
    return int(value)


def _hex(value: Any) -> str:
    whole = _whole(value)
    if whole < 0:
        raise ValueError
    return f"{whole:x}"


BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _of_numbers(operator.mul),
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _of_numbers(operator.mod),
    ast.Pow: _power,
    ast.BitAnd: _of_whole(operator.and_),
    ast.BitOr: _of_whole(operator.or_),
    ast.BitXor: _of_whole(operator.xor),
    ast.LShift: _shift(operator.lshift),
    ast.RShift: _shift(operator.rshift),
}

UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: _of_whole(operator.invert),
}

COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(abs),
    "min": Function(lambda *values: min(values), 2, None),
    "max": Function(lambda *values: max(values), 2, None),
    "round": Function(_round, 1, 2),
    "floor": Function(math.floor),
    "ceil": Function(math.ceil),
    "sqrt": Function(math.sqrt),
    "ln": Function(math.log),
    "log10": Function(math.log10),
    "exp": Function(math.exp),
    "int": Function(_int),
    "text": Function(_text),
    "hex": Function(_hex),
    "lower": Function(str.lower),
    "upper": Function(str.upper),
}
