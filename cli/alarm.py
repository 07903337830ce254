"""`sluice alarm`: the alarms of a deployment, and what an operator says of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import psycopg
import typer
from psycopg.rows import dict_row

from cli.deployment import find_deployment
from cli.master import put_row
from jobs.config import Config
from udfs.errors import SluiceError

alarm_app = typer.Typer(no_args_is_help=True)
RunDir = Annotated[Path, typer.Option(help="Folder of the local stack's state.")]
DEFAULT_RUN_DIR: Final = Path(".run")
_COLUMNS: Final = ("alarm_id", "severity", "state", "rule", "device_id", "site_id", "first_event_time", "reason")


@alarm_app.callback()
def about_alarms() -> None:
    """Alarms: list, mark as acknowledged, false or closed."""


@alarm_app.command("list")
def list_alarms(
    state: Annotated[Literal["open", "all"], typer.Option(help="Only alarms that are not cleared, or all.")] = "open",
    rule: Annotated[str, typer.Option(help="Only alarms of this rule.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest to print.")] = 20,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Print the newest alarms, a line each."""
    try:
        config = find_deployment(run_dir)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host), row_factory=dict_row) as connection:
        found = connection.execute(
            "SELECT * FROM alarm WHERE (%s = 'all' OR state <> 'cleared') AND (%s = '' OR rule = %s) "
            "ORDER BY first_event_time DESC LIMIT %s",
            [state, rule, rule, limit],
        ).fetchall()
    typer.echo("\n".join(_lines(found)) if found else "no alarm")


def _lines(alarms: list[dict[str, Any]]) -> Iterator[str]:
    """A head and a line each, never cut: an id that is cut cannot be marked."""
    rows = [_COLUMNS, *([str(alarm[name] if alarm[name] is not None else "") for name in _COLUMNS] for alarm in alarms)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


@alarm_app.command("mark")
def mark(
    alarm_id: Annotated[str, typer.Argument(help="The alarm, as `sluice alarm list` names it.")],
    said: Annotated[Literal["acknowledged", "false_alarm", "closed"], typer.Argument(help="What it is.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Say of an alarm that somebody has seen it, that it is none, or that it is over.

    A false alarm teaches its device: detections no farther from the limit raise none for 90 days.
    """
    try:
        config = find_deployment(run_dir)
        rule, device_id = _alarm(config, alarm_id)
        columns = {"alarm_id": alarm_id, "rule": rule, "device_id": device_id, "mark": said, "marked_by": by}
        put_row(config, "alarm_mark", columns)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{alarm_id} of {rule}, {device_id}: {said}")


def _alarm(config: Config, alarm_id: str) -> tuple[str, str]:
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host)) as connection:
        row = connection.execute("SELECT rule, device_id FROM alarm WHERE alarm_id = %s", [alarm_id]).fetchone()
    if row is None:
        raise SluiceError(f"no alarm {alarm_id}: `sluice alarm list` prints them")
    return row[0], row[1]
