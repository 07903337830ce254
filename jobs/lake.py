"""The lake without Flink: SQL over the Iceberg tables by DuckDB, through the Glue catalog, now or as it was."""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args
from urllib.parse import urlsplit

import duckdb
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot

from jobs.config import Config
from udfs.errors import SluiceError
from udfs.model import DomainName

MESSAGES: Final = "messages"
"""All messages: a view over the tables of the domains, with the column `domain`."""

_MESSAGE: Final = (
    "message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, "
    "firmware, customer_id, site_id"
)
_EXTENSIONS: Final = ("avro", "httpfs", "iceberg")
"""In the order in which they need one another."""

Moment = str | datetime | None
"""A tag, a time, or None for now."""


class LakeError(SluiceError):
    """A table that is not in the lake."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(f"the lake has no table `{table}`: has the job run since the stack was started?")


class TagError(SluiceError):
    """A tag that a table does not have."""

    def __init__(self, table: str, tag: str, known: list[str]) -> None:
        self.table, self.tag, self.known = table, tag, known
        has = f"it has {', '.join(known)}" if known else "it has none; `sluice lake tag NAME` sets one"
        super().__init__(f"the lake's table `{table}` has no tag `{tag}`: {has}")


class TableState(NamedTuple):
    """What a table is made of at its newest snapshot; `num_bytes` of its data files."""

    table: str
    num_rows: int
    num_files: int
    num_bytes: int
    num_snapshots: int
    tags: tuple[str, ...]


class Lake:
    """Reads the lake's tables; credentials come from the AWS environment."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._database = config.lake.database
        self._catalog = _catalog(config)
        self.duckdb = _duckdb(config)

    def query(
        self,
        sql: str,
        *tables: str,
        parameters: list[Any] | dict[str, Any] | None = None,
        at: Moment = None,
    ) -> list[dict[str, Any]]:
        """The rows of a query over `tables`, each a view of its own name; a table without a snapshot is empty.

        `parameters` are bound: a list to `?`, a mapping to `$name`. `at` is a tag or a time of the tables. The table
        `messages` is all of the domains' together. Raises LakeError, TagError.
        """
        for table in tables:
            self._publish(table, at)
        result = self.duckdb.execute(sql, parameters or [])
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def num_rows(self, table: str) -> int:
        """Rows in the newest snapshot, from its summary: no data is read."""
        return sum(self.state(each).num_rows for each in _parts(table))

    def tables(self) -> list[str]:
        """The names of all tables, sorted."""
        return sorted(name for _, name in self._catalog.list_tables(self._database))

    def state(self, table: str) -> TableState:
        """What the table is made of, from its metadata: no data is read."""
        metadata = self.load(table).metadata
        snapshot = metadata.current_snapshot()
        told = snapshot.summary if snapshot else None
        rows, files, size = (
            int(told[f"total-{key}"] or 0) if told else 0 for key in ("records", "data-files", "files-size")
        )
        tags = sorted(name for name, ref in metadata.refs.items() if ref.snapshot_ref_type == SnapshotRefType.TAG)
        return TableState(table, rows, files, size, len(metadata.snapshots), tuple(tags))

    def load(self, table: str) -> Table:
        """The table's newest metadata; raises LakeError."""
        try:
            return self._catalog.load_table(f"{self._database}.{table}")
        except NoSuchTableError as error:
            raise LakeError(table) from error

    def _publish(self, table: str, at: Moment) -> None:
        if table != MESSAGES:
            self._view(table, f"SELECT * FROM {self._scan(table, at)}")
            return
        parts = (f"SELECT '{part}' AS domain, {_MESSAGE} FROM {self._scan(part, at)}" for part in _parts(table))
        self._view(table, " UNION ALL ".join(parts))

    def _view(self, name: str, select: str) -> None:
        self.duckdb.execute(f'CREATE OR REPLACE VIEW "{name}" AS {select}')

    def _scan(self, table: str, at: Moment) -> str:
        loaded = self.load(table)
        location = _quoted(loaded.metadata_location)
        if at is None:
            return f"iceberg_scan({location})"
        snapshot = _snapshot_at(table, loaded, at)
        if snapshot is None:
            return f"(SELECT * FROM iceberg_scan({location}) LIMIT 0)"
        return f"iceberg_scan({location}, snapshot_from_id => {snapshot.snapshot_id}::UBIGINT)"


def _parts(table: str) -> tuple[str, ...]:
    return get_args(DomainName) if table == MESSAGES else (table,)


def _snapshot_at(name: str, table: Table, at: str | datetime) -> Snapshot | None:
    """The snapshot of a tag, or the newest one at a time; None before the first."""
    if isinstance(at, datetime):
        return table.snapshot_as_of_timestamp(round(at.astimezone(UTC).timestamp() * 1000))
    refs = table.metadata.refs
    if at not in refs:
        raise TagError(
            name, at, sorted(tag for tag, ref in refs.items() if ref.snapshot_ref_type == SnapshotRefType.TAG)
        )
    return table.snapshot_by_name(at)


def _catalog(config: Config) -> Catalog:
    properties = {"type": "glue", "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"}
    properties |= {f"{service}.region": config.aws.region for service in ("client", "glue", "s3")}
    if config.aws.endpoint:
        properties |= {f"{service}.endpoint": config.aws.endpoint for service in ("glue", "s3")}
    return load_catalog("lake", **properties)


def _duckdb(config: Config) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for extension in _EXTENSIONS:
        connection.load_extension(str(_extension_file(extension)))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(_s3_secret(config))
    return connection


def _s3_secret(config: Config) -> str:
    """Credentials by the chain of the AWS SDK, so none is written here."""
    import boto3

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise SluiceError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile")
    frozen = credentials.get_frozen_credentials()
    options = {"TYPE": "s3", "REGION": config.aws.region}
    options |= {"KEY_ID": frozen.access_key or "", "SECRET": frozen.secret_key or ""}
    if frozen.token:
        options["SESSION_TOKEN"] = frozen.token
    if config.aws.endpoint:
        url = urlsplit(config.aws.endpoint)
        options |= {"ENDPOINT": url.netloc, "USE_SSL": str(url.scheme == "https").lower()}
    if config.aws.path_style:
        options["URL_STYLE"] = "path"
    return f"CREATE SECRET ({', '.join(f'{key} {_quoted(value)}' for key, value in options.items())})"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _extension_file(extension: str) -> Path:
    module = find_spec(f"duckdb_extension_{extension}")
    if module is None or module.origin is None:
        raise SluiceError(f"duckdb's extension {extension} is not installed: `make setup` installs it")
    return next(Path(module.origin).parent.glob(f"extensions/*/{extension}.duckdb_extension"))
