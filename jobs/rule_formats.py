"""Formats of times in a rule, tried by Flink's own functions: one that they cannot use stops the whole job."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyflink.java_gateway import get_gateway

from jobs.sql_tree import Finding, class_of

_TRIED: Final[dict[str, Callable[[Any, str], Any]]] = {
    "DATE_FORMAT": lambda java, text: _times(java).formatTimestamp(_epoch(java), text, _utc(java)),
    "FROM_UNIXTIME": lambda java, text: _times(java).formatUnixTimestamp(0, text, _utc(java)),
    "TO_DATE": lambda java, text: _times(java).parseDate("", text),
    "UNIX_TIMESTAMP": lambda java, text: _times(java).unixTimestamp("", text, _utc(java)),
}


def format_faults(call: Any, name: str) -> Iterator[Finding]:
    """The faults of a call of the function `name`."""
    if name not in _TRIED or call.operandCount() < 2:
        return
    said = call.getOperandList()[1]
    if class_of(said) != "SqlCharStringLiteral":
        yield said, f"a format of {name} that is none stops the whole job: write it out, such as 'yyyy-MM-dd HH:mm:ss'"
        return
    try:
        _TRIED[name](get_gateway().jvm, str(said.toValue()))
    except Py4JJavaError as error:
        reason = error.java_exception.getMessage()
        yield said, f"{name} stops the whole job by this format ({reason}): write one such as 'yyyy-MM-dd HH:mm:ss'"


def _times(java: Any) -> Any:
    return java.org.apache.flink.table.utils.DateTimeUtils


def _epoch(java: Any) -> Any:
    return java.org.apache.flink.table.data.TimestampData.fromEpochMillis(0)


def _utc(java: Any) -> Any:
    return java.java.util.TimeZone.getTimeZone("UTC")
