"""pgoutput: the messages of PostgreSQL's logical replication (protocol 1) → row changes, each with its commit.

https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from gateways.relays.dms import Commit, LoggedRow, Row
from udfs.errors import SluiceError

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class PgoutputError(SluiceError):
    """A message that cannot be read; `offset` counts bytes in it."""

    def __init__(self, message: str, offset: int) -> None:
        self.message, self.offset = message, offset
        super().__init__(f"byte {offset}: {message}")


class _Relation(NamedTuple):
    schema: str
    table: str
    columns: list[str]
    key: frozenset[str]


def read_messages(messages: Iterable[bytes]) -> Iterator[LoggedRow]:
    """The changes in the messages of whole transactions, in their order; raises PgoutputError."""
    relations: dict[int, _Relation] = {}
    commit, place = _commit(0, _EPOCH), 0
    for message in messages:
        reader = _Reader(message)
        kind = reader.character()
        if kind == "B":
            commit, place = _commit(reader.int64(), _time(reader)), 0
        elif kind == "R":
            number, relation = _relation(reader)
            relations[number] = relation
        elif kind in "IUDT":
            for row in _rows(kind, reader, relations, commit, place):
                place = row.place
                yield row


def transaction_end(commit: bytes) -> int:
    """Where the transaction of a commit message ends in the log; raises PgoutputError."""
    reader = _Reader(commit)
    if reader.character() != "C":
        raise PgoutputError("expected a commit", 0)
    reader.character()
    reader.int64()
    return reader.int64()


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes a place in its log."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def _commit(lsn: int, at: datetime) -> Commit:
    """Known by its place: ids of PostgreSQL are given when a transaction begins, in another order than commits."""
    return Commit(lsn, lsn_text(lsn), at)


def _rows(
    kind: str, reader: "_Reader", relations: dict[int, _Relation], commit: Commit, place: int
) -> Iterator[LoggedRow]:
    if kind == "T":
        count = reader.int32()
        reader.character()
        for number in range(count):
            relation = _known(reader, relations)
            yield LoggedRow("truncate", relation.schema, relation.table, None, None, commit, place + 1 + number)
        return
    relation = _known(reader, relations)
    before: Row | None = None
    after: Row | None = None
    while not reader.ended:
        part = reader.character()
        if part == "N":
            after = reader.tuple(relation.columns)
        elif part in "KO":
            row = reader.tuple(relation.columns)
            before = row if part == "O" else {name: value for name, value in row.items() if name in relation.key}
        else:
            raise PgoutputError(f"expected a row, got `{part}`", reader.at)
    operation: Literal["insert", "update", "delete"] = {"I": "insert", "U": "update", "D": "delete"}[kind]  # type: ignore[assignment]
    if (before if operation == "delete" else after) is None:
        raise PgoutputError(f"a change of {relation.schema}.{relation.table} without a row", reader.at)
    yield LoggedRow(operation, relation.schema, relation.table, before, after, commit, place + 1)


def _known(reader: "_Reader", relations: dict[int, _Relation]) -> _Relation:
    number = reader.int32()
    if number not in relations:
        raise PgoutputError(f"a change of table {number}, which no message has described", reader.at)
    return relations[number]


def _relation(reader: "_Reader") -> tuple[int, _Relation]:
    number, schema, table = reader.int32(), reader.text(), reader.text()
    reader.character()  # replica identity
    columns, key = [], set()
    for _ in range(reader.int16()):
        is_key = reader.character() == "\x01"
        columns.append(reader.text())
        reader.int32()
        reader.int32()
        if is_key:
            key.add(columns[-1])
    return number, _Relation(schema or "pg_catalog", table, columns, frozenset(key))


def _time(reader: "_Reader") -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=reader.int64())
    except OverflowError as error:
        raise PgoutputError("a commit time beyond the year 9999", reader.at) from error


class _Reader:
    """Reads a message from its front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.data)

    def character(self) -> str:
        return self._take(1).decode("latin-1")

    def int16(self) -> int:
        return int(struct.unpack(">h", self._take(2))[0])

    def int32(self) -> int:
        return int(struct.unpack(">i", self._take(4))[0])

    def int64(self) -> int:
        return int(struct.unpack(">q", self._take(8))[0])

    def text(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise PgoutputError("a text without its end", self.at)
        return self._utf8(self._take(end + 1 - self.at)[:-1])

    def tuple(self, columns: list[str]) -> Row:
        count = self.int16()
        if count != len(columns):
            raise PgoutputError(f"expected {len(columns)} columns, got {count}", self.at)
        return {name: self._cell(name) for name in columns}

    def _cell(self, name: str) -> str | None:
        kind = self.character()
        if kind == "n":
            return None
        if kind == "u":
            mend = "ALTER TABLE … REPLICA IDENTITY FULL logs it"
            raise PgoutputError(
                f"`{name}` is stored out of line and was not logged, for it did not change: {mend}", self.at
            )
        if kind != "t":
            raise PgoutputError(f"expected a value of `{name}`, got `{kind}`", self.at)
        return self._utf8(self._take(self.int32()))

    def _utf8(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise PgoutputError(f"not UTF-8 text: {error.reason}", self.at) from error

    def _take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise PgoutputError(f"expected {size} bytes more, the message has {len(self.data) - self.at}", self.at)
        part = self.data[self.at : self.at + size]
        self.at += size
        return part
