"""`sluice`: the one command line; each module of this package brings its commands, named here."""

from pathlib import Path
from typing import Annotated, ClassVar

import typer

from cli.lazy import LazyGroup
from cli.specs_folder import Settings


class Commands(LazyGroup):
    """All commands, in the order of `--help`."""

    lazy: ClassVar = {
        "run": "cli.run:run",
        "decode": "cli.spec:decode",
        "package": "cli.package:package",
        "quality": "cli.quality:quality",
        "spec": "cli.spec:spec_app",
        "rule": "cli.rule:rule_app",
        "aggregate": "cli.aggregate:aggregate_app",
        "alarm": "cli.alarm:alarm_app",
        "master": "cli.master:master_app",
        "formula": "cli.formula:formula_app",
        "gateway": "cli.gateway:gateway_app",
        "relay": "cli.relay:relay_app",
        "dlq": "cli.dlq:dlq_app",
        "lake": "cli.lake:lake_app",
        "stack": "cli.stack:stack_app",
    }


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def settings(
    context: typer.Context,
    specs: Annotated[
        Path | None, typer.Option(help="Folder of the specs; default: ./specs, then the project's.")
    ] = None,
) -> None:
    """Turn the bytes of IoT devices into clean data, trusted alarms and answered faults."""
    context.obj = Settings(specs)
