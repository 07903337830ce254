"""What the gateways take, what they refuse, and what they put on the stream."""

import asyncio
from typing import Any

import msgspec
import pytest

from gateways.devices import Device, Devices
from gateways.errors import Refused
from gateways.intake import Intake, UnknownDevices
from gateways.metrics import Metrics
from udfs.message import Envelope, Replay

KNOWN = "24e124136b502217"


class Registered(Devices):
    """A registry that was filled."""

    def __init__(self, **devices: Device) -> None:
        self._known = devices


class Belt:
    """A producer that takes lines and never tells of them again."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bytes]] = []

    async def offer(self, device_id: str, line: bytes) -> "asyncio.Future[None]":
        self.lines.append((device_id, line))
        return asyncio.get_running_loop().create_future()


def envelope(**changes: Any) -> Envelope:
    facts: dict[str, Any] = {"product": "milesight-am319", "device": KNOWN, "protocol": "mqtt", "received_at": 1}
    return Envelope(**(facts | {"payload": "0367f600"} | changes))


class Desk:
    def __init__(self, unknown_devices: UnknownDevices = "deny", max_payload: int = 100) -> None:
        self.belt, self.metrics = Belt(), Metrics()
        devices = Registered(**{KNOWN: Device("milesight-am319", "1.7")})
        self.intake = Intake(self.belt, devices, self.metrics, unknown_devices, max_payload)  # type: ignore[arg-type]

    def accept(self, taken: Envelope) -> dict[str, Any]:
        """What of the envelope goes on the stream."""

        async def body() -> None:
            await self.intake.accept(taken)

        asyncio.run(body())
        [(_, line)] = self.belt.lines
        return msgspec.json.decode(line, type=dict[str, Any])

    def count(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"sluice_gateway_{name}_total", labels)


def test_an_envelope_goes_on_as_one_line_without_what_is_not_said() -> None:
    desk = Desk()
    assert desk.accept(envelope()) == {
        "product": "milesight-am319",
        "device": KNOWN,
        "protocol": "mqtt",
        "received_at": 1,
        "payload": "0367f600",
    }
    assert desk.belt.lines[0][0] == KNOWN
    assert desk.count("received", protocol="mqtt") == 1
    assert desk.count("received_bytes", protocol="mqtt") == 8


def test_line_ends_in_a_payload_stay_in_one_line() -> None:
    desk = Desk()
    assert desk.accept(envelope(payload="a;b\n1;2\n"))["payload"] == "a;b\n1;2\n"
    assert b"\n" not in desk.belt.lines[0][1]


def test_no_sender_may_mark_a_replay() -> None:
    replay = Replay(dead_letter_id="0" * 32, first_seen=1, attempt=2, reason="truncated")
    assert "replay" not in Desk().accept(envelope(replay=replay))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"device": ""}, "bad_device"),
        ({"device": "../etc"}, None),
        ({"device": "a b"}, "bad_device"),
        ({"device": "x" * 129}, "bad_device"),
        ({"device": "né"}, "bad_device"),
        ({"payload": "0" * 101}, "too_large"),
    ],
)
def test_what_is_no_device_or_too_large_is_refused(changes: dict[str, Any], reason: str | None) -> None:
    desk = Desk(unknown_devices="mark")
    if reason is None:
        desk.accept(envelope(**changes))
        return
    with pytest.raises(Refused) as refusal:
        desk.accept(envelope(**changes))
    assert refusal.value.reason == reason
    assert desk.belt.lines == []
    assert desk.count("refused", protocol="mqtt", reason=reason) == 1


def test_a_payload_that_grows_too_large_as_json_is_refused() -> None:
    desk = Desk(max_payload=1 << 20)
    with pytest.raises(Refused, match="a Kinesis record holds"):
        desk.accept(envelope(payload="\x01" * 300_000))


def test_devices_that_nobody_registered_are_denied_or_only_counted() -> None:
    denying, marking = Desk("deny"), Desk("mark")
    with pytest.raises(Refused, match="nobody has registered the device `stranger`") as refusal:
        denying.accept(envelope(device="stranger"))
    assert refusal.value.device == "stranger"
    marking.accept(envelope(device="stranger"))
    assert denying.count("unknown_devices", protocol="mqtt") == marking.count("unknown_devices", protocol="mqtt") == 1
