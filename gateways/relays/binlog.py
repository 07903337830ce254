"""MariaDB's binlog → row changes, each with its commit; altered tables; and the places where reading may begin again.

https://mariadb.com/kb/en/replication-protocol/

A commit's time is that of the log, in whole seconds and of the statement's begin, so a later transaction may have an
earlier one: the time never goes back here, for the job puts changes in order by time first. With each new file it goes
on by 1 ms, so that offsets order what has the same time.
"""

import re
import struct
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec
from pymysqlreplication.event import (
    MariadbBinLogCheckPointEvent,
    MariadbGtidEvent,
    MariadbGtidListEvent,
    NotImplementedEvent,
    QueryEvent,
    RotateEvent,
    XAPrepareEvent,
    XidEvent,
)
from pymysqlreplication.row_event import DeleteRowsEvent, RowsEvent, UpdateRowsEvent, WriteRowsEvent

from gateways.relays.dms import Commit, LoggedRow, Row
from gateways.relays.mariadb_values import logged_texts
from udfs.errors import SluiceError

EVENTS: Final = [
    RotateEvent,
    MariadbGtidListEvent,
    MariadbBinLogCheckPointEvent,
    MariadbGtidEvent,
    QueryEvent,
    XidEvent,
    XAPrepareEvent,
    WriteRowsEvent,
    UpdateRowsEvent,
    DeleteRowsEvent,
    NotImplementedEvent,
]
"""What `BinlogReader.read` must be given; the others may stay out."""

_STANDALONE, _DDL, _PREPARED = 1, 32, 64
"""Flags of a transaction's first event."""
_COMPRESSED: Final = range(165, 172)
_INCIDENT: Final = 26
_COMMENTS: Final = r"(?:\s|/\*.*?\*/)*"
_END: Final = re.compile(r"\s*(COMMIT|ROLLBACK)\s*$", re.IGNORECASE)
_CHANGE: Final = re.compile(_COMMENTS + r"(INSERT|REPLACE|UPDATE|DELETE|LOAD|WITH)\b", re.IGNORECASE | re.DOTALL)
_TRUNCATE: Final = re.compile(
    _COMMENTS + r"TRUNCATE\s+(?:TABLE\s+)?(?:`?(?P<schema>[^`.\s]+)`?\s*\.\s*)?`?(?P<table>[^`.\s;]+)`?",
    re.IGNORECASE | re.DOTALL,
)

_AGAIN: Final = ", then delete the relay's row from relay_position, and it loads the tables again"
_METADATA: Final = "SET GLOBAL binlog_row_metadata = FULL" + _AGAIN
_IMAGE: Final = "no session may set binlog_row_image to another than FULL" + _AGAIN


class BinlogError(SluiceError):
    """A part of the binlog that cannot be captured, and the mend; `file` and `offset` say where it stands."""

    def __init__(self, file: str, offset: int, message: str) -> None:
        self.file, self.offset, self.message = file, offset, message
        super().__init__(f"{file}:{offset}: {message}")


class Place(msgspec.Struct, frozen=True):
    """A place between two transactions; `at` is the time of the last commit before it, in epoch ms."""

    file: str
    offset: int
    at: int


class Altered(NamedTuple):
    """Tables have been created, altered, renamed or dropped; which ones and how, the source's catalog says."""

    commit: Commit


