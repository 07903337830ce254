"""AWS DMS: one JSON object a row change or a control record.

A change's position is its commit time and its place in the log, from the transaction's details where the task sends
them (IncludeTransactionDetails); rows of the full load have the time at which DMS built the record.
"""

from typing import Any, Final

from udfs.cdc.change import CdcError, Row, RowChange, TableChange, position_of
from udfs.cdc.commit_time import commit_time

_BEFORE_PREFIX: Final = "BI_"
_OWN_TABLES: Final = "awsdms_"
_RECORD_BITS: Final = 20
_TRANSACTION_BITS: Final = 43
_CONTROLS: Final = {
    "create-table": "created",
    "drop-table": "dropped",
    "truncate-table": "truncated",
    "rename-table": "renamed",
    "add-column": "added",
    "drop-column": "removed",
    "rename-column": "removed",
    "column-type-change": "retyped",
    "change-columns": "retyped",
}


def is_dms(document: dict[str, Any]) -> bool:
    return "metadata" in document and not document.keys() & {"op", "operationType", "eventName", "source"}


def read_dms(document: dict[str, Any]) -> list[RowChange | TableChange]:
    """The change in a record; none for DMS's own tables. Raises CdcError."""
    metadata = document["metadata"]
    if not isinstance(metadata, dict):
        raise CdcError("bad_cdc", "expected an object", field="metadata")
    table = str(metadata.get("table-name"))
    if table.startswith(_OWN_TABLES):
        return []
    if metadata.get("record-type") == "control":
        return _table_changes(document, metadata, table)
    return [_row_change(document, metadata, table)]


def _row_change(document: dict[str, Any], metadata: dict[str, Any], table: str) -> RowChange:
    data = document.get("data")
    if not isinstance(data, dict):
        raise CdcError("bad_cdc", "a data record without `data`", field="data")
    operation = metadata.get("operation")
    if operation not in ("load", "insert", "update", "delete"):
        raise CdcError("bad_cdc", f"unknown operation `{operation}`", field="metadata.operation")
    after = {name: value for name, value in data.items() if not name.startswith(_BEFORE_PREFIX)}
    committed_at, position = _place(metadata)
    deleted = operation == "delete"
    return RowChange(
        schema=str(metadata.get("schema-name")),
        table=table,
        after=None if deleted else after,
        before={**after, **(_before(document, data) or {})} if deleted else _before(document, data),
        position=position,
        committed_at=committed_at,
    )


def _before(document: dict[str, Any], data: Row) -> Row | None:
    """The before image: an object beside `data`, under whichever name the task gives it, or columns within `data`."""
    within = {name.removeprefix(_BEFORE_PREFIX): v for name, v in data.items() if name.startswith(_BEFORE_PREFIX)}
    beside = (v for name, v in document.items() if name not in ("data", "metadata", "control") and isinstance(v, dict))
    return within or dict(next(iter(beside), {})) or None


def _table_changes(document: dict[str, Any], metadata: dict[str, Any], table: str) -> list[RowChange | TableChange]:
    what = _CONTROLS.get(str(metadata.get("operation")))
    if what is None or not table:
        return []
    committed_at, position = _place(metadata)
    return [
        TableChange(
            schema=str(metadata.get("schema-name")),
            table=table,
            what=what,  # type: ignore[arg-type]
            columns=tuple(_columns(document.get("control"))),
            position=position,
            committed_at=committed_at,
        )
    ]


def _columns(control: Any) -> list[str]:
    """The columns that a control record is about; none without IncludeControlDetails."""
    definition = control.get("table-def") if isinstance(control, dict) else None
    columns = definition.get("columns") if isinstance(definition, dict) else None
    return [str(name) for name in columns] if isinstance(columns, dict) else []


def _place(metadata: dict[str, Any]) -> tuple[int, int]:
    name = "commit-timestamp" if metadata.get("commit-timestamp") else "timestamp"
    committed_at = commit_time(metadata.get(name), f"metadata.{name}")
    try:
        transaction = int(metadata.get("transaction-id") or 0)
        record = int(metadata.get("transaction-record-id") or 0)
    except (ValueError, TypeError, OverflowError) as error:
        raise CdcError("bad_cdc", f"no usable position: {error}", field="metadata") from error
    record = min(max(record, 0), (1 << _RECORD_BITS) - 1)
    return committed_at, position_of(committed_at, transaction % (1 << _TRANSACTION_BITS) << _RECORD_BITS | record)
