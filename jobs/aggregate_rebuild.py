"""A day's aggregates anew, from the lake and the history of master data: what devices and customers measured that day.

The same rows as the job wrote while the day went on; and the right ones where messages, or changes of who owns what,
came too late for it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from jobs.config import Aurora, Config
from jobs.lake import Lake

DEVICE_KEY: Final = ("day", "device_id", "customer_id", "product", "measurement")
CUSTOMER_KEY: Final = ("day", "customer_id", "product", "measurement")
_VALUES: Final = ("num_values", "min_value", "max_value", "sum_value", "mean_value", "last_value", "last_at")

_VERSIONS: Final = (
    "COPY (SELECT row_key, columns->>{column}, deleted, valid_from, valid_to FROM master_validity "
    "WHERE master = {master}) TO STDOUT (FORMAT csv)"
)
_DEVICE_DAYS: Final = """
WITH device AS (
  SELECT * FROM read_csv($devices, columns = {'device_id': 'VARCHAR', 'site_id': 'VARCHAR', 'deleted': 'BOOLEAN',
    'valid_from': 'TIMESTAMP', 'valid_to': 'TIMESTAMP'}, header = false)
), site AS (
  SELECT * FROM read_csv($sites, columns = {'site_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'deleted': 'BOOLEAN',
    'valid_from': 'TIMESTAMP', 'valid_to': 'TIMESTAMP'}, header = false)
), message AS (
  SELECT message_id, product, device_id, event_time AT TIME ZONE 'UTC' AS event_time, measurements
  FROM messages WHERE event_time >= $start AND event_time < $end
), measured AS (
  SELECT m.*, coalesce(s.customer_id, '') AS customer_id, unnest(map_entries(m.measurements)) AS entry
  FROM message AS m
  LEFT JOIN device AS d ON d.device_id = m.device_id AND NOT d.deleted
    AND m.event_time >= d.valid_from AND m.event_time < d.valid_to
  LEFT JOIN site AS s ON s.site_id = d.site_id AND NOT s.deleted
    AND m.event_time >= s.valid_from AND m.event_time < s.valid_to
)
SELECT
  device_id, customer_id, product, entry.key AS measurement, count(*) AS num_values,
  min(entry.value) AS min_value, max(entry.value) AS max_value,
  sum(try_cast(CAST(entry.value AS VARCHAR) AS DECIMAL(38, 9))) AS sum_value,
  arg_max(entry.value, strftime(event_time, '%Y-%m-%d %H:%M:%S.%g') || '|' || message_id) AS last_value,
  max(event_time) AS last_at,
  max(strftime(event_time, '%Y-%m-%d %H:%M:%S.%g') || '|' || message_id) AS last_mark
FROM measured
GROUP BY ALL
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Rebuilt:
    """Rows of a table for the day: as they stand now, and how many of them differ from what stood before."""

    table: str
    rows: int
    new: int
    changed: int
    gone: int


def rebuild_day(config: Config, lake: Lake, day: date, *, dry_run: bool = False) -> list[Rebuilt]:
    """Replaces the day's rows (UTC) of `device_1d` and `customer_product_1d`, in one transaction."""
    devices = list(device_days(config.aurora, lake, day))
    customers = customer_days(devices)
    with psycopg.connect(config.aurora.conninfo(config.aurora.write_host)) as connection:
        done = [
            _replace(connection, "device_1d", DEVICE_KEY, _VALUES, day, devices),
            _replace(connection, "customer_product_1d", CUSTOMER_KEY, ("num_devices", *_VALUES), day, customers),
        ]
        if dry_run:
            connection.rollback()
    return done


def device_days(aurora: Aurora, lake: Lake, day: date) -> Iterator[Row]:
    """What each device measured that day while it was a customer's; `sum_value` is exact."""
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - DuckDB reads it as UTC
    with tempfile.TemporaryDirectory() as folder:
        files = {master: Path(folder) / f"{master}.csv" for master in ("device", "site")}
        with psycopg.connect(aurora.conninfo(aurora.read_host)) as connection:
            _copy(connection, "device", "site_id", files["device"])
            _copy(connection, "site", "customer_id", files["site"])
        parameters = {"devices": str(files["device"]), "sites": str(files["site"])}
        span = {"start": start, "end": start + timedelta(days=1)}
        for row in lake.query(_DEVICE_DAYS, "messages", parameters=parameters | span):
            yield {"day": day, **row, "mean_value": _mean(row)}


def customer_days(devices: list[Row]) -> list[Row]:
    """Their sums over each customer's devices of a product."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in devices:
        groups.setdefault(tuple(row[name] for name in CUSTOMER_KEY), []).append(row)
    return [_merged(dict(zip(CUSTOMER_KEY, key, strict=True)), rows) for key, rows in groups.items()]


def _merged(key: Row, rows: list[Row]) -> Row:
    last = max(rows, key=lambda row: str(row["last_mark"]))
    sums = [row["sum_value"] for row in rows if row["sum_value"] is not None]
    merged = {
        **key,
        "num_devices": len(rows),
        "num_values": sum(row["num_values"] for row in rows),
        "min_value": min(row["min_value"] for row in rows),
        "max_value": max(row["max_value"] for row in rows),
        "sum_value": sum(sums, Decimal(0)) if sums else None,
        "last_value": last["last_value"],
        "last_at": last["last_at"],
    }
    return {**merged, "mean_value": _mean(merged)}


def _mean(row: Row) -> float | None:
    return None if row["sum_value"] is None else float(row["sum_value"]) / int(row["num_values"])


def _copy(connection: psycopg.Connection[Any], master: str, column: str, file: Path) -> None:
    query = sql.SQL(_VERSIONS).format(column=sql.Literal(column), master=sql.Literal(master))
    with connection.cursor().copy(query) as copy, file.open("wb") as target:
        for block in copy:
            target.write(block)


def _replace(
    connection: psycopg.Connection[Any],
    table: str,
    key: tuple[str, ...],
    values: tuple[str, ...],
    day: date,
    rows: list[Row],
) -> Rebuilt:
    names = sql.SQL(", ").join(map(sql.Identifier, (*key, *values)))
    name = sql.Identifier(table)
    stood = connection.execute(sql.SQL("DELETE FROM {} WHERE day = %s RETURNING {}").format(name, names), [day])
    before = {row[: len(key)]: row[len(key) :] for row in stood}
    after = {tuple(row[n] for n in key): tuple(_stored(row[n]) for n in values) for row in rows}
    with connection.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, names)) as copy:
        for found, row in after.items():
            copy.write_row((*found, *row))
    changed = sum(before[each] != after[each] for each in after.keys() & before.keys())
    return Rebuilt(table, len(after), len(after.keys() - before.keys()), changed, len(before.keys() - after.keys()))


def _stored(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
