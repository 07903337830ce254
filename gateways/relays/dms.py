"""Records as DMS writes them, for relays that read a log of rows: of a change, a table's columns, a loaded row."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from gateways.stream import Keyed

Row = dict[str, str | None]

TRUNCATE: Final = "truncate-table"


class Commit(NamedTuple):
    """A transaction: its place in the source's log, which orders transactions; that place in words; and its time."""

    transaction: int
    name: str
    at: datetime


class LoggedRow(NamedTuple):
    """One change; `before` is what was logged of the row before: whole, its key, or None. A truncation has no row."""

    operation: Literal["insert", "update", "delete", "truncate"]
    schema: str
    table: str
    before: Row | None
    after: Row | None
    commit: Commit
    place: int
    """Place in the transaction, from 1."""


def logged_record(row: LoggedRow) -> Keyed:
    """Partition key and record of a change."""
    if row.operation == "truncate":
        return control_record(row.schema, row.table, TRUNCATE, {}, row.commit, row.place)
    metadata = _metadata("data", row.operation, row.schema, row.table) | _place(row.commit, row.place)
    body: dict[str, Any] = {"metadata": metadata}
    body["data"] = _present((row.before if row.operation == "delete" else row.after) or {})
    if row.operation == "update" and row.before is not None:
        body["before-image"] = _present(row.before)
    return _keyed(row.schema, row.table, body)


def control_record(
    schema: str, table: str, operation: str, columns: Mapping[str, str], commit: Commit, place: int
) -> Keyed:
    """Partition key and record of what happened to a table; `columns` are those it happened to, with their types."""
    metadata = _metadata("control", operation, schema, table) | _place(commit, place)
    control = {"table-def": {"columns": {name: {"type": kind} for name, kind in columns.items()}}} if columns else {}
    return _keyed(schema, table, {"metadata": metadata, "control": control})


def loaded_record(schema: str, table: str, row: Row, at: datetime) -> Keyed:
    """Partition key and record of a row of the full load, which was so at `at`."""
    metadata = {"timestamp": at.isoformat(), **_metadata("data", "load", schema, table)}
    return _keyed(schema, table, {"data": _present(row), "metadata": metadata})


def _metadata(kind: str, operation: str, schema: str, table: str) -> dict[str, Any]:
    return {
        "record-type": kind,
        "operation": operation,
        "partition-key-type": "schema-table",
        "schema-name": schema,
        "table-name": table,
    }


def _place(commit: Commit, place: int) -> dict[str, Any]:
    return {
        "timestamp": commit.at.isoformat(),
        "transaction-id": commit.transaction,
        "transaction-record-id": place,
        "commit-timestamp": commit.at.isoformat(),
        "stream-position": f"{commit.name}:{place}",
    }


def _keyed(schema: str, table: str, body: Mapping[str, Any]) -> Keyed:
    return f"{schema}.{table}", msgspec.json.encode(body)


def _present(row: Row) -> dict[str, str]:
    """Without its nulls, as DMS leaves them out."""
    return {name: value for name, value in row.items() if value is not None}
