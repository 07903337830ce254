"""The one way in: a payload that a source has received → a line on its way to Kinesis.

What comes in is an envelope, whatever protocol it came by; what leaves is a future that is done when the line is
durable. The gateways judge senders, not payloads: what a spec refuses goes on and becomes a dead letter.
"""

import asyncio
from typing import Final, Literal

import msgspec

from gateways.devices import Device, Devices
from gateways.errors import Refused
from gateways.metrics import Metrics
from gateways.producer import Producer
from gateways.stream import MAX_RECORD_BYTES
from jobs.ingest import DEVICE_ID
from udfs.message import Envelope

UnknownDevices = Literal["mark", "deny"]

MAX_PAYLOAD: Final = 256 << 10
"""Characters of a payload unless a gateway says otherwise: four fit into a Kinesis record."""


class Intake:
    """Takes envelopes of every source.

    `unknown_devices`: `deny` refuses devices that are not in the master data; `mark` takes them, and the job marks
    their messages `unregistered_device`.
    """

    def __init__(
        self,
        producer: Producer,
        devices: Devices,
        metrics: Metrics,
        unknown_devices: UnknownDevices = "mark",
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        self._producer, self._devices, self._metrics = producer, devices, metrics
        self._unknown_devices, self._max_payload = unknown_devices, max_payload

    def device(self, device_id: str) -> Device | None:
        """What the master data says of the device; None where nobody has registered it."""
        return self._devices.find(device_id)

    def admit(self, device_id: str, protocol: str) -> None:
        """Raises Refused for an id that is none, or one that is not registered where such are denied."""
        if not DEVICE_ID.fullmatch(device_id):
            self._refuse(
                protocol, "bad_device", "expected a device id of 1 to 128 letters, digits or `.:@/+-_`", device_id
            )
        if self._devices.find(device_id) is None:
            self._metrics.unknown_devices.labels(protocol).inc()
            if self._unknown_devices == "deny":
                mend = "register it in the master data, or set `unknown_devices: mark`"
                self._refuse(
                    protocol, "unknown_device", f"nobody has registered the device `{device_id}`: {mend}", device_id
                )

    @property
    def has_room(self) -> bool:
        """Whether `send` would not wait."""
        return self._producer.has_room

    async def accept(self, envelope: Envelope) -> "asyncio.Future[None]":
        """Sends the envelope on its way, waiting while there is no room; raises Refused.

        The future is done when Kinesis or the spool has the line: only then may the sender be told. It fails with
        Unavailable where the gateway stops before.
        """
        return await self.send(envelope, self.prepare(envelope))

    def prepare(self, envelope: Envelope) -> bytes:
        """The envelope's line; raises Refused. Several that are prepared before the first is sent go all or none."""
        self.admit(envelope.device, envelope.protocol)
        size = len(envelope.payload)
        if size > self._max_payload:
            message = f"the payload has {size} characters, at most {self._max_payload} are taken"
            self._refuse(envelope.protocol, "too_large", message, envelope.device)
        # A marker of a replay is the platform's own: no sender may set it.
        line = msgspec.json.encode(
            envelope if envelope.replay is None else msgspec.structs.replace(envelope, replay=None)
        )
        if len(line) > MAX_RECORD_BYTES:
            message = f"as an envelope it has {len(line)} bytes, a Kinesis record holds {MAX_RECORD_BYTES}"
            self._refuse(envelope.protocol, "too_large", message, envelope.device)
        return line

    async def send(self, envelope: Envelope, line: bytes) -> "asyncio.Future[None]":
        """As `accept`, of an envelope that is prepared."""
        durable = await self._producer.offer(envelope.device, line)
        self._metrics.received.labels(envelope.protocol).inc()
        self._metrics.received_bytes.labels(envelope.protocol).inc(len(envelope.payload))
        return durable

    def _refuse(
        self, protocol: str, reason: Literal["bad_device", "unknown_device", "too_large"], message: str, device: str
    ) -> None:
        self._metrics.refused.labels(protocol, reason).inc()
        raise Refused(reason, message, device=device)
