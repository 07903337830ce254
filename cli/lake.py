"""`sluice lake`: the tables of the lake looked at, queried as they are or were, tagged, and kept small."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import duckdb
import sqlglot
import typer
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.exceptions import CommitFailedException, ValidationException
from rich.console import Console
from rich.status import Status
from rich.table import Table
from sqlglot import exp

from cli.deployment import find_deployment
from jobs.durations import duration_ms
from jobs.lake import MESSAGES, Lake
from jobs.lake_maintenance import Maintained, Policy, maintain
from jobs.lake_maintenance import tag as tag_table
from udfs.errors import SluiceError
from udfs.timestamps import parse_iso

lake_app = typer.Typer(no_args_is_help=True)
_out = Console(highlight=False)
_errors = Console(stderr=True, highlight=False)
_FAULTS: Final = (
    SluiceError,
    BotoCoreError,
    ClientError,
    CommitFailedException,
    ValidationException,
    duckdb.Error,
    OSError,
    ValueError,
)

RunDir = Annotated[Path, typer.Option(help="Folder of the local stack's state.")]
Only = Annotated[list[str] | None, typer.Option("--table", help="Only this table; may be given again.")]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")]
DEFAULT_RUN_DIR: Final = Path(".run")


@lake_app.callback()
def about_the_lake() -> None:
    """The lake: tables, query, tag, maintain.

    Of the stack that runs from here, or of the deployment whose property file SLUICE_PROPERTIES names.
    """


@lake_app.command()
def tables(as_json: AsJson = False, run_dir: RunDir = DEFAULT_RUN_DIR) -> None:
    """Rows, files, bytes, snapshots and tags of every table, from its metadata."""
    with _faults_reported():
        lake = Lake(find_deployment(run_dir))
        states = [lake.state(name) for name in lake.tables()]
    if as_json:
        typer.echo(json.dumps([state._asdict() for state in states]))
        return
    shown = _table("table", "rows", "files", "MB", "mean KB a file", "snapshots", "tags")
    for state in states:
        mean = state.num_bytes / state.num_files / 1e3 if state.num_files else 0
        counts = f"{state.num_rows:,}", f"{state.num_files:,}", f"{state.num_bytes / 1e6:,.1f}", f"{mean:,.0f}"
        shown.add_row(state.table, *counts, f"{state.num_snapshots:,}", ", ".join(state.tags))
    _out.print(shown)


@lake_app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT, or the file that holds one.")],
    tag: Annotated[str | None, typer.Option(help="As the tables were when they were tagged so.")] = None,
    at: Annotated[str | None, typer.Option(help="As the tables were then: ISO 8601, or how long ago, as `2h`.")] = None,
    as_json: AsJson = False,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Run a SELECT over the lake by DuckDB; `messages` is all domains together."""
    if tag and at:
        raise typer.BadParameter("either --tag or --at")
    moment = tag or (_moment(at) if at else None)
    text = Path(sql).read_text(encoding="utf-8") if sql.endswith(".sql") else sql
    with _faults_reported():
        lake = Lake(find_deployment(run_dir))
        named = _tables_in(text) & {*lake.tables(), MESSAGES}
        rows = lake.query(text.rstrip().rstrip(";"), *sorted(named), at=moment)
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    shown = _table(*(rows[0] if rows else ()))
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in row.values()))
    _out.print(shown)
    _out.print(f"{len(rows):,} rows")


@lake_app.command("tag")
def tag_all(
    name: Annotated[str, typer.Argument(help="What the tables as they are now are called from here on.")],
    table: Only = None,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Name the newest snapshot of every table: expiry keeps it, `query --tag` reads it."""
    with _faults_reported():
        lake = Lake(find_deployment(run_dir))
        for each in table or lake.tables():
            snapshot = tag_table(lake, each, name)
            _out.print(f"{each}: {snapshot}" if snapshot else f"{each}: without a snapshot, not tagged")


@lake_app.command("maintain")
def maintain_all(
    table: Only = None,
    dry_run: Annotated[bool, typer.Option(help="Tell what would be done, change nothing.")] = False,
    min_files: Annotated[int, typer.Option(min=2, help="Small files of a partition that are worth compaction.")] = 5,
    keep: Annotated[str, typer.Option(help="How long snapshots stay that nothing else holds.")] = "5 d",
    retain_last: Annotated[int, typer.Option(min=1, help="So many newest snapshots always stay.")] = 5,
    orphans_after: Annotated[str, typer.Option(help="How old a file that nothing names must be.")] = "72 h",
    as_json: AsJson = False,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Compact small files, merge manifests, expire snapshots, remove orphan files.

    Safe beside the running job, and to run by a scheduler: exits 1 where a table failed; the others are done then.
    """
    policy = Policy(min_files, _duration(keep), retain_last, _duration(orphans_after))
    done: list[Maintained] = []
    failed: dict[str, str] = {}
    with _faults_reported():
        lake = Lake(find_deployment(run_dir))
        names = table or lake.tables()
    with _errors.status("") as status:
        for name in names:
            try:
                done.append(maintain(lake, name, policy, dry_run=dry_run, progress=_shown(status, name)))
            except _FAULTS as error:
                failed[name] = str(error)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "tables": [_as_dict(each) for each in done], "failed": failed}))
    else:
        _out.print(_report(done))
    for name, fault in failed.items():
        _errors.print(f"{name}: {fault}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1 if failed else 0)


def _shown(status: Status, table: str) -> Callable[[str], None]:
    return lambda step: status.update(f"{table}: {step}")


def _report(done: list[Maintained]) -> Table:
    shown = _table("table", "rows", "files", "MB", "manifests merged", "snapshots", "expired", "removed", "MB removed")
    for each in done:
        before, after = each.before, each.after
        shown.add_row(
            before.table,
            f"{after.num_rows:,}",
            f"{before.num_files:,} → {after.num_files:,}",
            f"{before.num_bytes / 1e6:,.1f} → {after.num_bytes / 1e6:,.1f}",
            f"{each.merged_manifests:,}",
            f"{before.num_snapshots:,} → {after.num_snapshots:,}",
            f"{each.expired:,}",
            f"{each.removed:,}",
            f"{each.removed_bytes / 1e6:,.1f}",
        )
    return shown


def _as_dict(done: Maintained) -> dict[str, object]:
    return done._asdict() | {"before": done.before._asdict(), "after": done.after._asdict()}


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold")


def _tables_in(sql: str) -> set[str]:
    """The names of tables that a SELECT reads, without its own WITH."""
    try:
        parsed = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        raise SluiceError(f"not a SELECT: {error}") from error
    own = {cte.alias for cte in parsed.find_all(exp.CTE)}
    return {table.name for table in parsed.find_all(exp.Table)} - own


def _duration(text: str) -> timedelta:
    try:
        return timedelta(milliseconds=duration_ms(text))
    except ValueError as fault:
        raise typer.BadParameter(f"{text!r} is no duration, as `90 s`, `24h` or `5 d`") from fault


def _moment(text: str) -> datetime:
    try:
        return datetime.now(UTC) - timedelta(milliseconds=duration_ms(text))
    except ValueError:
        pass
    try:
        return datetime.fromtimestamp(parse_iso(text) / 1000, UTC)
    except ValueError as fault:
        raise typer.BadParameter(f"{text!r} is neither ISO 8601 nor a duration, as `90 s` or `24h`") from fault


@contextmanager
def _faults_reported() -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        _errors.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
