"""What the stores hold, read from the outside: by pymongo, psycopg and DuckDB over Iceberg, never through Flink."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from pymongo import MongoClient
from pymongo.database import Database

from jobs.config import Config
from jobs.dead_letters import DEVICE_STREAM, OPEN
from jobs.lake import Lake
from local.ledger import ExpectedAlarm


class Replays(NamedTuple):
    """What replays of dead letters have added to the receipts; `dead` counts what failed again."""

    envelopes: int
    received: int
    dead: Counter[str]


class Stores:
    """A reader of all four stores of one configuration."""

    def __init__(self, config: Config) -> None:
        self._mongo: MongoClient[dict[str, Any]] = MongoClient(config.documentdb.uri)
        self._hot: Database[dict[str, Any]] = self._mongo[config.documentdb.database]
        self._lake = Lake(config)
        aurora = config.aurora
        self._aurora = psycopg.connect(aurora.conninfo(aurora.read_host), autocommit=True, row_factory=dict_row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._mongo.close()
        self._aurora.close()

    def num_documents(self, collection: str) -> int:
        return self._hot[collection].estimated_document_count()

    def documents(self, collection: str) -> Iterator[dict[str, Any]]:
        yield from self._hot[collection].find()

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table of Aurora."""
        return self._aurora.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()

    def quality(self) -> tuple[int, int]:
        """Messages received and usable, over all products and sources."""
        rows = list(self.documents("data_quality_1d"))
        return sum(row["num_received"] for row in rows), sum(row["num_usable"] for row in rows)

    def num_raised(self) -> int:
        return self._hot["alarms"].count_documents({"state": "raised"})

    def num_rows(self, table: str) -> int:
        """Rows of a lake table at its newest snapshot."""
        return self._lake.num_rows(table)

    def query(self, query: str, table: str) -> list[dict[str, Any]]:
        """Rows of a query over one lake table."""
        return self._lake.query(query, table)

    def num_received(self) -> int:
        """Received messages by the raw table: a dead line counts as one, a payload of k rows as k."""
        return self._lake_number("SELECT sum(greatest(num_messages, 1)) FROM raw", "raw")

    def num_recent(self, ttl_days: int) -> int:
        """Of the received messages those that were not older than Hot holds them, by their gateway's clock."""
        query = (
            "SELECT sum(greatest(num_messages, 1)) FROM raw "
            "WHERE coalesce(received_at, arrived_at) > arrived_at - to_days(?)"
        )
        return self._lake_number(query, "raw", [ttl_days])

    def num_devices(self, ttl_days: int) -> int:
        """Devices of which a message was not older than Hot holds it when it came."""
        query = "SELECT count(DISTINCT device_id) FROM messages WHERE event_time > received_at - to_days(?)"
        return self._lake_number(query, "messages", [ttl_days])

    def num_enriched(self) -> int:
        return self._lake_number("SELECT count(site_id) FROM messages", "messages")

    def num_lake_raised(self) -> int:
        return self._lake_number("SELECT count(*) FROM alarms WHERE state = 'raised'", "alarms")

    def dead_by_reason(self) -> Counter[str]:
        """Receipts that were refused, replays among them."""
        query = (
            "SELECT reason, count(*) AS n FROM dead_letters "
            "WHERE stream = 'device-data' AND state = 'open' GROUP BY reason"
        )
        return Counter({row["reason"]: row["n"] for row in self._lake.query(query, "dead_letters")})

    def replays(self) -> Replays:
        """Every replayed envelope has left one attempt at a dead letter, at its own place in the stream."""
        query = (
            "SELECT reason, state, count(*) AS n, sum(greatest(num_messages, 1)) AS received "
            "FROM dead_letters JOIN raw USING (shard_id, sequence_number, line) "
            "WHERE stream = 'device-data' AND attempt > 1 GROUP BY ALL"
        )
        rows = self._lake.query(query, "dead_letters", "raw")
        dead = Counter({row["reason"]: row["n"] for row in rows if row["state"] == OPEN})
        return Replays(sum(row["n"] for row in rows), sum(int(row["received"]) for row in rows), dead)

    def num_dead_letters(self) -> int:
        """Dead letters of device data in DocumentDB, open and resolved."""
        return self._hot["dead_letters"].count_documents({"stream": DEVICE_STREAM})

    def num_open(self) -> int:
        """Dead letters of both streams that wait for a replay."""
        return self._hot["dead_letters"].count_documents({"state": OPEN})

    def alarms(self) -> list[ExpectedAlarm]:
        """Every alarm of the alarm service, whatever its state."""
        rows = self._aurora.execute("SELECT rule, device_id, first_event_time FROM alarm ORDER BY 3, 1, 2").fetchall()
        return [ExpectedAlarm(row["rule"], row["device_id"], _milliseconds(row["first_event_time"])) for row in rows]

    def num_alarms(self) -> int:
        row = self._aurora.execute("SELECT count(*) AS n FROM alarm").fetchone()
        return int(row["n"]) if row else 0

    def master_rows(self, master: str, key: str) -> dict[str, dict[str, str]]:
        """The rows of a unified table that are not deleted, by key, as texts."""
        query = sql.SQL("SELECT * FROM {} WHERE NOT deleted").format(sql.Identifier(master))
        rows = self._aurora.execute(query).fetchall()
        hidden = ("version", "deleted")
        texts = [{name: str(v) for name, v in row.items() if name not in hidden and v is not None} for row in rows]
        return {row[key]: row for row in texts}

    def _lake_number(self, query: str, table: str, parameters: list[Any] | None = None) -> int:
        value = next(iter(self._lake.query(query, table, parameters=parameters)[0].values()))
        return int(value or 0)


def _milliseconds(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)
