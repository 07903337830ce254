"""MariaDB: rows of its tables as they stand, then every change by its row binlog, as DMS writes them.

The place in the binlog comes with the snapshot of the full load, and is stored before the first row is put: a load that
a crash has cut off begins again, and the changes since the first one come after it. Later the place is stored when
Kinesis has what came before it; what is put twice after a crash has the position that it had, so the job skips it.
"""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pymysql
from pymysql.cursors import SSCursor
from pymysqlreplication import BinLogStreamReader

from gateways.relays.binlog import EVENTS, Altered, BinlogReader, Place
from gateways.relays.dms import Commit, LoggedRow, control_record, loaded_record, logged_record
from gateways.relays.errors import RelayError
from gateways.relays.mariadb_catalog import Catalog, changes, check_binlog, read_catalog
from gateways.relays.mariadb_values import LOADED, loaded_texts, selection
from gateways.relays.positions import Positions
from gateways.stream import Keyed, Stream

ROWS_AT_ONCE: Final = 2_000
DEFAULT_PORT: Final = 3306
READ_SECONDS: Final = 60
_ACCESS_DENIED: Final = (1044, 1045, 1142, 1143, 1227, 1698)
_BINLOG_UNREADABLE: Final = 1236
_CA: Final = "ssl_ca"
_NO_URL: Final = "its connection is no URL such as mysql://user:password@host:3306/ or …:3306/?ssl_ca=/etc/ssl/ca.pem"


class Position(msgspec.Struct, frozen=True):
    """How far the relay is. `catalog` has the tables' columns as they were there."""

    place: Place
    catalog: Catalog
    loaded: bool


