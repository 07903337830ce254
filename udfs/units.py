"""UCUM unit codes such as `Cel`, `ug/m3` or `{level}`: which are valid, and exact conversions between them.

A code becomes a factor to base units and the powers of those. `{level}` standing alone names a count or a level that
converts into nothing else; behind a unit it is a remark.
"""

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from udfs.document import suggest
from udfs.ucum import BASE, COMMON, METRIC, OPAQUE, PLAIN, PREFIXES, SPELLINGS, ZERO_POINTS

_MAX_CODE = 80
_TERM = re.compile(
    r"""(?P<operator>[./])(?:
        (?: (?P<symbol> 10[*^] | (?:[A-Za-z%]|\[[A-Za-z0-9_]+\])+ ) (?P<exponent>[+-]?[1-9][0-9]?)?
          | (?P<number> [1-9][0-9]{0,8} ) ) (?:\{[^{}]+\})?
        | (?P<level> \{[^{}]+\} ) )""",
    re.VERBOSE,
)
_WORD = re.compile(r"\[[^\]]*\]|[A-Za-z°Ω]+")
_SIGNS = str.maketrans({"µ": "u", "μ": "u", "²": "2", "³": "3", "·": ".", "*": "."})


class Unit(NamedTuple):
    """value in base units = value * factor + zero; `dimension` holds the base units with their powers."""

    factor: Fraction
    zero: Fraction
    dimension: frozenset[tuple[str, int]]


def unit_fault(code: str) -> str | None:
    """What is wrong with a unit code, None if nothing."""
    try:
        parse_unit(code)
    except ValueError as fault:
        return str(fault)
    return None


def conversion(code: str, to: str) -> tuple[Fraction, Fraction] | None:
    """(factor, offset) with value in `to` = value * factor + offset, None where one does not convert into the other.

    Raises ValueError where a code is no unit.
    """
    source, target = parse_unit(code), parse_unit(to)
    if source.dimension != target.dimension:
        return None
    return source.factor / target.factor, (source.zero - target.zero) / target.factor


def parse_unit(code: str) -> Unit:
    """The unit of a code; raises ValueError, with the likely code where there is one."""
    try:
        return _parse(code)
    except LookupError as unknown:
        symbol = unknown.args[0]
        hint = _respelled(code) or suggest(symbol, (*COMMON, *BASE, *METRIC, *PLAIN, *OPAQUE))
        expected = ": expected a UCUM code such as Cel, %, hPa, V or {level}"
        part = "" if symbol == code else f" in `{code}`"
        raise ValueError(f"unknown unit `{symbol}`{part}{hint or expected}") from None


@lru_cache(maxsize=1024)
def _parse(code: str) -> Unit:
    """The unit of a code; raises LookupError with the part of it that is unknown."""
    factor, powers, terms = Fraction(1), Counter[str](), list(_terms(code))
    for symbol, power in terms:
        atom = _atom(symbol)
        factor *= atom.factor**power
        for base, count in atom.dimension:
            powers[base] += count * power
    alone = terms[0][0] if terms[0][1] == len(terms) == 1 else ""
    return Unit(
        factor, ZERO_POINTS.get(alone, Fraction(0)), frozenset((b, count) for b, count in powers.items() if count)
    )


def _terms(code: str) -> Iterator[tuple[str, int]]:
    """The symbols of a code, numbers and lone levels among them, each with its power."""
    text = code if code.startswith("/") else f".{code}"
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None or len(text) > _MAX_CODE:
            raise LookupError(code)
        power = int(term["exponent"] or 1)
        yield term["symbol"] or term["number"] or term["level"], -power if term["operator"] == "/" else power
        at = term.end()


@lru_cache(maxsize=1024)
def _atom(symbol: str) -> Unit:
    if symbol in BASE or symbol in OPAQUE or symbol.startswith("{"):
        return Unit(Fraction(1), Fraction(0), frozenset({(symbol, 1)}))
    if symbol.isdecimal():
        return Unit(Fraction(symbol), Fraction(0), frozenset())
    definition = METRIC.get(symbol) or PLAIN.get(symbol)
    if definition:
        number, code = definition.split()
        return _scaled(_parse(code), Fraction(number))
    for size in (1, 2):
        prefix, rest = symbol[:size], symbol[size:]
        if prefix in PREFIXES and (rest in BASE or rest in METRIC):
            return _scaled(_atom(rest), PREFIXES[prefix])
    raise LookupError(symbol)


def _scaled(unit: Unit, factor: Fraction) -> Unit:
    return unit._replace(factor=unit.factor * factor)


def _respelled(code: str) -> str:
    """A hint for a code as manuals write it, such as `µg/m³` or `kWh`, empty where that makes no unit either."""
    respelled = _WORD.sub(lambda word: SPELLINGS.get(word[0], word[0]), code.translate(_SIGNS))
    try:
        _parse(respelled)
    except LookupError:
        return ""
    return f", did you mean `{respelled}`?"
