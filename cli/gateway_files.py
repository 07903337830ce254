"""`sluice gateway files`: one pass over files, with a progress bar, and a table of what came of each."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import psycopg
import typer
import uvloop
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli.deployment import PROJECT, find_deployment
from cli.files_report import FilesReport
from cli.specs_folder import load_catalog
from gateways.config import GatewayConfig, read_gateway
from gateways.errors import GatewayConfigError
from gateways.files.config import FilesConfig
from gateways.files.source import FilesSource
from gateways.gateway import run_gateway
from gateways.intake import Intake
from gateways.logs import configure_logs
from gateways.metrics import Metrics
from gateways.producer import ProducerConfig
from jobs.config import Config
from jobs.store import migrate_aurora
from udfs.catalog import Catalog
from udfs.errors import SluiceError

SPOOL_LOOK_SECONDS: Final = 0.2
MEMORY_MIB: Final = 16
"""What waits for Kinesis in memory: the files themselves wait where they are."""

_out = Console()


class OnePass:
    """Loads what is there, waits until Kinesis has what went to the spool meanwhile, and ends."""

    def __init__(self, sources: Sequence[FilesSource], metrics: Metrics, tell: Callable[[str], None]) -> None:
        self._sources, self._metrics, self._tell = sources, metrics, tell

    async def run(self, stop: asyncio.Event) -> None:
        """Raises what keeps a place from being looked at."""
        for source in self._sources:
            try:
                await source.look(stop)
            finally:
                await source.close()
        if waiting := self._spooled():
            self._tell(
                f"{waiting:.0f} bytes wait for Kinesis on disk; Ctrl-C leaves them to the next run from this folder"
            )
        while self._spooled() and not stop.is_set():
            await asyncio.sleep(SPOOL_LOOK_SECONDS)

    def _spooled(self) -> float:
        return self._metrics.registry.get_sample_value("sluice_gateway_spool_bytes") or 0.0


def files(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="A folder, a file, or s3://bucket/prefix.")] = None,
    product: Annotated[str | None, typer.Option(help="What the payloads are of.")] = None,
    device: Annotated[str | None, typer.Option(help="All files are of this device.")] = None,
    device_column: Annotated[
        str | None, typer.Option(help="CSV: the column of devices; JSON: the path of the device in a line.")
    ] = None,
    device_from: Annotated[
        str | None, typer.Option(help="Template of the path's end, such as {device}/{date}.csv.")
    ] = None,
    pattern: Annotated[str, typer.Option(help="Of paths within the source; * goes through folders.")] = "*",
    rows: Annotated[int, typer.Option(min=1, max=1000, help="Rows of a CSV in a payload.")] = 50,
    attachment: Annotated[
        Literal["image", "log"] | None, typer.Option(help="Keep the files whole in S3, told by an event.")
    ] = None,
    done: Annotated[str | None, typer.Option(help="Folder in the source for loaded files.")] = None,
    quarantine: Annotated[str | None, typer.Option(help="Folder in the source for bad files.")] = None,
    config: Annotated[Path | None, typer.Option(help="In place of all these: a gateway file; its `files`.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Load what was loaded, or put aside, before, too.")] = False,
    run_dir: Annotated[
        Path, typer.Option(help="Folder of the local stack's state, and of what waits for Kinesis.")
    ] = Path(".run"),
) -> None:
    """Load files of payloads onto the stream, once: CSV, JSON lines, hex dumps, texts, also as .gz, .zst and .zip.

    A load that was killed goes on where it was; a file that was loaded is not sent again. Exits 0 only if every file is
    loaded to its end and no row was refused.
    """
    configure_logs(logging.WARNING)
    report = FilesReport(_out)
    try:
        if config is None:
            options = {
                "source": source,
                "product": product,
                "device": device,
                "device_column": device_column,
                "device_from": device_from,
                "pattern": pattern,
                "rows": rows,
                "attachment": attachment,
                "done": done,
                "quarantine": quarantine,
            }
            gateway, folder = _of_options(options), run_dir / "gateway-files"
        else:
            gateway, folder = read_gateway(config), config.resolve().parent
        deployment, catalog = find_deployment(run_dir), load_catalog(context)
        migrate_aurora(deployment.aurora, PROJECT / "sql" / "aurora")
        with report:
            uvloop.run(_load(gateway, deployment, catalog, folder, report, again))
    except (SluiceError, psycopg.Error, BotoCoreError, ClientError, OSError) as error:
        typer.echo(str(error).strip(), err=True)
        report.is_whole = False
    report.summary()
    raise typer.Exit(0 if report.is_good else 1)


async def _load(
    gateway: GatewayConfig, deployment: Config, catalog: Catalog, folder: Path, report: FilesReport, again: bool
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, partial(_interrupt, stop, report))

    def one_pass(intake: Intake, metrics: Metrics) -> Sequence[OnePass]:
        sources = [
            FilesSource(files.beside(folder), deployment, catalog, intake, metrics, report, again)
            for files in gateway.files
        ]
        return [OnePass(sources, metrics, report.tell)]

    await run_gateway(gateway, deployment, catalog, folder, stop, one_pass)


def _interrupt(stop: asyncio.Event, report: FilesReport) -> None:
    report.is_whole = False
    report.tell("stopping; the same command goes on from here")
    stop.set()


def _of_options(options: dict[str, str | int | None]) -> GatewayConfig:
    if options["source"] is None:
        raise GatewayConfigError("sluice gateway files", "", "name a SOURCE, or a gateway file by --config")
    try:
        files = msgspec.convert(options, FilesConfig)
    except msgspec.ValidationError as error:
        raise GatewayConfigError("sluice gateway files", "", str(error)) from error
    return GatewayConfig(files=(files.beside(Path.cwd()),), producer=ProducerConfig(memory_mib=MEMORY_MIB))
