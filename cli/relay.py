"""`sluice relay`: captures changes of a source database and puts them on the stream of master data."""

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import psycopg
import pymysql
import typer
from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import ConnectionFailure, PyMongoError

from cli.deployment import PROJECT, find_deployment
from gateways.errors import Unavailable
from gateways.relays.config import read_config
from gateways.relays.dynamodb import DynamoRelay
from gateways.relays.mariadb import MariaRelay
from gateways.relays.mongodb import MongoRelay
from gateways.relays.positions import Positions
from gateways.relays.postgres import PostgresRelay
from gateways.stream import Stream
from jobs.store import migrate_aurora
from udfs.errors import SluiceError

relay_app = typer.Typer(no_args_is_help=True)
IDLE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0

Relay = PostgresRelay | MariaRelay | MongoRelay | DynamoRelay

_LOST: Final = (
    Unavailable,
    psycopg.OperationalError,
    pymysql.OperationalError,
    ConnectionFailure,
    BotoCoreError,
    ClientError,
)
_KINDS: Final[Mapping[str, Callable[[str, str, list[str], Positions, Stream], Relay]]] = {
    "postgresql": PostgresRelay,
    "mariadb": MariaRelay,
    "mongodb": MongoRelay,
}

_log = logging.getLogger(__name__)


@relay_app.callback()
def about_relays() -> None:
    """Relays: capture source databases where no DMS or Debezium does."""


@relay_app.command("run")
def run(
    config: Annotated[Path, typer.Argument(help="YAML file: name, kind, connection, tables.")],
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Load the tables once, then put every change on the stream, until Ctrl-C or SIGTERM; it goes on where it was.

    A lost connection is waited for with growing pauses. A crash loses nothing; what is put twice, the job knows.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        relay = _relay(config, run_dir)
        relay.start()
        typer.echo(f"{config.stem}: loaded, capturing")
        _capture(relay, stop)
    except (SluiceError, psycopg.Error, pymysql.MySQLError, PyMongoError) as error:
        typer.echo(str(error).strip(), err=True)
        raise typer.Exit(1) from error


def _relay(file: Path, run_dir: Path) -> Relay:
    wanted, deployment = read_config(file), find_deployment(run_dir)
    migrate_aurora(deployment.aurora, PROJECT / "sql" / "aurora")
    positions, stream = Positions(deployment.aurora), Stream(deployment.aws, deployment.kinesis.masters)
    if wanted.kind == "dynamodb":
        return DynamoRelay(wanted.name, deployment.aws, wanted.tables, positions, stream)
    return _KINDS[wanted.kind](wanted.name, wanted.conninfo(), wanted.tables, positions, stream)


def _capture(relay: Relay, stop: threading.Event) -> None:
    pause = IDLE_SECONDS
    while not stop.is_set():
        try:
            if not relay.step():
                stop.wait(IDLE_SECONDS)
            pause = IDLE_SECONDS
        except _LOST as error:
            _log.warning("%s: again in %.1f s", str(error).strip(), pause)
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
