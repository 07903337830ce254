"""`sluice stack`: the embedded stack by hand, for work that wants it to stay up between runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from local.errors import StackError
from local.stack import Stack

MEBIBYTE = 1 << 20

stack_app = typer.Typer(no_args_is_help=True, help="The embedded stack: start, stop, status.")

RunDir = Annotated[Path, typer.Option("--run-dir", help="Folder of the stack's state, logs and data.")]
DEFAULT_RUN_DIR = Path(".run")
_out = Console()
_errors = Console(stderr=True)


@stack_app.command()
def up(run_dir: RunDir = DEFAULT_RUN_DIR) -> None:
    """Start Kinesis, S3, Glue, DocumentDB, Aurora and MQTT stand-ins on free ports and leave them running.

    Exits 1 when one does not start, or when a stack already runs from the folder.
    """
    try:
        stack = Stack.start(run_dir, outlive=True)
    except StackError as error:
        raise _refused(error) from error
    _out.print(_table(stack))
    _out.print(
        f"The environment for clients stands in {run_dir / 'stack.json'}; `sluice stack down` stops it.", soft_wrap=True
    )


@stack_app.command()
def down(run_dir: RunDir = DEFAULT_RUN_DIR) -> None:
    """Stop every process of the stack and delete its data; its logs stay."""
    stack = Stack.running(run_dir)
    if stack is None:
        _out.print(f"No stack runs from {run_dir}.")
        return
    try:
        stack.stop()
    except StackError as error:
        raise _refused(error) from error
    _out.print("The stack is stopped.")


@stack_app.command()
def status(run_dir: RunDir = DEFAULT_RUN_DIR) -> None:
    """Show each service with its health; exits 1 when the stack does not run or a service is not healthy."""
    stack = Stack.running(run_dir)
    if stack is None:
        _out.print(f"No stack runs from {run_dir}; `sluice stack up` starts one.")
        raise typer.Exit(1)
    _out.print(_table(stack))
    if any(stack.health(name) is not None for name in stack.services):
        raise typer.Exit(1)


def _table(stack: Stack) -> Table:
    table = Table("service", "pid", "port", "health", "memory", "log", box=None, header_style="bold")
    for name, server in stack.services.items():
        fault = stack.health(name)
        health = "[green]healthy[/]" if fault is None else f"[red]{fault}[/]"
        memory = f"{server.memory_bytes() / MEBIBYTE:.0f} MiB"
        table.add_row(name, str(server.pid), str(server.port), health, memory, server.log)
    return table


def _refused(error: StackError) -> typer.Exit:
    _errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(1)