class MariaRelay:
    """Captures `tables` (schema.table) of the server behind `url`, such as mysql://user:password@host:3306/."""

    def __init__(self, name: str, url: str, tables: list[str], positions: Positions, stream: Stream) -> None:
        self._name, self._tables = name, tables
        self._positions, self._stream = positions, stream
        self._settings = _settings(name, url)

    def start(self) -> None:
        """Checks the source and loads the tables unless that was done; raises RelayError."""
        if unnamed := [table for table in self._tables if table.count(".") != 1]:
            raise RelayError(self._name, f"expected tables as schema.table, got {', '.join(unnamed)}")
        with self._told(), self._connect() as connection:
            check_binlog(self._name, connection, self._tables)
            position = self._position()
            if position is None or not position.loaded:
                self._load(connection, position)

    def step(self) -> int:
        """Puts what has been committed since, stores how far that is, and says how many records that were."""
        position = self._position()
        if position is None:
            raise RelayError(self._name, "its row of relay_position is gone: start it again, it loads the tables anew")
        with self._told(), self._connect() as connection:
            if _binlog_end(connection) == (position.place.file, position.place.offset):
                return 0
            return self._capture(connection, position)

    def _capture(self, connection: Any, position: Position) -> int:
        place, catalog, count = position.place, position.catalog, 0
        records: list[Keyed] = []
        for found in self._read(place):
            if isinstance(found, Place):
                place = found
                if count + len(records) >= ROWS_AT_ONCE:
                    break
            elif isinstance(found, Altered):
                now = read_catalog(self._name, connection, self._tables)
                records += _altered(catalog, now, found.commit)
                catalog = now
            else:
                records.append(logged_record(found))
            if len(records) >= ROWS_AT_ONCE:  # a long transaction goes in parts
                self._stream.put_all(records)
                count, records = count + len(records), []
        self._stream.put_all(records)
        self._write(Position(place, catalog, loaded=True))
        return count + len(records)

    def _read(self, start: Place) -> Iterator[LoggedRow | Altered | Place]:
        """What stands in the binlog behind `start` now."""
        stream = BinLogStreamReader(
            dict(self._settings),
            # A replica's number must be its own: the server ends the reading of another one with the same.
            server_id=1 << 31 | zlib.crc32(self._name.encode()) >> 1,
            log_file=start.file,
            log_pos=start.offset,
            resume_stream=True,
            only_events=EVENTS,
            filter_non_implemented_events=False,
            only_schemas=[table.partition(".")[0] for table in self._tables],
            only_tables=[table.partition(".")[2] for table in self._tables],
            enable_logging=False,
        )
        with closing(stream):
            yield from BinlogReader(start, self._tables).read(stream)

    def _load(self, connection: Any, begun: Position | None) -> None:
        """`begun` is where a load began that a crash has cut off."""
        snapshot = self._snapshot(connection)
        position = begun or snapshot
        self._write(position)
        next(self._read(position.place), None)  # rather now than after hours: may this user read the binlog?
        at = datetime.fromtimestamp(position.place.at / 1000, UTC)
        for name, types in snapshot.catalog.items():
            schema, table = name.split(".")
            with connection.cursor(SSCursor) as cursor:
                cursor.execute(selection(schema, table, types))
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    self._stream.put_all([loaded_record(schema, table, loaded_texts(types, row), at) for row in rows])
        self._write(Position(position.place, position.catalog, loaded=True))

    def _snapshot(self, connection: Any) -> Position:
        """Leaves the connection in a snapshot of all tables; where in the binlog it was taken, the server tells."""
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # else there is no snapshot
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
            place = {name.lower(): value for name, value in cursor.fetchall()}
            cursor.execute("SELECT UNIX_TIMESTAMP() + 1")  # changes are made as new as this, and so newer than rows
            at = int(cursor.fetchone()[0]) * 1000
        catalog = read_catalog(self._name, connection, self._tables)
        if missing := [table for table, columns in catalog.items() if not columns]:
            mend = "create them, or GRANT SELECT on them to this user"
            raise RelayError(self._name, f"there are no tables {', '.join(missing)} that it may read: {mend}")
        begin = Place(place["binlog_snapshot_file"], int(place["binlog_snapshot_position"]), at)
        return Position(begin, catalog, loaded=False)

    def _position(self) -> Position | None:
        stored = self._positions.read(self._name)
        return None if stored is None else msgspec.json.decode(stored, type=Position)

    def _write(self, position: Position) -> None:
        self._positions.write(self._name, msgspec.json.encode(position).decode())

    def _connect(self) -> Any:
        session = "SET time_zone = '+00:00', sql_mode = '', net_write_timeout = 600"
        return closing(pymysql.connect(**self._settings, conv=LOADED, init_command=session))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the server that waiting does not help, with their mend."""
        try:
            yield
        except pymysql.MySQLError as error:
            code, message = (*error.args, "", "")[:2]
            if code in _ACCESS_DENIED:
                mend = "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* and SELECT on its tables to this user"
                raise RelayError(self._name, f"the server refuses: {message}; {mend}") from error
            if code == _BINLOG_UNREADABLE:
                mend = "if that part of the binlog is purged, delete its row from relay_position, then it loads anew"
                raise RelayError(self._name, f"the binlog cannot be read on: {message}; {mend}") from error
            raise


def _settings(name: str, url: str) -> Mapping[str, Any]:
    """For pymysql, which uses TLS where the server has it; with `ssl_ca` it must have it, and be who it says it is."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RelayError(name, _NO_URL) from None  # the error would tell a part of the URL
    if host is None or parts.scheme not in ("mysql", "mariadb") or parts.username is None or options.keys() - {_CA}:
        raise RelayError(name, _NO_URL)
    return {
        "host": host,
        "port": port or DEFAULT_PORT,
        "user": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "charset": "utf8mb4",
        "connect_timeout": 10,
        "read_timeout": READ_SECONDS,
        **({_CA: options[_CA], "ssl_verify_identity": True} if options else {}),
    }


def _binlog_end(connection: Any) -> tuple[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW MASTER STATUS")
        file, offset, *_ = cursor.fetchone()
    return file, int(offset)


def _altered(before: Catalog, after: Catalog, commit: Commit) -> list[Keyed]:
    records: list[Keyed] = []
    for table in before:
        for operation, columns in changes(before[table], after[table]):
            schema, name = table.split(".")
            records.append(control_record(schema, name, operation, columns, commit, len(records) + 1))
    return records
