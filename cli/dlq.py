"""`sluice dlq`: what could not become a message, counted, shown, and put through the job again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.deployment import find_deployment
from cli.dlq_replay import Replay
from cli.dlq_report import attempts_table, counts_table, letter_line, outcomes_table, render_letter
from cli.specs_folder import load_catalog
from jobs.dead_letter_store import DeadLetterStore, Selection
from jobs.dead_letters import OPEN
from jobs.durations import duration_ms
from jobs.lake import Lake
from udfs.errors import SluiceError
from udfs.timestamps import parse_iso

_ATTEMPTS: Final = """
SELECT DISTINCT attempt, attempted_at, state, reason, message, spec_version, shard_id, sequence_number, line
FROM dead_letters WHERE dead_letter_id = $id ORDER BY attempt, attempted_at
"""

dlq_app = typer.Typer(no_args_is_help=True)
_out = Console(highlight=False)

Product = Annotated[str | None, typer.Option(help="Only letters of this product.")]
Reason = Annotated[str | None, typer.Option(help="Only this reason code, as `truncated`.")]
Since = Annotated[
    str | None, typer.Option(help="Only what arrived first since then: ISO 8601, or how long ago, as `24h`.")
]
RunDir = Annotated[Path, typer.Option(help="Folder of the local stack's state.")]
DEFAULT_RUN_DIR: Final = Path(".run")


@dlq_app.callback()
def about_dead_letters() -> None:
    """Dead letters: list, show, replay.

    Of the stack that runs from here, or of the deployment whose property file SLUICE_PROPERTIES names.
    """


@dlq_app.command("list")
def list_letters(
    product: Product = None,
    reason: Reason = None,
    since: Since = None,
    state: Annotated[Literal["open", "resolved", "all"], typer.Option(help="Only letters in this state.")] = "all",
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest letters to print.")] = 20,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Count the dead letters by product and reason, then print the newest ones, a line each."""
    selection = Selection(product, reason, _moment(since), None if state == "all" else state)
    with _faults_reported(), DeadLetterStore(find_deployment(run_dir).documentdb) as store:
        counts = store.counts(selection)
        letters = store.newest(selection, limit)
    if not counts:
        _out.print("no dead letters")
        return
    _out.print(counts_table(counts))
    _out.print()
    for letter in letters:
        _out.print(letter_line(letter), markup=False, soft_wrap=True)


@dlq_app.command()
def show(
    dead_letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `sluice dlq list` prints it.")],
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Print one dead letter with the bytes at fault, and every attempt at it.

    The attempts are in the lake, where they appear with the job's next checkpoint.
    """
    with _faults_reported():
        config = find_deployment(run_dir)
        with DeadLetterStore(config.documentdb) as store:
            letter = store.find(dead_letter_id)
        if letter is None:
            raise SluiceError(f"no dead letter `{dead_letter_id}`; `sluice dlq list` prints ids")
        attempts = Lake(config).query(_ATTEMPTS, "dead_letters", parameters={"id": dead_letter_id})
    _out.print(render_letter(letter), markup=False, soft_wrap=True)
    _out.print()
    _out.print(attempts_table(attempts) if attempts else "no attempt is in the lake yet")


@dlq_app.command()
def replay(
    context: typer.Context,
    product: Product = None,
    reason: Reason = None,
    since: Since = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the oldest; default: all.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decode them with the specs here and send nothing.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for what the job makes of them.")] = 30,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Put the original lines of open dead letters through the job again.

    What decodes now is stored like any message and its letter is resolved; what fails again stays open, with the time
    it was first seen. Safe to repeat: letters whose messages are stored already are left out.
    """
    selection = Selection(product, reason, _moment(since), OPEN)
    catalog = load_catalog(context)
    with _faults_reported():
        config = find_deployment(run_dir)
        with DeadLetterStore(config.documentdb) as store:
            run = Replay(config, store, catalog, selection, limit)
            if dry_run:
                run.rehearse()
            else:
                _send(run, wait)
            nameless = store.count_without_product(selection) if product else 0
    _out.print(outcomes_table(run.outcomes) if run.outcomes else "no open dead letters are selected")
    if nameless:
        _out.print(f"open letters that name no product, as lines that are no envelopes and master data: {nameless:,}")
    if dry_run:
        _out.print("a dry run: nothing was sent")
    elif run.num_pending:
        _out.print("the job has not answered for all: does it run? `sluice dlq list` shows when it has", soft_wrap=True)


def _send(run: Replay, wait: float) -> None:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=_out) as progress:
        sending = progress.add_task("judged and sent", total=run.num_selected)
        for letters in run.send():
            progress.advance(sending, letters)
        answering = progress.add_task("answered by the job", total=run.num_pending)
        for letters in run.hear(wait):
            progress.advance(answering, letters)


@contextmanager
def _faults_reported() -> Iterator[None]:
    try:
        yield
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _moment(text: str | None) -> datetime | None:
    """The time that `--since` means."""
    if text is None:
        return None
    try:
        return datetime.now(UTC) - timedelta(milliseconds=duration_ms(text))
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.fromtimestamp(parse_iso(text) / 1000, UTC)
    except ValueError as fault:
        message = f"{text!r} is neither ISO 8601, as 2026-01-31T08:00, nor a duration, as `90 s`, `5 min` or `24h`"
        raise typer.BadParameter(message) from fault