class BinlogReader:
    """Reads on from `start`; `tables` (schema.table) are those whose changes are wanted."""

    def __init__(self, start: Place, tables: Collection[str]) -> None:
        self._last, self._tables = start, tables
        self._commit, self._flags, self._row = Commit(0, "", datetime.fromtimestamp(0, UTC)), 0, 0

    def read(self, events: Iterable[Any]) -> Iterator[LoggedRow | Altered | Place]:
        """Raises BinlogError."""
        for event in events:
            if isinstance(event, RotateEvent):
                yield from self._next_file(event)
            elif isinstance(event, MariadbGtidEvent):
                self._begin(event)
            elif isinstance(event, RowsEvent):
                yield from self._rows(event)
            elif isinstance(event, QueryEvent):
                yield from self._statement(event)
            elif isinstance(event, XidEvent | XAPrepareEvent):
                yield self._end(event)
            elif isinstance(event, MariadbGtidListEvent | MariadbBinLogCheckPointEvent):  # at a file's begin
                yield self._passed(event, self._last.at)
            elif event.event_type in _COMPRESSED:
                raise self._error(event, "it is compressed: SET GLOBAL log_bin_compress = OFF" + _AGAIN)
            elif event.event_type == _INCIDENT:
                raise self._error(event, "the server could not log what happened here: mend it" + _AGAIN)

    def _next_file(self, event: Any) -> Iterator[Place]:
        if event.next_binlog != self._last.file:  # else the reader is told where it begins
            self._last = Place(event.next_binlog, event.position, self._last.at + 1)
            yield self._last

    def _begin(self, event: Any) -> None:
        event.table_map.clear()  # numbers of tables hold within a transaction: a restarted server gives them anew
        offset = _offset(event)
        number = int(self._last.file.rpartition(".")[2])
        at = datetime.fromtimestamp(max(event.timestamp * 1000, self._last.at) / 1000, UTC)
        self._commit = Commit(number << 32 | offset, f"{self._last.file}:{offset}:{event.gtid}", at)
        self._flags, self._row = event.flags, 0

    def _end(self, event: Any) -> Place:
        return self._passed(event, round(self._commit.at.timestamp() * 1000))

    def _passed(self, event: Any, at: int) -> Place:
        self._last = Place(self._last.file, event.packet.log_pos, at)
        return self._last

    def _statement(self, event: Any) -> Iterator[LoggedRow | Altered | Place]:
        if _END.match(event.query):
            yield self._end(event)
            return
        if truncation := _TRUNCATE.match(event.query):
            schema, table = truncation["schema"] or event.schema.decode(), truncation["table"]
            if f"{schema}.{table}" in self._tables:
                self._row += 1
                yield LoggedRow("truncate", schema, table, None, None, self._commit, self._row)
        elif self._flags & _DDL:
            yield Altered(self._commit)
        elif _CHANGE.match(event.query):
            self._refuse_statement(event)
        if self._flags & _STANDALONE:
            yield self._end(event)

    def _refuse_statement(self, event: Any) -> None:
        for table in self._tables:
            if re.search(rf"\b{re.escape(table.partition('.')[2])}\b", event.query, re.IGNORECASE):
                mend = "no session may set binlog_format to another than ROW" + _AGAIN
                raise self._error(event, f"a change of {table} is logged as a statement, not by rows: {mend}")

    def _rows(self, event: Any) -> Iterator[LoggedRow]:
        if f"{event.schema}.{event.table}" not in self._tables:
            return
        self._refuse_incomplete(event)
        try:
            rows = [_images(event, row) for row in event.rows]
        except (ValueError, LookupError, struct.error, NotImplementedError) as error:
            message = f"a change of {event.schema}.{event.table} cannot be read: {type(error).__name__} {error}"
            raise self._error(event, message) from error
        for operation, before, after in rows:
            self._row += 1
            yield LoggedRow(operation, event.schema, event.table, before, after, self._commit, self._row)

    def _refuse_incomplete(self, event: Any) -> None:
        table = f"{event.schema}.{event.table}"
        if self._flags & _PREPARED:
            mend = "change it in other transactions, or capture this source with DMS or Debezium"
            raise self._error(event, f"{table} is changed in an XA transaction, which may be rolled back yet: {mend}")
        if any(not column.name for column in event.columns):
            raise self._error(event, f"the columns of {table} have no names: {_METADATA}")
        bitmaps = [event.columns_present_bitmap, getattr(event, "columns_present_bitmap2", None)]
        if any(bitmap is not None and not _complete(bitmap, event.number_of_columns) for bitmap in bitmaps):
            raise self._error(event, f"not all columns of {table} are logged: {_IMAGE}")

    def _error(self, event: Any, message: str) -> BinlogError:
        return BinlogError(self._last.file, _offset(event), message)


_Images = tuple[Literal["insert", "update", "delete"], Row | None, Row | None]


def _images(event: Any, row: dict[str, Any]) -> _Images:
    """The operation, and the row before and after it."""
    if isinstance(event, UpdateRowsEvent):
        before = logged_texts(event.columns, row["before_values"], row["before_none_sources"])
        return "update", before, logged_texts(event.columns, row["after_values"], row["after_none_sources"])
    texts = logged_texts(event.columns, row["values"], row["none_sources"])
    return ("insert", None, texts) if isinstance(event, WriteRowsEvent) else ("delete", texts, None)


def _complete(bitmap: bytes, columns: int) -> bool:
    every = (1 << columns) - 1
    return int.from_bytes(bitmap, "little") & every == every


def _offset(event: Any) -> int:
    return int(event.packet.log_pos - event.packet.event_size)
