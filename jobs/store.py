"""Stage 7, store: makes the stores ready and writes to them by the statements of sql/sinks and sql/aggregates."""

import logging
from pathlib import Path
from typing import Final

import psycopg
import pymongo
from pyflink.table import StatementSet, StreamTableEnvironment
from pymongo.database import Database

from jobs.config import Aurora, Config, DocumentDb
from jobs.statements import Statement

_log = logging.getLogger(__name__)
_MIGRATION_LOCK: Final = 0x51_01_CE
"""Advisory lock, so that two jobs that start together apply each migration once."""


def prepare_stores(config: Config, migrations: Path) -> None:
    """Applies the migrations of Aurora that are new, and the indexes of DocumentDB; safe to repeat."""
    migrate_aurora(config.aurora, migrations)
    index_documents(config.documentdb)


def migrate_aurora(aurora: Aurora, migrations: Path) -> list[str]:
    """Applies the numbered SQL files that the database has not seen, all in one transaction; their names."""
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        connection.execute("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, applied_at timestamptz)")
        applied = {row[0] for row in connection.execute("SELECT name FROM migration")}
        new = [path for path in sorted(migrations.glob("*.sql")) if path.stem not in applied]
        for path in new:
            _log.info("Aurora: applying %s", path.name)
            connection.execute(path.read_bytes())
            connection.execute("INSERT INTO migration VALUES (%s, now())", [path.stem])
    return [path.stem for path in new]


def index_documents(documentdb: DocumentDb) -> None:
    """Hot messages leave by their TTL index; a changed `ttl.days` needs the index dropped once by hand."""
    client: pymongo.MongoClient[dict[str, object]]
    with pymongo.MongoClient(documentdb.uri) as client:
        database: Database[dict[str, object]] = client[documentdb.database]
        database["messages"].create_index("received_at", expireAfterSeconds=documentdb.ttl_days * 86_400)
        database["messages"].create_index([("device_id", 1), ("event_time", -1)])
        database["alarms"].create_index([("device_id", 1), ("first_event_time", -1)])
        database["dead_letters"].create_index([("product", 1), ("reason", 1), ("first_seen", -1)])
        database["dead_letters"].create_index([("state", 1), ("first_seen", -1)])
        database["dead_letters"].create_index([("first_seen", -1)])


def write_stores(t_env: StreamTableEnvironment, inserts: StatementSet, statements: list[Statement]) -> None:
    """Creates the sink tables and adds every INSERT to the one statement set of the job."""
    for statement in statements:
        if statement.verb == "INSERT":
            inserts.add_insert_sql(statement.text)
        else:
            t_env.execute_sql(statement.text)
