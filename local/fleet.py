"""The fleet: devices of five products at sites of customers, and the envelopes they send; one seed, one fleet."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

import msgspec

from local.ledger import ExpectedAlarm, Line
from local.signals import Readings, imei
from udfs.catalog import Catalog
from udfs.timestamps import parse_iso

NUM_CUSTOMERS: Final = 6
NUM_SITES: Final = 20
MIN_DEVICES: Final = 200
PROTOCOLS: Final = {
    "milesight-am319": "mqtt",
    "talkpool-oy1700": "mqtt",
    "meitrack-aaa": "tcp",
    "ttn-wind-normalized": "rest",
    "coldroom-logger": "file",
}
# Their payload has a clock of its own; the gateway adds no event time.
OWN_CLOCK: Final = frozenset({"meitrack-aaa", "coldroom-logger"})


STRANGER: Final = 9999
"""Index of the unregistered device of each product."""


def device_id(product: str, index: int) -> str:
    """A tracker is known by what its frames say, any other device by what its gateway is told."""
    return imei(index) if product == "meitrack-aaa" else f"{product}-{index:04d}"


@dataclass(frozen=True)
class Device:
    """A device; `index` counts from 0 within its product."""

    device_id: str
    product: str
    index: int
    site_id: str
    firmware: str
    registered: bool = True


class Fleet:
    """`devices` devices, as many of each product, and how they speak."""

    def __init__(self, catalog: Catalog, seed: int, devices: int = 200) -> None:
        if devices < MIN_DEVICES:
            raise ValueError(
                f"expected at least {MIN_DEVICES} devices, for scripts take devices of their own: {devices}"
            )
        self.catalog = catalog
        self.seed = seed
        rng = self.rng("register")
        self.devices = [
            Device(device_id(product, index), product, index, f"site-{rng.randrange(NUM_SITES):02d}", "1.0")
            for product in PROTOCOLS
            for index in range(devices // len(PROTOCOLS))
        ]

    def rng(self, name: str) -> Random:
        """Randomness of its own for each use, so that one more draw here changes nothing there."""
        return Random(f"{self.seed} {name}")

    def of_product(self, product: str) -> list[Device]:
        return [device for device in self.devices if device.product == product]

    def unregistered(self) -> list[Device]:
        """Devices that send but that no master data knows, one of each product."""
        return [
            replace(device, device_id=device_id(device.product, STRANGER), index=STRANGER, registered=False)
            for device in self.devices
            if device.index == 0
        ]

    def envelope(
        self, device: Device, readings: list[Readings], received_at: int, event_time: int
    ) -> dict[str, object]:
        """The envelope of these readings, which become one payload; times are epoch ms."""
        payload = self.catalog.encode(device.product, readings)
        return self.sealed(device, payload, received_at, None if device.product in OWN_CLOCK else event_time)

    def sealed(self, device: Device, payload: str, received_at: int, event_time: int | None) -> dict[str, object]:
        """The envelope around a payload that is there."""
        envelope: dict[str, object] = {
            "product": device.product,
            "device": device.device_id,
            "protocol": PROTOCOLS.get(device.product, "tcp"),
            "received_at": received_at,
            "payload": payload,
        }
        return envelope if event_time is None else {**envelope, "event_time": event_time}

    def line(
        self,
        device: Device,
        readings: list[Readings],
        received_at: int,
        event_time: int,
        *,
        late: bool = False,
        alarm: ExpectedAlarm | None = None,
    ) -> Line:
        """The line of these readings with its truth."""
        data = msgspec.json.encode(self.envelope(device, readings, received_at, event_time))
        via = PROTOCOLS[device.product]
        return Line(
            device.device_id, data, len(readings), registered=device.registered, late=late, alarm=alarm, via=via
        )

    def published_examples(self, now: int) -> list[Line]:
        """Every example of the specs, each from an unregistered device of its own; the spec says what comes out."""
        return [
            self._example(product, number, now)
            for product, spec in self.catalog.products.items()
            for number in range(len(spec.document.examples))
        ]

    def _example(self, product: str, number: int, now: int) -> Line:
        example = self.catalog.products[product].document.examples[number]
        device = Device(f"{product}-example-{number:02d}", product, 0, "", "", registered=False)
        # An example that fails by its clock brings the clock of its gateway along.
        received_at = parse_iso(example.received_at) if example.received_at else now
        envelope = self.sealed(device, example.payload, received_at, None)
        circumstances = {"port": example.port, "firmware": example.firmware}
        envelope |= {name: value for name, value in circumstances.items() if value is not None}
        data = msgspec.json.encode(envelope)
        messages = len(example.expect) if isinstance(example.expect, list) else 1
        return Line(device.device_id, data, messages, dead=example.error, registered=False)
