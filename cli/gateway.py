"""`sluice gateway`: brings payloads of devices onto the stream."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from cli.deployment import PROJECT, find_deployment
from cli.gateway_files import files
from cli.specs_folder import load_catalog
from gateways.config import GatewayConfig, read_gateway
from gateways.gateway import run_gateway
from gateways.logs import configure_logs
from gateways.rest.keys import new_key
from jobs.config import Config
from jobs.store import migrate_aurora
from udfs.catalog import Catalog
from udfs.errors import SluiceError

gateway_app = typer.Typer(no_args_is_help=True)


gateway_app.command("files")(files)


@gateway_app.callback()
def about_gateways() -> None:
    """Gateways: TCP, MQTT, REST and files into Kinesis."""


@gateway_app.command("run")
def run(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="YAML file: what to listen to.")],
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Serve until Ctrl-C or SIGTERM, then end what is under way and hand over what waits."""
    configure_logs()
    try:
        wanted, deployment, catalog = read_gateway(config), find_deployment(run_dir), load_catalog(context)
        if wanted.files:
            migrate_aurora(deployment.aurora, PROJECT / "sql" / "aurora")
        uvloop.run(_until_signal(wanted, deployment, catalog, config.resolve().parent))
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@gateway_app.command("key")
def key(name: Annotated[str, typer.Argument(help="Who sends: a-z, 0-9, - and _.")]) -> None:
    """Draw an API key of the REST gateway: the key for its sender, and the line for the gateway file."""
    try:
        drawn = new_key(name)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"for the sender, once:  X-API-Key: {drawn.key}")
    typer.echo(f"under rest.auth.keys:  - {{name: {name}, secret: {drawn.secret}}}")


async def _until_signal(wanted: GatewayConfig, deployment: Config, catalog: Catalog, folder: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_gateway(wanted, deployment, catalog, folder, stop)
