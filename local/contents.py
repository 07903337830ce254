"""What two stores hold of the same rows: how many, and a hash of their content that knows no order.

Hot, Aurora and the lake are written by different sinks; where the hashes agree, every row agrees in every column.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from local.stores import Stores

_BITS: Final = 64
_SPANS: Final = {"1h": "1 hour", "6h": "6 hours", "1d": "1 day"}

_LAKE_AGGREGATES: Final = """
SELECT product, entry.key AS measurement, time_bucket(INTERVAL '{span}', event_time, TIMESTAMP '2000-01-01') AS start,
  count(*) AS num_values, min(entry.value) AS min_value, max(entry.value) AS max_value,
  sum(try_cast(CAST(entry.value AS VARCHAR) AS DECIMAL(38, 9))) AS sum_value,
  arg_max(entry.value, strftime(event_time, '%Y-%m-%d %H:%M:%S.%g') || '|' || message_id) AS last_value
FROM (
  SELECT message_id, product, event_time AT TIME ZONE 'UTC' AS event_time, unnest(map_entries(measurements)) AS entry
  FROM messages WHERE event_time > received_at - to_days({ttl_days})
)
GROUP BY ALL
"""
_LAKE_CUSTOMER_DAYS: Final = """
SELECT event_time::DATE AS day, customer_id, product, entry.key AS measurement,
  count(DISTINCT device_id) AS num_devices,
  count(*) AS num_values, min(entry.value) AS min_value, max(entry.value) AS max_value,
  sum(try_cast(CAST(entry.value AS VARCHAR) AS DECIMAL(38, 9))) AS sum_value
FROM (
  SELECT device_id, coalesce(customer_id, '') AS customer_id, product, event_time AT TIME ZONE 'UTC' AS event_time,
    unnest(map_entries(measurements)) AS entry
  FROM messages WHERE event_time > received_at - to_days({ttl_days})
)
GROUP BY ALL
"""
_MESSAGE: Final = ("product", "domain", "device_id", "spec_version", "firmware")


class Content(NamedTuple):
    """Rows, and their hash in hex."""

    rows: int
    digest: str

    def __str__(self) -> str:
        return f"{self.rows:,} rows #{self.digest[:8]}"


def content(rows: Iterable[tuple[object, ...]]) -> Content:
    """The sum of the rows' hashes: the same in any order, another where a row is missing, twice, or different."""
    number, total = 0, 0
    for row in rows:
        number += 1
        total += int.from_bytes(blake2b(repr(row).encode(), digest_size=_BITS // 8).digest(), "big")
    return Content(number, f"{total % (1 << _BITS):0{_BITS // 4}x}")


def messages_of(documents: Iterable[dict[str, Any]], key: str) -> Iterator[tuple[object, ...]]:
    """Messages of DocumentDB (`key` _id) or of the lake (`key` message_id), in one form."""
    for row in documents:
        times = (_milliseconds(row["event_time"]), _milliseconds(row["received_at"]))
        maps = (sorted((row.get(name) or {}).items()) for name in ("measurements", "attributes"))
        yield (row[key], *times, *(row.get(name) for name in _MESSAGE), *maps, list(row.get("quality") or ()))


def compare_contents(stores: Stores, ttl_days: int) -> Iterator[tuple[str, str, Content, Content]]:
    """What is compared, the store, what the lake holds of it, and what the store holds."""
    lake_messages = content(messages_of(stores.query("SELECT * FROM messages", "messages"), "message_id"))
    yield "messages", "DocumentDB messages", lake_messages, content(messages_of(stores.documents("messages"), "_id"))
    for name, span in _SPANS.items():
        rows = stores.query(_LAKE_AGGREGATES.format(span=span, ttl_days=ttl_days), "messages")
        found = stores.documents(f"aggregates_{name}")
        yield f"aggregates of {name}", f"DocumentDB aggregates_{name}", _aggregates(rows), _aggregates(found)
    days = stores.query(_LAKE_CUSTOMER_DAYS.format(ttl_days=ttl_days), "messages")
    yield "customers' days", "Aurora customer_product_1d", _days(days), _days(stores.table("customer_product_1d"))
    states = stores.query("SELECT DISTINCT * FROM alarms", "alarms")
    yield "states of alarms", "DocumentDB alarms", _alarms(states), _alarms(stores.documents("alarms"))


def _aggregates(rows: Iterable[dict[str, Any]]) -> Content:
    names = ("product", "measurement", "num_values", "min_value", "max_value", "last_value")
    return content(
        (_milliseconds(row["start"]), float(row["sum_value"]), *(row[name] for name in names)) for row in rows
    )


def _days(rows: Iterable[dict[str, Any]]) -> Content:
    names = ("customer_id", "product", "measurement", "num_devices", "num_values", "min_value", "max_value")
    return content((str(row["day"]), float(row["sum_value"]), *(row[name] for name in names)) for row in rows)


def _alarms(rows: Iterable[dict[str, Any]]) -> Content:
    names = ("alarm_id", "state", "severity", "rule", "device_id", "customer_id", "site_id", "value", "limit_value")
    return content(
        (
            _milliseconds(row["first_event_time"]),
            _milliseconds(row["changed_at"]),
            *(row.get(name) for name in names),
        )
        for row in rows
    )


def _milliseconds(moment: datetime) -> int:
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
