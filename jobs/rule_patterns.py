"""What MATCH_RECOGNIZE must not say in a rule: each fault at its place, with what to write instead.

Flink refuses most of it without a place, and the rest costs too much: it follows every row that may begin a match on
its own, so that 500 rows of one `A+` took four minutes. A match therefore has an end in rows as well as in time.
"""

from collections.abc import Iterator
from math import prod
from typing import Any, Final, NamedTuple

from jobs.rule_windows import partition_faults, span_faults
from jobs.sql_tree import Finding, class_of, kind_of, walk

MOST_ROWS: Final = 100
"""Rows that a match may have, and ways in which its loops may share them: about 2 ms a row at this size."""

_UNSUPPORTED: Final = {
    "PATTERN_ALTER": "a pattern has no alternatives: DEFINE one variable by `… OR …`, or write a rule each",
    "PATTERN_EXCLUDED": "a pattern excludes nothing: write the variable without `{- -}` and leave it out of MEASURES",
    "PATTERN_PERMUTE": "a pattern has one order: write the variables one after the other, and a rule for each order",
}
_NEIGHBOURS: Final = (
    "`{}` is not supported in a pattern: name that row by a variable of its own, or select LAG(…) OVER (…)"
)
_GROUP: Final = "a pattern has no groups: repeat single variables, such as `A{1,10}`"


class _Element(NamedTuple):
    """A variable of a pattern and how often it may come; `most` is None where there is no end."""

    node: Any
    variable: str
    least: int = 1
    most: int | None = 1
    is_reluctant: bool = False

    @property
    def is_loop(self) -> bool:
        return self.most is None or self.most > 1

    @property
    def is_greedy(self) -> bool:
        return self.is_loop and self.least != self.most and not self.is_reluctant

    @property
    def bounded(self) -> str:
        """How the same is written with an end."""
        least, reluctant = min(self.least, 10), "?" if self.is_reluctant else ""
        return f"{self.variable}{{{least},{least + 20}}}{reluctant}"


def pattern_faults(match: Any) -> Iterator[Finding]:
    """The faults of one MATCH_RECOGNIZE."""
    partition, rows = match.getPartitionList(), match.getRowsPerMatch()
    yield from partition_faults("MATCH_RECOGNIZE", match, [] if partition is None else list(partition.getList()))
    if match.getInterval() is not None:
        yield from span_faults(match.getInterval())
    else:
        yield (
            match,
            "MATCH_RECOGNIZE without WITHIN keeps its rows for ever: end PATTERN by `WITHIN INTERVAL '5' MINUTE`",
        )
    if rows is not None and str(rows).startswith("ALL ROWS"):
        yield rows, "`ALL ROWS PER MATCH` is not supported: write `ONE ROW PER MATCH` and MEASURES"
    for anchor, sign in ((match.getStrictStart(), "^"), (match.getStrictEnd(), "$")):
        if str(anchor) == "TRUE":
            yield anchor, f"a stream has no first and no last row: leave `{sign}` out"
    for node in walk(match):
        if kind_of(node) in ("PREV", "NEXT"):
            yield node, _NEIGHBOURS.format(kind_of(node))
    yield from _syntax_faults(match.getPattern())


def _syntax_faults(pattern: Any) -> Iterator[Finding]:
    unsupported = list(_unsupported(pattern))
    yield from unsupported
    if not unsupported:
        yield from _loop_faults([_element(node) for node in _in_order(pattern)])


def _unsupported(node: Any) -> Iterator[Finding]:
    """Of a pattern only variables, quantifiers and their order are supported."""
    kind = kind_of(node)
    if kind in _UNSUPPORTED:
        yield node, _UNSUPPORTED[kind]
    elif kind == "PATTERN_CONCAT":
        first, then = node.getOperandList()
        yield from _unsupported(first)
        yield from [(then, _GROUP)] if kind_of(then) == "PATTERN_CONCAT" else _unsupported(then)
    elif kind == "PATTERN_QUANTIFIER":
        repeated = node.getOperandList()[0]
        yield from [(repeated, _GROUP)] if kind_of(repeated) == "PATTERN_CONCAT" else _unsupported(repeated)


def _in_order(node: Any) -> Iterator[Any]:
    if kind_of(node) == "PATTERN_CONCAT":
        for each in node.getOperandList():
            yield from _in_order(each)
    else:
        yield node


def _element(node: Any) -> _Element:
    if class_of(node) == "SqlIdentifier":
        return _Element(node, str(node))
    variable, least, most, is_reluctant = (str(each) for each in node.getOperandList())
    return _Element(node, variable.strip("`"), int(least), None if int(most) < 0 else int(most), is_reluctant == "TRUE")


def _loop_faults(elements: list[_Element]) -> Iterator[Finding]:
    endless = [element for element in elements if element.most is None]
    for element in endless:
        message = f"`{element.variable}` has no end, and each of its rows is followed on its own"
        yield element.node, f"{message}: say how many at most, such as `{element.bounded}`"
    if not endless:
        yield from _size_faults(elements)
    for before, element in zip([None, *elements], elements, strict=False):
        if element.least == 0 and element.is_reluctant:
            yield (
                element.node,
                f"a reluctant `{element.variable}` that may be missing is not supported: drop its last `?`",
            )
        elif element.least == 0 and before is not None and before.is_greedy:
            message = (
                f"`{element.variable}` may be missing behind the greedy `{before.variable}`, which is not supported"
            )
            yield (
                element.node,
                f"{message}: let `{element.variable}` come once at least, or DEFINE both as one variable",
            )
    if elements[-1].is_greedy:
        last = elements[-1]
        yield last.node, f"a pattern cannot end by the greedy `{last.variable}`: end it by a variable that comes once"


def _size_faults(elements: list[_Element]) -> Iterator[Finding]:
    rows = sum(element.most or 0 for element in elements)
    ways = prod((element.most or 0) - element.least + 1 for element in elements)
    widest = max(elements, key=lambda element: element.most or 0)
    if max(rows, ways) > MOST_ROWS:
        told = f"a match of up to {rows} rows" if rows > MOST_ROWS else f"a match in up to {ways} ways"
        yield widest.node, f"{told} costs too much, {MOST_ROWS} is the most: lower the counts, or join windows instead"
