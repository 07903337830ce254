"""`sluice master`: put a row of master data on the stream, as the change capture of its source would."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import boto3
import typer

from cli.deployment import PROJECT, find_deployment
from jobs.config import Config
from udfs.cdc.change import RowChange
from udfs.cdc.formats import read_changes
from udfs.document import suggest
from udfs.errors import SluiceError
from udfs.masters import MasterSpec, compile_masters, read_masters

master_app = typer.Typer(no_args_is_help=True)
RunDir = Annotated[Path, typer.Option(help="Folder of the local stack's state.")]
DEFAULT_RUN_DIR: Final = Path(".run")


@master_app.callback()
def about_master_data() -> None:
    """Master data: put rows such as limits, schedules, maintenance windows and silences."""


@master_app.command("put")
def put(
    table: Annotated[str, typer.Argument(help="Unified table, as `limit_override` or `silence`.")],
    columns: Annotated[list[str], typer.Argument(help="Its columns, as `scope=device`.")],
    delete: Annotated[bool, typer.Option("--delete", help="Delete the row; only its key is needed.")] = False,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Insert, update or delete a row; it holds within seconds, without a restart."""
    try:
        put_row(find_deployment(run_dir), table, dict(_pair(column) for column in columns), delete=delete)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{table}: {'deleted' if delete else 'put'} {' '.join(columns)}")


def put_row(config: Config, table: str, columns: dict[str, str], *, delete: bool = False) -> None:
    """Puts the row on the master stream; raises SluiceError for a row that the job would refuse."""
    catalog = compile_masters(read_masters(PROJECT / "specs"))
    spec = catalog.specs.get(table)
    if spec is None:
        raise SluiceError(f"no master table `{table}`{suggest(table, catalog.specs) or ''}")
    missing = [name for name, column in spec.columns.items() if column.required and name not in columns]
    if missing and not delete:
        raise SluiceError(f"{table} needs {', '.join(missing)}: a row is put whole")
    record = json.dumps(_record(spec, columns, "delete" if delete else "update")).encode()
    for change in read_changes(record):
        if isinstance(change, RowChange):
            catalog.source_rows(change)  # refuses here what the job would quarantine
    kinesis: Any = boto3.client("kinesis", region_name=config.aws.region, endpoint_url=config.aws.endpoint or None)
    kinesis.put_record(StreamName=config.kinesis.masters, PartitionKey=table, Data=record)


def _record(spec: MasterSpec, columns: dict[str, str], operation: str) -> dict[str, Any]:
    for name in columns:
        if name not in spec.columns:
            hint = suggest(name, spec.columns) or f"; it has {', '.join(spec.columns)}"
            raise SluiceError(f"{spec.master} has no column `{name}`{hint}")
    source = spec.sources[0]  # the most trusted one
    now = datetime.now(UTC).isoformat()
    metadata = {
        "timestamp": now,
        "commit-timestamp": now,
        "record-type": "data",
        "operation": operation,
        "schema-name": source.schema,
        "table-name": source.table,
    }
    data = {place.source: value for name, value in columns.items() if (place := source.place(name))}
    return {"data": data, "metadata": metadata}


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SluiceError(f"expected `column=value`, got `{text}`")
    return name, value
