"""DynamoDB: records of its Streams, and of Kinesis Data Streams for DynamoDB.

The first have a sequence number, which grows within an item; the second only the time, in ms or µs. The schema of a
DynamoDB table is empty.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from udfs.cdc.change import CdcError, Row, RowChange, TableChange, position_of
from udfs.cdc.commit_time import commit_time
from udfs.cdc.extended_json import plain_row

_EVENTS: Final = ("INSERT", "MODIFY", "REMOVE")
_MICROSECONDS_FROM: Final = 10**14
_MILLISECONDS_FROM: Final = 10**11
_MAX_DEPTH: Final = 32


def is_dynamodb(document: dict[str, Any]) -> bool:
    return "eventName" in document and "dynamodb" in document


def read_dynamodb(record: dict[str, Any]) -> list[RowChange | TableChange]:
    """The change in a record; raises CdcError."""
    event, body = record["eventName"], record["dynamodb"]
    if event not in _EVENTS:
        raise CdcError("bad_cdc", f"unknown event `{event}`: expected one of {', '.join(_EVENTS)}", field="eventName")
    if not isinstance(body, dict):
        raise CdcError("bad_cdc", "expected an object", field="dynamodb")
    keys, old, new = (_item(body.get(name), f"dynamodb.{name}") for name in ("Keys", "OldImage", "NewImage"))
    if event != "REMOVE" and new is None:
        raise CdcError("partial_row", "a change without the new item: set StreamViewType NEW_AND_OLD_IMAGES")
    committed_at, within = _time(body.get("ApproximateCreationDateTime"))
    return [
        RowChange(
            schema="",
            table=_table(record),
            after=None if event == "REMOVE" else new,
            before={**(keys or {}), **(old or {})},
            position=position_of(committed_at, _sequence(body.get("SequenceNumber"), within)),
            committed_at=committed_at,
        )
    ]


def _table(record: Mapping[str, Any]) -> str:
    """From `tableName`, else from an ARN such as arn:aws:dynamodb:…:table/Firmware/stream/2026…"""
    if record.get("tableName"):
        return str(record["tableName"])
    parts = str(record.get("eventSourceARN") or "").split("/")
    if len(parts) < 2 or not parts[1]:
        raise CdcError("bad_cdc", "the record names no table: neither tableName nor eventSourceARN", field="tableName")
    return parts[1]


def _time(value: Any) -> tuple[int, int]:
    """Epoch ms, and the µs within; of seconds (Streams), ms or µs (Kinesis Data Streams for DynamoDB)."""
    field = "dynamodb.ApproximateCreationDateTime"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CdcError("bad_cdc", f"expected a number, got {value!r:.40}", field=field)
    if value >= _MICROSECONDS_FROM:
        return commit_time(int(value) // 1000, field), int(value) % 1000
    if value >= _MILLISECONDS_FROM:
        return commit_time(int(value), field), 0
    try:
        return commit_time(int(value * 1000), field), 0
    except (ValueError, OverflowError) as error:
        raise CdcError("bad_cdc", f"expected a time, got {value!r:.40}", field=field) from error


def _sequence(number: Any, microseconds: int) -> int:
    """A sequence number of 21 to 40 digits orders what happened to an item within a second."""
    if number is None:
        return microseconds
    text = str(number)
    if not text.isascii() or not text.isdigit() or len(text) > 40:
        raise CdcError("bad_cdc", f"expected digits, got `{text:.50}`", field="dynamodb.SequenceNumber")
    return int(text)


def _item(value: Any, field: str) -> Row | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise CdcError("bad_cdc", "expected an object", field=field)
    return plain_row({name: _attribute(typed, f"{field}.{name}", _MAX_DEPTH) for name, typed in value.items()})


def _attribute(typed: Any, field: str, depth: int) -> Any:
    if not isinstance(typed, dict) or len(typed) != 1 or not depth:
        raise CdcError("bad_cdc", 'expected a typed value such as {"S": "text"}', field=field)
    [(kind, value)] = typed.items()
    try:
        return _value(kind, value, field, depth)
    except (ValueError, TypeError, AttributeError) as error:
        raise CdcError("bad_cdc", f"expected a value of type {kind}, got {value!r:.60}", field=field) from error


def _value(kind: str, value: Any, field: str, depth: int) -> Any:
    match kind:
        case "S" | "N":
            return str(value)  # numbers have more digits than a double
        case "BOOL":
            return bool(value)
        case "NULL":
            return None
        case "B":
            return base64.b64decode(value, validate=True).hex()
        case "M":
            return {name: _attribute(inner, f"{field}.{name}", depth - 1) for name, inner in value.items()}
        case "L":
            return [_attribute(inner, field, depth - 1) for inner in value]
        case "SS" | "NS" | "BS":
            return [str(inner) for inner in value]
    raise CdcError("bad_cdc", f"unknown type `{kind}`", field=field)
