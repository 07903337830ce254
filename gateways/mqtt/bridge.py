"""An MQTT broker's payloads into the intake; the broker hears of each when it is durable, and not before.

publish ─► inflight (order of arrival) ─► envelope ─► intake ─► durable ─► PUBACK, in order

`receive_maximum` bounds what is under way: while Kinesis and the spool take nothing, nothing is acknowledged, and the
broker keeps what comes. A connection that breaks is opened again, and the session goes on where it was.
"""

import asyncio
import random
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from paho.mqtt.enums import MQTTProtocolVersion

from gateways.errors import GatewayConfigError, Refused, Unavailable
from gateways.intake import Intake
from gateways.metrics import Metrics
from gateways.mqtt.config import BrokerConfig
from gateways.mqtt.connection import BrokerError, Connection
from gateways.mqtt.envelopes import PROTOCOL, Envelopes
from gateways.mqtt.inflight import Delivery, Inflight, Publish
from gateways.mqtt.session import read_session
from gateways.mqtt.topics import TopicTemplate
from udfs.catalog import Catalog
from udfs.message import Envelope

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
DRAIN_SECONDS: Final = 10.0
TICK_SECONDS: Final = 0.02

_log = structlog.get_logger(__name__)


class MqttBridge:
    """One broker as a source. `place` is its key in the gateway file, beside which, in `folder`, its certificates lie.

    Raises GatewayConfigError where a secret or a certificate is not there.
    """

    def __init__(
        self, config: BrokerConfig, place: str, folder: Path, intake: Intake, catalog: Catalog, metrics: Metrics
    ) -> None:
        self._place, self._intake, self._metrics = place, intake, metrics
        self._session = read_session(config, place, folder)
        self._envelopes = Envelopes(config.topics, catalog, intake.device)
        share = f"$share/{config.share}/" if config.share else ""
        self._filters = [share + TopicTemplate(topic.topic).filter for topic in config.topics]
        self._inflight = Inflight(self._acknowledge)
        self._waiting: asyncio.Queue[tuple[Publish, Delivery]] = asyncio.Queue()
        self._version = MQTTProtocolVersion.MQTTv5
        self._connection: Connection | None = None
        self._was_served, self._pause, self._limit = False, 0.0, config.receive_maximum
        self._log = _log.bind(protocol=PROTOCOL, broker=config.url, client_id=self._session.client_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set; raises GatewayConfigError where the broker refuses us for good at the start."""
        taking = asyncio.create_task(self._take())
        try:
            while not stop.is_set():
                try:
                    await self._serve(stop, taking)
                except BrokerError as error:
                    await self._wait(error, stop)
        finally:
            taking.cancel()

    async def _serve(self, stop: asyncio.Event, taking: "asyncio.Task[None]") -> None:
        """One connection, from its begin to its end; raises BrokerError unless `stop` ends it."""
        connection = self._connection = Connection(self._session, self._version, self._receive)
        stopping = asyncio.create_task(stop.wait())
        ends: list[asyncio.Future[Any]] = [connection.lost, stopping, taking]
        try:
            await self._begin(connection)
            with self._metrics.connections.labels(PROTOCOL).track_inprogress():
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    taking.result()
                if not connection.lost.done():
                    await self._drain(connection)
                elif not stop.is_set():
                    raise connection.lost.result()
        finally:
            stopping.cancel()
            connection.abort()
            self._inflight.detach()

    async def _begin(self, connection: Connection) -> None:
        has_session = await connection.open()
        if not has_session:
            self._inflight.forget()
            if self._was_served:
                self._log.error("the broker has lost our session: what it kept for us is gone")
        if not (has_session and self._was_served):  # the gateway file may have changed since an earlier process
            await connection.subscribe(self._filters)
        self._was_served, self._pause = True, 0.0
        self._log.info("subscribed", filters=self._filters, version=self._version.name, session_present=has_session)

    async def _wait(self, error: BrokerError, stop: asyncio.Event) -> None:
        """Until it is time to connect again: longer each time, and at random, so that gateways do not come at once."""
        if error.refuses_version and self._version == MQTTProtocolVersion.MQTTv5:
            self._log.warning("the broker does not speak MQTT 5: 3.1.1, without keys and times of the publishers")
            self._version = MQTTProtocolVersion.MQTTv311
            return
        if error.is_for_good and not self._was_served:
            raise GatewayConfigError(self._session.host, self._place, f"the broker {error.message}") from error
        self._pause = min(max(FIRST_PAUSE_SECONDS, self._pause * 2), LONGEST_PAUSE_SECONDS)
        self._log.warning("the broker is out of reach", error=error.message, again_in_s=self._pause)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _drain(self, connection: Connection) -> None:
        """Takes no more, acknowledges what becomes durable soon, and leaves the rest to the broker."""
        self._limit = -1
        self._regulate()
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        while self._inflight.num_unsettled and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(TICK_SECONDS)
        if self._inflight.num_unsettled:
            self._log.warning("left to the broker, not acknowledged", payloads=self._inflight.num_unsettled)
        await connection.close()

    def _receive(self, publish: Publish) -> None:
        delivery = self._inflight.arrive(publish)
        if delivery is not None:
            self._waiting.put_nowait((publish, delivery))
        self._regulate()

    def _regulate(self) -> None:
        """A broker that speaks MQTT 5 counts for itself; others, and payloads of QoS 0, are stopped at the socket."""
        if self._connection is None:
            return
        if self._inflight.num_unsettled > self._limit:
            self._connection.pause()
        else:
            self._connection.resume()

    async def _take(self) -> None:
        """Hands payloads to the intake, one after another, so a device's order holds."""
        while True:
            publish, delivery = await self._waiting.get()
            try:
                durable = await self._intake.accept(self._envelope(publish))
            except Refused as refused:
                # Acknowledged, too: the broker would send it for ever.
                about = {"reason": refused.reason, "error": refused.message, "device": refused.device}
                self._log.warning("refused", topic=publish.topic[:256], **about)
                self._settle(delivery)
            except Unavailable as unavailable:
                self._log.warning("left to the broker, not acknowledged", error=unavailable.message)
            else:
                durable.add_done_callback(partial(self._on_durable, delivery))

    def _envelope(self, publish: Publish) -> Envelope:
        try:
            return self._envelopes.envelope(publish)
        except Refused as refused:
            self._metrics.refused.labels(PROTOCOL, refused.reason).inc()
            raise

    def _on_durable(self, delivery: Delivery, durable: "asyncio.Future[None]") -> None:
        if durable.cancelled() or durable.exception() is not None:
            return  # the gateway ends; the broker still has it
        self._settle(delivery)

    def _settle(self, delivery: Delivery) -> None:
        self._inflight.settle(delivery)
        self._regulate()

    def _acknowledge(self, packet_id: int) -> None:
        if self._connection is not None:
            self._connection.acknowledge(packet_id)
            self._metrics.acknowledged.labels(PROTOCOL).inc()
