"""`sluice`: the one command line; each module of this package brings its commands, registered here."""

from pathlib import Path
from typing import Annotated

import typer

from cli.aggregate import aggregate_app
from cli.alarm import alarm_app
from cli.dlq import dlq_app
from cli.formula import formula_app
from cli.gateway import gateway_app
from cli.lake import lake_app
from cli.master import master_app
from cli.package import package
from cli.quality import quality
from cli.relay import relay_app
from cli.rule import rule_app
from cli.rule_docs import docs
from cli.rule_tune import tune
from cli.run import run
from cli.spec import decode, spec_app
from cli.spec_doc import doc
from cli.spec_new import new
from cli.spec_versions import diff, lock
from cli.specs_folder import Settings
from cli.stack import stack_app

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def settings(
    context: typer.Context,
    specs: Annotated[
        Path | None, typer.Option(help="Folder of the specs; default: ./specs, then the project's.")
    ] = None,
) -> None:
    """Turn the bytes of IoT devices into clean data, trusted alarms and answered faults."""
    context.obj = Settings(specs)


app.command()(run)
app.command()(decode)
app.command()(package)
app.command()(quality)
rule_app.command()(docs)
rule_app.command()(tune)
spec_app.command()(new)
spec_app.command()(doc)
spec_app.command()(lock)
spec_app.command()(diff)
app.add_typer(spec_app, name="spec")
app.add_typer(rule_app, name="rule")
app.add_typer(aggregate_app, name="aggregate")
app.add_typer(alarm_app, name="alarm")
app.add_typer(master_app, name="master")
app.add_typer(formula_app, name="formula")
app.add_typer(gateway_app, name="gateway")
app.add_typer(relay_app, name="relay")
app.add_typer(dlq_app, name="dlq")
app.add_typer(lake_app, name="lake")
app.add_typer(stack_app, name="stack")
