"""A gateway process: its sources around one intake and one producer, from the start to a graceful drain."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import psycopg
import structlog
from prometheus_client import start_http_server

from gateways.config import GatewayConfig, MetricsConfig
from gateways.devices import Devices
from gateways.emf import EmbeddedMetrics
from gateways.errors import GatewayConfigError
from gateways.files.reporter import LogReporter
from gateways.files.source import FilesSource
from gateways.intake import Intake
from gateways.metrics import Metrics
from gateways.mqtt.bridge import MqttBridge
from gateways.producer import Producer, open_spool
from gateways.rest.source import RestSource
from gateways.stream import Stream
from gateways.tcp.listener import Listener
from jobs.config import Config
from udfs.catalog import Catalog

DRAIN_SECONDS: Final = 20.0
"""How long sources may go on handing over, when the gateway stops, what they have received."""

_log = structlog.get_logger(__name__)


class Source(Protocol):
    """What a protocol's module offers."""

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then ends what is under way; raises GatewayConfigError where it cannot start."""


MakeSources = Callable[[Intake, Metrics], Sequence[Source]]


async def run_gateway(
    config: GatewayConfig,
    deployment: Config,
    catalog: Catalog,
    folder: Path,
    stop: asyncio.Event,
    make_sources: MakeSources | None = None,
) -> None:
    """Serves until `stop` is set or a source has ended, then drains: sources first, then what waits for Kinesis.

    `folder` is where the gateway file stands; `make_sources` is `sources` unless a command brings its own. Raises
    GatewayConfigError where something cannot start.
    """
    stream, metrics, devices = Stream(deployment.aws, deployment.kinesis.devices), Metrics(), Devices(deployment.aurora)
    await asyncio.to_thread(stream.check)
    await asyncio.to_thread(_first_look, devices, config)
    if config.metrics is not None:
        _serve_metrics(config.metrics, metrics)
    make = make_sources or partial(sources, config, deployment, catalog, folder)
    producer = Producer(stream, open_spool(config.producer, folder), config.producer, metrics)
    intake = Intake(producer, devices, metrics, config.unknown_devices, config.max_payload_kib << 10)
    sending = asyncio.create_task(producer.run())
    try:
        async with _beside(config, devices, metrics):
            await _serve(make(intake, metrics), producer, sending, stop)
    finally:
        await producer.close(sending)
        _log.info("drained")


def sources(
    config: GatewayConfig, deployment: Config, catalog: Catalog, folder: Path, intake: Intake, metrics: Metrics
) -> list[Source]:
    """What the gateway file asks for; raises GatewayConfigError."""
    listeners = [
        Listener(listener, f"tcp[{place}]", catalog, intake, metrics, folder)
        for place, listener in enumerate(config.tcp)
    ]
    bridges = [
        MqttBridge(broker, f"mqtt[{place}]", folder, intake, catalog, metrics)
        for place, broker in enumerate(config.mqtt)
    ]
    servers = [] if config.rest is None else [RestSource(config.rest, folder, intake, catalog, metrics)]
    watches = [
        FilesSource(files.beside(folder), deployment, catalog, intake, metrics, LogReporter()) for files in config.files
    ]
    return [*listeners, *bridges, *servers, *watches]


async def _serve(
    running: Sequence[Source], producer: Producer, sending: "asyncio.Task[None]", stop: asyncio.Event
) -> None:
    """Until `stop` is set, or until something ends by a fault: then all others end too, and it is raised."""
    tasks = [asyncio.create_task(source.run(stop)) for source in running]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*tasks, sending, stopping], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    if tasks and (await asyncio.wait(tasks, timeout=DRAIN_SECONDS))[1]:
        producer.refuse()  # who waits for room hears that there will be none
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    if sending.done():
        sending.result()


@asynccontextmanager
async def _beside(config: GatewayConfig, devices: Devices, metrics: Metrics) -> AsyncIterator[None]:
    """What goes on while the sources serve: looking at the master data, and telling of itself."""
    tasks = [asyncio.create_task(devices.keep_fresh())]
    if config.metrics is not None and config.metrics.emf_every_s:
        embedded = EmbeddedMetrics(metrics.registry, sys.stdout)
        tasks.append(asyncio.create_task(embedded.run(config.metrics.emf_every_s)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):  # not a cancellation
                _log.error("a task beside the sources has failed", error=str(outcome))


def _serve_metrics(config: MetricsConfig, metrics: Metrics) -> None:
    try:
        server, _ = start_http_server(config.port, config.host, metrics.registry)
    except OSError as error:
        message = f"{config.host}:{config.port}: {error.strerror}: each gateway of a machine needs a port of its own"
        raise GatewayConfigError("gateway", "metrics.port", message) from error
    _log.info("metrics", host=config.host, port=server.server_port)


def _first_look(devices: Devices, config: GatewayConfig) -> None:
    try:
        devices.refresh()
    except psycopg.Error as error:
        if config.unknown_devices == "deny":
            mend = "without the master data every device would be denied"
            raise GatewayConfigError("sluice.aurora", "read.host", f"{str(error).strip()}: {mend}") from error
        _log.warning("the master data is out of reach, every device is unknown until it is", error=str(error).strip())
