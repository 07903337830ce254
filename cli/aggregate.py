"""`sluice aggregate`: the daily aggregates of devices and customers in Aurora."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.deployment import find_deployment
from jobs.aggregate_rebuild import rebuild_day
from jobs.lake import Lake
from udfs.errors import SluiceError

aggregate_app = typer.Typer(no_args_is_help=True)
_out = Console()


@aggregate_app.callback()
def about_aggregates() -> None:
    """Daily aggregates: rebuild a day from the lake."""


@aggregate_app.command("rebuild")
def rebuild(
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day (UTC); default: yesterday.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")] = False,
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Compute a day's aggregates anew from the lake and from who owned which device when.

    The job writes the same rows while the day goes on. A rebuild is for messages that came later than `ttl.days`, and
    for a change of owner that was entered after the messages had come.
    """
    wanted = (day or datetime.now(UTC) - timedelta(days=1)).date()
    try:
        config = find_deployment(run_dir)
        done = rebuild_day(config, Lake(config), wanted, dry_run=dry_run)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    table = Table("table", "rows", "new", "changed", "gone", box=None, header_style="bold")
    for each in done:
        table.add_row(each.table, *(f"{number:,}" for number in (each.rows, each.new, each.changed, each.gone)))
    _out.print(f"{wanted}{' (nothing written)' if dry_run else ''}")
    _out.print(table)
