"""PostgreSQL: rows of its tables as they stand, then every change by logical replication, as DMS writes them.

A slot keeps what the relay has not confirmed, and the relay confirms what Kinesis has. What is put twice after a crash
has the position that it had before, so the job passes it over. The slot comes before the first rows are read, and a row
is as old as the moment before: a change in between comes again by the slot, and neither hides the other.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gateways.relays.dms import Row, loaded_record, logged_record
from gateways.relays.errors import RelayError
from gateways.relays.pgoutput import lsn_text, read_messages, transaction_end
from gateways.relays.positions import Positions
from gateways.stream import Keyed, Stream

MESSAGES_AT_ONCE: Final = 2_000
LOADED: Final = "loaded"


class PostgresRelay:
    """Captures `tables` (schema.table) of the database behind `conninfo`; `name` names its slot and publication."""

    def __init__(self, name: str, conninfo: str, tables: list[str], positions: Positions, stream: Stream) -> None:
        self._name, self._conninfo, self._tables = name, conninfo, tables
        self._positions, self._stream = positions, stream

    def start(self) -> None:
        """Prepares the source and loads the tables unless that was done; raises RelayError."""
        if unnamed := [table for table in self._tables if table.count(".") != 1]:
            raise RelayError(self._name, f"expected tables as schema.table, got {', '.join(unnamed)}")
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            self._check(connection)
            self._publish(connection)
        if self._positions.read(self._name) != LOADED:
            for records in self._load():
                self._stream.put_all(records)
            self._positions.write(self._name, LOADED)

    def step(self) -> int:
        """Puts what has been committed since, confirms it, and says how many changes that were."""
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            query = (
                "SELECT data FROM pg_logical_slot_peek_binary_changes"
                "(%s, NULL, %s, 'proto_version', '1', 'publication_names', %s)"
            )
            found = connection.execute(query, [self._name, MESSAGES_AT_ONCE, self._name], binary=True).fetchall()
            records = [logged_record(row) for row in read_messages(bytes(data) for (data,) in found)]
            self._stream.put_all(records)
            if found:  # whole transactions, so the last message is a commit
                end = lsn_text(transaction_end(bytes(found[-1][0])))
                connection.execute("SELECT pg_replication_slot_advance(%s, %s)", [self._name, end])
        return len(records)

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        level = connection.execute("SHOW wal_level").fetchone()
        if level is None or level[0] != "logical":
            found = level[0] if level else "nothing"
            raise RelayError(self._name, f"wal_level is {found}: set it to logical (RDS: rds.logical_replication = 1)")
        role = connection.execute(
            "SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if role is None or not role[0]:
            raise RelayError(self._name, "this user may not replicate: ALTER ROLE … REPLICATION (RDS: rds_replication)")

    def _publish(self, connection: psycopg.Connection[Any]) -> None:
        tables = sql.SQL(", ").join(sql.Identifier(*table.split(".")) for table in self._tables)
        if connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [self._name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(sql.Identifier(self._name), tables))
        slot = connection.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [self._name]).fetchone()
        if slot is None:
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self._name])

    def _load(self) -> Iterator[list[Keyed]]:
        with psycopg.connect(self._conninfo, row_factory=dict_row) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            clock = connection.execute("SELECT clock_timestamp() AS now").fetchone()
            before = clock["now"] if clock else datetime.now(UTC)
            connection.rollback()  # the snapshot is taken by the next query, behind the clock
            for name in self._tables:
                schema, table = name.split(".")
                with connection.cursor(f"load_{table}") as cursor:
                    cursor.itersize = MESSAGES_AT_ONCE
                    cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)))
                    while rows := cursor.fetchmany(MESSAGES_AT_ONCE):
                        yield [loaded_record(schema, table, _texts(row), before) for row in rows]


def _texts(row: dict[str, Any]) -> Row:
    return {name: None if value is None else str(value) for name, value in row.items()}
