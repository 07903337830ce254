"""`sluice quality`: the share of received data that is usable, by product and source."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from cli.deployment import find_deployment
from udfs.errors import SluiceError

_out = Console()


def quality(
    days: Annotated[int, typer.Option(min=1, help="How many of the newest days to print.")] = 1,
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Print how much of the received data is decoded, and usable: without warning of its contract, and enriched."""
    try:
        config = find_deployment(run_dir)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    with MongoClient[dict[str, Any]](config.documentdb.uri) as client:
        rows = list(client[config.documentdb.database]["data_quality_1d"].find().sort("_id", 1))
    newest = sorted({row["day"] for row in rows})[-days:]
    table = Table("day", "product", "source", "received", "decoded", "usable", "share", box=None, header_style="bold")
    shown = [row for row in rows if row["day"] in newest]
    for row in shown:
        table.add_row(f"{row['day']:%Y-%m-%d}", row["product"], row["protocol"], *_cells(row))
    names = ("num_received", "num_decoded", "num_usable")
    total = {name: sum(row[name] for row in shown) for name in names}
    table.add_row("", "all", "", *_cells(total), style="bold")
    _out.print(table)


def _cells(row: dict[str, Any]) -> list[str]:
    share = row["num_usable"] / row["num_received"] if row["num_received"] else 1.0
    return [*(f"{row[name]:,}" for name in ("num_received", "num_decoded", "num_usable")), f"{share:.1%}"]
