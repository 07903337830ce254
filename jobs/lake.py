"""The lake as a reader: SQL over the Iceberg tables, through the Glue catalog, without Flink."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import duckdb
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError

from jobs.config import Config
from udfs.errors import SluiceError

_EXTENSIONS: Final = ("avro", "httpfs", "iceberg")
"""In the order in which they need one another."""


class LakeError(SluiceError):
    """A table that is not in the lake."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(f"the lake has no table `{table}`: has the job run since the stack was started?")


class Lake:
    """Reads the newest snapshot of the lake's tables; credentials come from the AWS environment."""

    def __init__(self, config: Config) -> None:
        self._database = config.lake.database
        self._catalog = _catalog(config)
        self._duckdb = _duckdb(config)

    def query(
        self, sql: str, *tables: str, parameters: list[Any] | dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a query over `tables`, each a view of its own name; a table without a snapshot is empty.

        `parameters` are bound: a list to `?`, a mapping to `$name`.
        """
        for table in tables:
            self._publish(table)
        result = self._duckdb.execute(sql, parameters or [])
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def num_rows(self, table: str) -> int:
        """Rows in the newest snapshot, from its summary: no data is read."""
        snapshot = self._load(table).current_snapshot()
        return int(snapshot.summary["total-records"] or 0) if snapshot and snapshot.summary else 0

    def _publish(self, table: str) -> None:
        loaded = self._load(table)
        location = loaded.metadata_location.replace("'", "''")
        self._duckdb.execute(f"CREATE OR REPLACE VIEW \"{table}\" AS SELECT * FROM iceberg_scan('{location}')")  # noqa: S608

    def _load(self, table: str) -> Any:
        try:
            return self._catalog.load_table(f"{self._database}.{table}")
        except NoSuchTableError as error:
            raise LakeError(table) from error


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
