"""MongoDB and DocumentDB: change stream events in extended JSON.

The document's `_id` is the column `_id`, and what stands within a document the column of its path. A position is the
cluster time, of which the counter orders what happened within a second.
"""

from typing import Any, Final

from udfs.cdc.change import CdcError, Row, RowChange, TableChange, position_of
from udfs.cdc.commit_time import commit_time
from udfs.cdc.extended_json import plain_row

_ROWS: Final = ("insert", "update", "replace", "delete")
_TABLES: Final = {"drop": "dropped", "rename": "renamed"}
_SECOND: Final = 1_000


def is_mongodb(document: dict[str, Any]) -> bool:
    return "operationType" in document


def read_mongodb(event: dict[str, Any]) -> list[RowChange | TableChange]:
    """The change in an event; none for events about indexes, databases and the stream itself. Raises CdcError."""
    operation = event["operationType"]
    if operation not in (*_ROWS, *_TABLES):
        return []
    namespace = event.get("ns")
    if not isinstance(namespace, dict):
        raise CdcError("bad_cdc", "expected an object", field="ns")
    schema, table = str(namespace.get("db")), str(namespace.get("coll"))
    committed_at, position = _place(event.get("clusterTime"))
    if operation in _TABLES:
        what: Any = _TABLES[operation]
        return [
            TableChange(schema=schema, table=table, what=what, columns=(), position=position, committed_at=committed_at)
        ]
    key = _document(event, "documentKey") or {}
    after = None if operation == "delete" else _document(event, "fullDocument")
    if after is None and operation != "delete":
        if "fullDocument" in event:
            return []  # deleted since: that event follows
        raise CdcError(
            "partial_row", 'an update without its document: open the stream with full_document="updateLookup"'
        )
    before = {**key, **(_document(event, "fullDocumentBeforeChange") or {})}
    return [
        RowChange(schema=schema, table=table, after=after, before=before, position=position, committed_at=committed_at)
    ]


def _document(event: dict[str, Any], field: str) -> Row | None:
    found = event.get(field)
    if found is not None and not isinstance(found, dict):
        raise CdcError("bad_cdc", "expected a document", field=field)
    return None if found is None else plain_row(found)


def _place(cluster_time: Any) -> tuple[int, int]:
    """Commit time in ms, and the position."""
    found = cluster_time.get("$timestamp") if isinstance(cluster_time, dict) else None
    try:
        seconds, counter = int(found["t"]), int(found["i"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise CdcError("bad_cdc", 'expected {"$timestamp": {"t": …, "i": …}}', field="clusterTime") from error
    committed_at = commit_time(seconds * _SECOND, "clusterTime")
    return committed_at, position_of(committed_at, counter)
