"""What a rule keeps, how long and of whom: windows, OVER and patterns have an end, and mix no devices."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, Final

from py4j.protocol import Py4JJavaError

from jobs.durations import duration_text
from jobs.sql_tree import Finding, class_of, kind_of, name_of, walk

LONGEST_MS: Final = 7 * 86_400_000
"""Event time that a window, a pattern or a join holds at most."""

_MOST_WINDOWS: Final = 300
"""Windows of one HOP or CUMULATE in which a row counts at most: a day by 5 minutes."""

_MOST_ROWS: Final = 1_000
"""Rows that OVER, LAG or LEAD look back or ahead at most; each is kept for each device."""

_OF_ONE_ROW: Final = ("event_time", "received_at", "message_id")
_OF_MONTHS: Final = ("INTERVAL_YEAR", "INTERVAL_YEAR_MONTH", "INTERVAL_MONTH")
_COLLECTING: Final = ("LISTAGG", "COLLECT", "ARRAY_AGG", "JSON_ARRAYAGG", "JSON_OBJECTAGG")
_TABLE_WINDOWS: Final = ("TUMBLE", "HOP", "CUMULATE", "SESSION")


def partition_faults(name: str, at: Any, partition: Sequence[Any]) -> Iterator[Finding]:
    """The faults of what `name` at a node is partitioned by: devices, sites, or whatever they have in common."""
    if not partition:
        yield at, f"{name} without PARTITION BY mixes all devices: add `PARTITION BY device_id`"
        return
    columns = [_column(node) for each in partition for node in walk(each) if class_of(node) == "SqlIdentifier"]
    if not set(columns) - set(_OF_ONE_ROW):
        yield partition[0], "this PARTITION BY mixes all devices: write `PARTITION BY device_id`"
        return
    for each in partition:
        if class_of(each) == "SqlIdentifier" and _column(each) in _OF_ONE_ROW:
            yield each, f"by `{_column(each)}` nearly every row is alone: leave it out of PARTITION BY"


def over_faults(window: Any) -> Iterator[Finding]:
    """The faults of OVER and of a WINDOW that it names."""
    if window.getRefName() is None:
        yield from partition_faults("OVER", window, list(window.getPartitionList().getList()))
    for bound in (window.getLowerBound(), window.getUpperBound()):
        for node in [] if bound is None else walk(bound):
            yield from span_faults(node) if _is_interval(node) else _row_faults(node)


def collecting_faults(over: Any) -> Iterator[Finding]:
    """What an OVER without beginning would keep of every row there ever was."""
    call, window = over.getOperandList()
    if class_of(window) != "SqlWindow" or class_of(call) != "SqlBasicCall":
        return
    begins = window.getLowerBound() is not None and "UNBOUNDED" not in str(window.getLowerBound())
    if not begins and (name_of(call) in _COLLECTING or str(call.getFunctionQuantifier()) == "DISTINCT"):
        yield call, "this keeps every value for ever: begin OVER by `RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND …`"


def offset_faults(call: Any) -> Iterator[Finding]:
    """LAG and LEAD look back and ahead by rows."""
    if name_of(call) in ("LAG", "LEAD") and call.operandCount() > 1:
        yield from _row_faults(call.getOperandList()[1])


def table_window_faults(call: Any) -> Iterator[Finding]:
    """The faults of TUMBLE, HOP, CUMULATE and SESSION, behind TABLE or in GROUP BY."""
    if name_of(call) not in _TABLE_WINDOWS:
        return
    spans = [span for operand in call.getOperandList() for span in _spans(operand)][:2]
    for span in spans:
        yield from span_faults(span)
    if len(spans) == 2 and name_of(call) in ("HOP", "CUMULATE"):
        (step, size), at = sorted(map(_milliseconds, spans)), min(spans, key=_milliseconds)
        if 0 < step < size / _MOST_WINDOWS:
            least = duration_text(ceil(size / _MOST_WINDOWS / 1_000) * 1_000)
            yield at, f"each row counts in {size // step} windows, {_MOST_WINDOWS} is the most: step by {least} or more"


def span_faults(span: Any) -> Iterator[Finding]:
    """The faults of an interval for which rows are kept."""
    if _milliseconds(span) > LONGEST_MS:
        yield span, f"rules keep rows for {duration_text(LONGEST_MS)} at most: shorten the interval"
    elif _milliseconds(span) <= 0:
        yield span, "this interval holds nothing: write one above 0"


def _milliseconds(span: Any) -> int:
    if str(span.getTypeName()) in _OF_MONTHS:
        return LONGEST_MS + 1
    try:
        return int(span.getValueAs(span.getClass().forName("java.lang.Long")))
    except Py4JJavaError:  # more digits than its unit takes: the planner says so
        return LONGEST_MS


def _spans(operand: Any) -> Iterator[Any]:
    """The interval of an argument, which may be named; an OFFSET only moves windows."""
    if kind_of(operand) == "ARGUMENT_ASSIGNMENT":
        operand, name = operand.getOperandList()
        if str(name).upper() == "OFFSET":
            return
    if _is_interval(operand):
        yield operand


def _row_faults(node: Any) -> Iterator[Finding]:
    if class_of(node) == "SqlNumericLiteral" and float(str(node)) > _MOST_ROWS:
        yield node, f"{node} rows are kept of each device, {_MOST_ROWS} is the most: lower it, or go by windows"


def _is_interval(node: Any) -> bool:
    return class_of(node) == "SqlIntervalLiteral"


def _column(identifier: Any) -> str:
    return str(identifier).rpartition(".")[2]
