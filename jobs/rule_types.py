"""What of a rule stops the whole job at a value, as the types tell that Flink's validator finds.

Flink raises, and after its restart comes to the same value again.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from jobs.rule_formats import format_faults
from jobs.sql_tree import Finding, class_of, kind_of, name_of, walk

TypeOf = Callable[[Any], str | None]
"""A node → the name of its SQL type; None where it has none."""

_COMPARISONS: Final = (
    *("EQUALS", "NOT_EQUALS", "LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"),
    *("BETWEEN", "IN", "NOT_IN", "IS_DISTINCT_FROM", "IS_NOT_DISTINCT_FROM"),
)
_TEXTS: Final = ("CHAR", "VARCHAR")
_EXACT: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL")


def type_faults(tree: Any, type_of: TypeOf) -> Iterator[Finding]:
    """The faults of a validated tree."""
    for node in walk(tree):
        kind = kind_of(node)
        if kind in _COMPARISONS:
            yield from _comparison_faults(node, type_of)
        elif kind in ("DIVIDE", "MOD"):
            yield from _division_faults(node, type_of)
        elif kind == "CAST":
            yield from _cast_faults(node, type_of)
        elif class_of(node) == "SqlBasicCall":
            yield from _call_faults(node)
            yield from format_faults(node, _name(node))


def _comparison_faults(comparison: Any, type_of: TypeOf) -> Iterator[Finding]:
    operands = list(_operands(comparison))
    types = [type_of(operand) for operand in operands]
    others = [name for name in types if name is not None and name not in (*_TEXTS, "NULL")]
    for operand, name in zip(operands, types, strict=True):
        if others and name in _TEXTS and not _is_literal(operand):
            message = f"a text is compared as {others[0]}, which stops the whole job at one that is none"
            yield operand, f"{message}: write TRY_CAST(… AS {others[0]}), which gives null, or compare with a '…'"


def _division_faults(division: Any, type_of: TypeOf) -> Iterator[Finding]:
    divided, divisor = division.getOperandList()
    if type_of(divided) not in _EXACT or type_of(divisor) not in _EXACT:
        return  # of doubles it is an infinity, or no number
    if float(str(divisor)) == 0 if _is_literal(divisor) else not _is_null_for_0(divisor):
        yield divisor, "a whole number divided by 0 stops the whole job: write NULLIF(…, 0), which gives null"


def _is_null_for_0(node: Any) -> bool:
    """The validator writes NULLIF(x, 0) as CASE WHEN x = 0 THEN NULL ELSE x END."""
    if kind_of(node) != "CASE":
        return False
    asked = [each for each in node.getWhenOperands() if kind_of(each) == "EQUALS"]
    return any(str(operand) == "0" for each in asked for operand in each.getOperandList())


def _cast_faults(cast: Any, type_of: TypeOf) -> Iterator[Finding]:
    value, target = cast.getOperandList()
    if type_of(value) in (*_TEXTS, None) and not _is_literal(value) and type_of(cast) not in _TEXTS:
        yield cast, f"CAST stops the whole job at a value that is no {target}: write TRY_CAST, which gives null"


def _call_faults(call: Any) -> Iterator[Finding]:
    name = _name(call)
    if name == "ELEMENT":
        yield call, "ELEMENT stops the whole job at an array of several: write […][1]"
    elif name == "FROM_BASE64":
        yield call, "FROM_BASE64 stops the whole job at a text that is none: decode it in the product's spec"
    elif name.startswith("JSON_") and any(str(operand) == "ERROR" for operand in _operands(call)):
        yield call, f"ERROR of {name} stops the whole job at a text that is no such JSON: write NULL in its place"


def _operands(call: Any) -> Iterator[Any]:
    """Those of its lists, too."""
    for operand in call.getOperandList():
        if operand is not None:
            yield from operand.getList() if class_of(operand) == "SqlNodeList" else [operand]


def _is_literal(node: Any) -> bool:
    return class_of(node).endswith("Literal")


def _name(node: Any) -> str:
    return name_of(node) if class_of(node) == "SqlBasicCall" else ""
