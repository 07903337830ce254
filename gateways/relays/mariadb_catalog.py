"""What a relay must know of a MariaDB server: whether its binlog can be captured, and the columns of the tables."""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateways.relays.errors import RelayError

Columns = dict[str, str]
"""Column → type, as the table's definition writes it."""
Catalog = dict[str, Columns]
"""Table (schema.table) → its columns; none where there is no such table."""

_SETTINGS: Final = {
    "log_bin": ("ON", "start the server with log_bin"),
    "binlog_format": ("ROW", "SET GLOBAL binlog_format = ROW (RDS: in the parameter group)"),
    "binlog_row_image": ("FULL", "SET GLOBAL binlog_row_image = FULL (RDS: in the parameter group)"),
    "binlog_row_metadata": ("FULL", "SET GLOBAL binlog_row_metadata = FULL (MariaDB 10.5 or newer)"),
    "log_bin_compress": ("OFF", "SET GLOBAL log_bin_compress = OFF"),
}
_TYPES: Final = ("uuid", "inet4", "inet6")
"""Logged in a form of their own, which no event tells from BINARY."""
_WIDE: Final = ("ucs2", "utf16", "utf32")
"""Python reads another byte order in these."""


def check_binlog(relay: str, connection: Any, tables: Sequence[str]) -> None:
    """Raises RelayError with the mend where changes of the tables would be missing or could not be read."""
    if "MariaDB" not in connection.get_server_info():
        raise RelayError(relay, f"this is MySQL {connection.get_server_info()}: capture it with DMS or Debezium")
    with connection.cursor() as cursor:
        names = ", ".join(f"'{name}'" for name in _SETTINGS)
        cursor.execute(f"SHOW GLOBAL VARIABLES WHERE variable_name IN ({names})")
        found = dict(cursor.fetchall())
        for name, (wanted, mend) in _SETTINGS.items():
            if found.get(name, "absent") != wanted:
                raise RelayError(relay, f"{name} is {found.get(name, 'absent')}: {mend}")
        cursor.execute("SHOW MASTER STATUS")
        _, _, only, ignored = cursor.fetchone()[:4]
    for schema in {table.partition(".")[0] for table in tables}:
        if schema in ignored.split(",") or (only and schema not in only.split(",")):
            raise RelayError(relay, f"changes of {schema} are not logged: mend binlog_do_db and binlog_ignore_db")


def read_catalog(relay: str, connection: Any, tables: Sequence[str]) -> Catalog:
    """The columns of the tables as they are now; raises RelayError where one of them cannot be captured."""
    catalog: Catalog = {table: {} for table in tables}
    names = [[table.partition(".")[0] for table in tables], [table.partition(".")[2] for table in tables]]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat(table_schema, '.', table_name), column_name, column_type, data_type, character_set_name "
            "FROM information_schema.columns WHERE table_schema IN %s AND table_name IN %s ORDER BY ordinal_position",
            names,
        )
        for table, column, kind, data_type, encoding in cursor.fetchall():
            if table not in catalog:  # its name is of one of the tables, its schema of another
                continue
            if reason := _unreadable(kind, data_type, encoding):
                raise RelayError(relay, f"{table} cannot be captured: its column `{column}` {reason}")
            catalog[table][column] = kind
        cursor.execute(
            "SELECT concat(constraint_schema, '.', table_name), constraint_name "
            "FROM information_schema.referential_constraints WHERE constraint_schema IN %s AND table_name IN %s "
            "AND (delete_rule IN ('CASCADE', 'SET NULL') OR update_rule IN ('CASCADE', 'SET NULL'))",
            names,
        )
        for table, constraint in cursor.fetchall():
            if table in catalog:
                mend = f"its key `{constraint}` changes rows without logging them: let it RESTRICT"
                raise RelayError(relay, f"{table} cannot be captured: {mend}")
    return catalog


def changes(before: Columns, after: Columns) -> Iterator[tuple[str, Columns]]:
    """What DMS's control records call the way from one state of a table to another, each with its columns."""
    if not before or not after:
        if before != after:
            yield ("create-table", after) if after else ("drop-table", {})
        return
    ways: Mapping[str, Columns] = {
        "drop-column": {name: kind for name, kind in before.items() if name not in after},
        "add-column": {name: kind for name, kind in after.items() if name not in before},
        "column-type-change": {name: kind for name, kind in after.items() if before.get(name, kind) != kind},
    }
    yield from ((operation, columns) for operation, columns in ways.items() if columns)


def _unreadable(kind: str, data_type: str, encoding: str | None) -> str:
    """Why a column's values cannot be read from the binlog, with the mend; empty where they can."""
    if data_type in _TYPES:
        return f"is of type {data_type}: make it CHAR"
    if encoding is None:
        return ""
    if encoding.startswith(_WIDE) or not _known(encoding):
        return f"has the character set {encoding}: make it utf8mb4"
    if data_type in ("enum", "set") and not encoding.startswith("utf8") and not kind.isascii():
        return f"has labels in {encoding}: make it utf8mb4"
    return ""


def _known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding.removesuffix("mb3").removesuffix("mb4"))
    except LookupError:
        return False
    return True
