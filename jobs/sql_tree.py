"""The tree of Flink's SQL parser (Calcite's nodes, reached over py4j), as rules are read from it."""

from collections.abc import Iterator
from typing import Any, Final

Place = tuple[int, int, int, int]
"""First line and column, last line and column, from 1."""

Finding = tuple[Any, str]
"""A node of the tree and what is wrong with it."""

_AROUND_A_TABLE: Final = ("AS", "SNAPSHOT", "TABLE_REF", "TABLESAMPLE", "PIVOT", "UNPIVOT")
"""What may stand around the name of a table: another name, a time, hints, a sample, a turn."""
_LEAVES: Final = ("SqlIdentifier", "SqlDataTypeSpec", "SqlIntervalQualifier", "SqlDynamicParam")


def class_of(node: Any) -> str:
    return str(node.getClass().getSimpleName())


def kind_of(node: Any) -> str:
    return str(node.getKind())


def name_of(call: Any) -> str:
    """Of a function, in capitals; Calcite marks the windows of GROUP BY by a `$` before it."""
    return str(call.getOperator().getName()).upper().lstrip("$")


def place_of(node: Any) -> Place:
    at = node.getParserPosition()
    return at.getLineNum(), at.getColumnNum(), at.getEndLineNum(), at.getEndColumnNum()


def children(node: Any) -> list[Any]:
    """The nodes right below, those of lists among them."""
    kind = class_of(node)
    if kind in _LEAVES or kind.endswith("Literal"):
        return []
    return [
        child for child in (node.getList() if kind == "SqlNodeList" else node.getOperandList()) if child is not None
    ]


def walk(node: Any) -> Iterator[Any]:
    """A node and all below it, but for the lists themselves."""
    if class_of(node) != "SqlNodeList":
        yield node
    for child in children(node):
        yield from walk(child)


def tables(node: Any) -> Iterator[Any]:
    """The identifiers that name tables, those of WITH among them."""
    for each in walk(node):
        yield from _tables_at(each)


def tables_read(node: Any, named: frozenset[str] = frozenset()) -> Iterator[Any]:
    """The identifiers that name tables, but for queries that a WITH around them has named before."""
    if class_of(node) == "SqlWith":
        items, body = node.getOperandList()
        for item in items.getList():
            yield from tables_read(item.getOperandList()[2], named)
            named |= {str(item.getOperandList()[0])}
        yield from tables_read(body, named)
        return
    yield from (table for table in _tables_at(node) if str(table) not in named)
    for child in children(node):
        yield from tables_read(child, named)


def _tables_at(node: Any) -> Iterator[Any]:
    kind = kind_of(node)
    found = []
    if kind == "SELECT":
        found = [node.getFrom()]
    elif kind == "JOIN":
        found = [node.getLeft(), node.getRight()]
    elif kind == "MATCH_RECOGNIZE":
        found = [node.getTableRef()]
    elif kind == "EXPLICIT_TABLE":
        found = [node.getOperandList()[0]]
    for each in found:
        while each is not None and kind_of(each) in _AROUND_A_TABLE:
            each = each.getOperandList()[0]
        if each is not None and class_of(each) == "SqlIdentifier":
            yield each
