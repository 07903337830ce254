"""What a rule's SELECT may say, as far as its tree tells: one query over the views of rules, with an end and a replay.

Each fault has the node at which it lies and says what to write instead.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from jobs.rule_patterns import pattern_faults
from jobs.rule_windows import collecting_faults, offset_faults, over_faults, table_window_faults
from jobs.rules import Rule
from jobs.sql_tree import Finding, class_of, kind_of, name_of, tables_read, walk
from jobs.views import view_name
from udfs.document import suggest

_QUERIES: Final = ("SELECT", "WITH", "UNION", "ORDER_BY")
_OF_THE_CLOCK: Final = (
    *("NOW", "PROCTIME", "CURRENT_TIMESTAMP", "CURRENT_ROW_TIMESTAMP", "CURRENT_WATERMARK", "CURRENT_DATE"),
    *("CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "RAND", "RAND_INTEGER", "UUID"),
    "UNIX_TIMESTAMP",
)
"""They say something else at each run."""


def select_faults(rule: Rule, tree: Any, views: frozenset[str], scored: frozenset[str]) -> Iterator[Finding]:
    """The faults of a rule that may read the typed `views` and the `scored` ones, which stand for model functions."""
    kind = kind_of(tree)
    if kind not in _QUERIES:
        yield tree, f"a rule is one SELECT, this is {kind}: the framework stores its rows"
        return
    yield from _table_faults(tree, views | scored)
    nodes = list(walk(tree))
    foreign = _foreign(rule, nodes, views)
    for node in nodes:
        if class_of(node) == "SqlMatchRecognize":
            yield from pattern_faults(node)
        elif class_of(node) == "SqlBasicCall":
            yield from table_window_faults(node)
            yield from offset_faults(node)
        yield from _limit_faults(rule, node, foreign)
        yield from _node_faults(node)


def own_product_fault(rule: Rule, tables: Iterable[str], views: Iterable[str]) -> str:
    """What is wrong where the `tables` that a rule reads are none of its product's; empty if nothing."""
    prefix = view_name(rule.product, "")
    own = sorted(view for view in views if view.startswith(prefix))
    if not own:
        return f"there is no product `{rule.product}`: a rule stands in the folder of its product"
    if "messages" in tables or any(table in own for table in tables):
        return ""
    return f"the SELECT reads no view of {rule.product}, whose limits and devices it is about: read {' or '.join(own)}"


def _table_faults(tree: Any, views: frozenset[str]) -> Iterator[Finding]:
    for table in tables_read(tree):
        name = str(table)
        if name not in views:
            hint = suggest(name, views) or ": rules read typed views and `messages`"
            yield table, f"no view `{name}`{hint}"


def _foreign(rule: Rule, nodes: Iterable[Any], views: frozenset[str]) -> dict[str, str]:
    """Names by which the query calls views of other products → those views."""
    renamed = [node.getOperandList()[:2] for node in nodes if kind_of(node) == "AS"]
    names = {view: view for view in views} | {str(name): str(node) for node, name in renamed if str(node) in views}
    own = ("messages", view_name(rule.product, ""))
    return {name: view for name, view in names.items() if not view.startswith(own)}


def _limit_faults(rule: Rule, node: Any, foreign: dict[str, str]) -> Iterator[Finding]:
    """Every limits['name'] is one that the header states, of a device of the rule's product."""
    if class_of(node) != "SqlBasicCall" or name_of(node) != "ITEM":
        return
    subject, key = node.getOperandList()
    of, _, column = str(subject).rpartition(".")
    if column.strip("`") != "limits":
        return
    if class_of(key) != "SqlCharStringLiteral":
        yield key, "a limit is called by its name: write limits['name']"
        return
    name = str(key.toValue())
    if name not in rule.header.limits:
        hint = suggest(name, rule.header.limits) or f": add `limits: {{{name}: {{default: …, unit: …}}}}`"
        yield key, f"the header has no limit `{name}`{hint}"
    elif of in foreign:
        yield subject, f"devices of `{foreign[of]}` have no limits of {rule.product}: take those of a view of it"


def _node_faults(node: Any) -> Iterator[Finding]:
    for kind, faults in _BY_KIND.items():
        if kind in (kind_of(node), class_of(node)):
            yield from faults(node)


def _order_faults(order: Any) -> Iterator[Finding]:
    _, _, offset, fetch = order.getOperandList()
    cut = fetch if offset is None else offset
    if cut is not None:
        yield cut, "LIMIT and OFFSET count the rows of all time, after which the rule is silent: leave them out"


def _call_faults(call: Any) -> Iterator[Finding]:
    if class_of(call) == "SqlBasicCall":
        name = str(call.getOperator().getName())
        if name.upper() != "UNIX_TIMESTAMP" or call.operandCount() == 0:  # of a text it is that text's time
            yield from _clock_faults(call, name)


def _identifier_faults(identifier: Any) -> Iterator[Finding]:
    if not identifier.isComponentQuoted(0):
        yield from _clock_faults(identifier, str(identifier))


def _clock_faults(node: Any, name: str) -> Iterator[Finding]:
    if name.upper() in _OF_THE_CLOCK:
        yield node, f"`{name}` says something else at each run, and a replay gives other alarms: go by event_time"


_BY_KIND: Final[dict[str, Callable[[Any], Iterator[Finding]]]] = {
    "OVER": collecting_faults,
    "WINDOW": over_faults,
    "ORDER_BY": _order_faults,
    "OTHER_FUNCTION": _call_faults,
    "IDENTIFIER": _identifier_faults,
}
