"""`sluice`: the one command line; each module of this package brings its commands, named here."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import typer

from cli.lazy import LazyGroup
from cli.specs_folder import Settings

_STORES: Final = ("psycopg", "pymongo", "botocore")
"""The packages whose errors say that a store, or the way to it, is away; named, for not every command imports them."""


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

    def invoke(self, ctx: Any) -> Any:
        """What a store says that is away is for the reader; a traceback is for faults of our own."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in _STORES:
                raise
            typer.echo(str(error).strip(), err=True)
            raise typer.Exit(1) from error


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
