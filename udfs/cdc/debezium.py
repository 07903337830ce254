"""Debezium: the envelopes of its connectors, alone or within {"schema", "payload"}.

A change's position is the source's own: LSN, binlog file and offset, SCN, or the order in the oplog. With the schema,
Debezium's logical types become plain texts; without it values stay as they are.
"""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from udfs.cdc.change import CdcError, Row, RowChange, TableChange, position_of
from udfs.cdc.commit_time import commit_time
from udfs.cdc.extended_json import plain_row

_UNAVAILABLE: Final = "__debezium_unavailable_value"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPERATIONS: Final = ("c", "u", "d", "r", "t", "m")
_LSN: Final = re.compile(r"([0-9a-fA-F]{8}):([0-9a-fA-F]{8}):([0-9a-fA-F]{4})")
_BINLOG_BITS: Final = 40
_ROW_BITS: Final = 12


def is_debezium(document: dict[str, Any]) -> bool:
    payload = document.get("payload", document)
    return isinstance(payload, dict) and "op" in payload and "source" in payload


def read_debezium(document: dict[str, Any]) -> list[RowChange | TableChange]:
    """The change in an envelope; none for messages. Raises CdcError."""
    payload = document.get("payload", document)
    source = payload["source"]
    if not isinstance(source, dict):
        raise CdcError("bad_cdc", "expected an object", field="source")
    operation = payload["op"]
    if operation not in _OPERATIONS:
        raise CdcError(
            "bad_cdc", f"unknown operation `{operation}`: expected one of {', '.join(_OPERATIONS)}", field="op"
        )
    if operation == "m":
        return []
    schema = str(source.get("schema") or source.get("db") or "")
    table = str(source.get("table") or source.get("collection") or "")
    committed_at = commit_time(source.get("ts_ms"), "source.ts_ms")
    position = position_of(committed_at, _sequence(source))
    if operation == "t":
        return [
            TableChange(
                schema=schema, table=table, what="truncated", columns=(), position=position, committed_at=committed_at
            )
        ]
    types = _types(document.get("schema"))
    before, after = (_row(payload.get(name), types, name) for name in ("before", "after"))
    if operation == "d":
        if before is None:
            raise CdcError(
                "partial_row", "a deletion without its key: set REPLICA IDENTITY or pre-images", field="before"
            )
        after = None
    elif after is None:
        raise CdcError("partial_row", "a change without the row: let the connector send full documents", field="after")
    return [
        RowChange(
            schema=schema,
            table=table,
            after=after,
            before=before,
            position=position,
            committed_at=committed_at,
            names_all=isinstance(payload.get("after"), dict),  # documents of MongoDB are texts, and have what they have
        )
    ]


def _row(value: Any, types: Mapping[str, str], field: str) -> Row | None:
    if value is None:
        return None
    if isinstance(value, str):  # the MongoDB connector writes documents as texts
        try:
            return plain_row(msgspec.json.decode(value, type=dict[str, Any]))
        except (msgspec.DecodeError, RecursionError) as error:
            raise CdcError("bad_cdc", f"no document: {error}", field=field) from error
    if not isinstance(value, dict):
        raise CdcError("bad_cdc", "expected an object", field=field)
    for name, cell in value.items():
        if cell == _UNAVAILABLE:
            mend = "set REPLICA IDENTITY FULL on the table"
            raise CdcError(
                "partial_row", f"`{name}` was not logged as it did not change: {mend}", field=f"{field}.{name}"
            )
    return {name: _plain(cell, types.get(name, ""), f"{field}.{name}") for name, cell in value.items()}


def _types(schema: Any) -> dict[str, str]:
    """Column → Debezium's name of its type, from the schema of `after`; decimals with their scale."""
    if not isinstance(schema, dict):
        return {}
    parts = [part for part in schema.get("fields") or () if isinstance(part, dict)]
    rows = (part for part in parts if part.get("field") in ("after", "before"))
    fields = (field for row in rows for field in row.get("fields") or () if isinstance(field, dict))
    return {str(field.get("field")): f"{field.get('name') or ''}{_scale(field)}" for field in fields}


def _scale(field: Mapping[str, Any]) -> str:
    parameters = field.get("parameters")
    return f":{parameters['scale']}" if isinstance(parameters, dict) and "scale" in parameters else ""


def _plain(cell: Any, kind: str, field: str) -> Any:
    if cell is None or not kind:
        return cell
    name, _, scale = kind.partition(":")
    reader = _LOGICAL.get(name)
    try:
        if reader is not None:
            return reader(cell)
        return _decimal(cell, int(scale)) if name == "org.apache.kafka.connect.data.Decimal" else cell
    except (ValueError, TypeError, OverflowError, KeyError, ArithmeticError) as error:
        raise CdcError("bad_cdc", f"expected a value of {name}, got {cell!r:.60}", field=field) from error


def _decimal(text: str, scale: int) -> str:
    unscaled = int.from_bytes(base64.b64decode(text, validate=True), "big", signed=True)
    return format(Decimal(unscaled).scaleb(-scale), "f")


def _after_epoch(unit: str) -> Callable[[Any], str]:
    return lambda count: (_EPOCH + timedelta(**{unit: int(count)})).isoformat()


_LOGICAL: Final[Mapping[str, Callable[[Any], str]]] = {
    "io.debezium.time.Date": lambda days: (_EPOCH + timedelta(days=int(days))).date().isoformat(),
    "org.apache.kafka.connect.data.Date": lambda days: (_EPOCH + timedelta(days=int(days))).date().isoformat(),
    "io.debezium.time.Timestamp": _after_epoch("milliseconds"),
    "org.apache.kafka.connect.data.Timestamp": _after_epoch("milliseconds"),
    "io.debezium.time.MicroTimestamp": _after_epoch("microseconds"),
    "io.debezium.time.NanoTimestamp": lambda count: (_EPOCH + timedelta(microseconds=int(count) // 1000)).isoformat(),
    "io.debezium.time.ZonedTimestamp": str,
    "io.debezium.data.VariableScaleDecimal": lambda cell: _decimal(cell["value"], int(cell["scale"])),
}


def _sequence(source: Mapping[str, Any]) -> int:
    """The place in the source's log, by what the connector tells of it."""
    try:
        if source.get("lsn") is not None:  # PostgreSQL
            return int(source["lsn"])
        if source.get("pos") is not None:  # MySQL, MariaDB
            file = int(str(source.get("file") or "0").rpartition(".")[2])
            return file << _BINLOG_BITS + _ROW_BITS | int(source["pos"]) << _ROW_BITS | int(source.get("row") or 0)
        if source.get("change_lsn"):  # SQL Server
            return _sql_server_lsn(str(source["change_lsn"])) << 1 | (int(source.get("event_serial_no") or 1) > 1)
        if source.get("commit_lsn"):
            return _sql_server_lsn(str(source["commit_lsn"])) << 1
        return int(source.get("scn") or source.get("ord") or 0)  # Oracle, MongoDB
    except (ValueError, TypeError, OverflowError) as error:
        raise CdcError("bad_cdc", f"no usable position: {error}", field="source") from error


def _sql_server_lsn(text: str) -> int:
    found = _LSN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected an LSN such as 00000027:00000ac0:0002, got `{text:.40}`")
    # The file's number grows slowest and rarely; its low bits are enough within a millisecond.
    file, block, slot = (int(part, 16) for part in found.groups())
    return (file & 0x7FFF) << 48 | block << 16 | slot
