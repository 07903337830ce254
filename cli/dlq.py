"""`sluice dlq show`: what could not become a message, counted by product and reason, and the newest letters."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.deployment import find_deployment
from jobs.dead_letters import caret_of
from jobs.lake import Lake
from udfs.errors import SluiceError

_COUNTS: Final = """
SELECT coalesce(product, '-') AS product, reason, count(*) AS letters,
       min(first_seen) AS first_seen, max(first_seen) AS last_seen
FROM dead_letters
WHERE ($product IS NULL OR product = $product) AND ($reason IS NULL OR reason = $reason)
GROUP BY ALL ORDER BY letters DESC, product, reason
"""
_NEWEST: Final = """
SELECT * FROM dead_letters
WHERE ($product IS NULL OR product = $product) AND ($reason IS NULL OR reason = $reason)
ORDER BY first_seen DESC, dead_letter_id LIMIT $limit
"""

dlq_app = typer.Typer(no_args_is_help=True)
_out = Console(highlight=False)


@dlq_app.callback()
def about_dead_letters() -> None:
    """Dead letters: show."""


@dlq_app.command()
def show(
    product: Annotated[str | None, typer.Option(help="Only letters of this product.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason code, as `truncated`.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest letters to print.")] = 10,
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Count the dead letters by product and reason, then print the newest ones with the bytes at fault.

    Reads the lake of the stack that runs from here, or of the deployment whose property file SLUICE_PROPERTIES names.
    Letters appear when the job has made a checkpoint.
    """
    filters = {"product": product, "reason": reason}
    try:
        lake = Lake(find_deployment(run_dir))
        counts = lake.query(_COUNTS, "dead_letters", parameters=filters)
        letters = lake.query(_NEWEST, "dead_letters", parameters=filters | {"limit": limit})
    except (SluiceError, BotoCoreError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if not counts:
        _out.print("no dead letters")
        return
    _out.print(_counts_table(counts))
    for letter in letters:
        _out.print(f"\n{render_letter(letter)}", markup=False, soft_wrap=True)


def render_letter(letter: dict[str, Any]) -> str:
    """One dead letter in lines: what, why, where in the payload, and a caret under the byte at fault."""
    facts = [
        ("reason", letter["reason"]),
        ("message", letter["message"]),
        ("product", letter["product"]),
        ("spec version", letter["spec_version"]),
        ("device", letter["device_id"]),
        ("field", letter["field"]),
        ("byte offset", letter["byte_offset"]),
        ("excerpt", letter["excerpt"]),
    ]
    lines = [f"{name:<13}{'-' if value is None else value}" for name, value in facts]
    caret = caret_of(letter["raw"], letter["excerpt"], letter["byte_offset"])
    if caret is not None:
        lines.append(" " * (13 + caret) + "^")
    place = f"{letter['stream']} {letter['shard_id']} {letter['sequence_number']} line {letter['line']}"
    return "\n".join([*lines, f"{'seen':<13}{_time(letter['first_seen'])}", f"{'place':<13}{place}"])


def _counts_table(counts: list[dict[str, Any]]) -> Table:
    table = Table("product", "reason", box=None, header_style="bold", pad_edge=False)
    for name in ("letters", "first seen", "last seen"):
        table.add_column(name, justify="right")
    for row in counts:
        cells = row["product"], row["reason"], str(row["letters"]), _time(row["first_seen"]), _time(row["last_seen"])
        table.add_row(*map(Text, cells))
    return table


def _time(time: Any) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
