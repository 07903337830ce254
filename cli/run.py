"""`sluice run`: the whole platform on this machine, on real input."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local.run import RunPlan
from local.run import run as run_platform
from local.simulator import DEFAULT_RATE
from udfs.errors import SluiceError

PROJECT = Path(__file__).resolve().parent.parent
SEED = 20
_out = Console()
_errors = Console(stderr=True)


def run(
    run_seconds: Annotated[
        float | None,
        typer.Option(
            min=30, help="Stop by itself after this, no sooner than every fault was sent; default: at Ctrl-C."
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second.")] = DEFAULT_RATE,
    devices: Annotated[int, typer.Option(min=200, help="Devices, as many of each of the five products.")] = 200,
    seed: Annotated[int, typer.Option(help="One seed, one fleet and one run of it.")] = SEED,
    restarts: Annotated[int, typer.Option(min=0, help="Kill the job's Python workers so often on the way.")] = 0,
    run_dir: Annotated[Path, typer.Option(help="Folder of the stack's state, logs and data.")] = Path(".run"),
) -> None:
    """Start the embedded stack, the job and a simulated fleet; print a live summary, at the end the final table.

    The fleet sends over-temperature episodes, a tow sequence, malformed bytes, duplicates, late and unregistered
    devices. Exits 0 only if `received = stored + dead + duplicates` holds in every store and exactly the injected
    episodes raised alarms.
    """
    plan = RunPlan(
        PROJECT, PROJECT / "target" / "sluice.jar", run_dir.resolve(), rate, devices, seed, run_seconds, restarts
    )
    if restarts and run_seconds is None:
        raise _refused("--restarts needs --run-seconds, over which they are spread")
    if not plan.jar.exists():
        raise _refused(f"{plan.jar} is missing: `make setup` builds it")
    try:
        holds = run_platform(plan, _out)
    except SluiceError as error:
        raise _refused(str(error)) from error
    _out.print("[green]reconciled[/]" if holds else "[red]does not reconcile: see the lines that differ[/]")
    raise typer.Exit(0 if holds else 1)


def _refused(text: str) -> typer.Exit:
    _errors.print(text, style="red", markup=False, highlight=False)
    return typer.Exit(1)
