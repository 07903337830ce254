"""The contract between a device's readings: largest steps, counters that only rise or fall."""

import pytest
from probe import compile_probe

from udfs.errors import DecodeError, SpecError
from udfs.message import Envelope
from udfs.product import ProductSpec
from udfs.steps import Predecessors


def meter(rule: str) -> ProductSpec:
    return compile_probe(f"kind: length\nfields: [{{name: energy, type: i16, unit: kW.h, {rule}}}]")


class Device:
    """A device that sends a value every second."""

    def __init__(self, product: ProductSpec) -> None:
        self.product, self.before, self.now = product, Predecessors(), 0

    def sends(self, value: int, at: int | None = None, device: str = "d") -> tuple[float, list[str]]:
        self.now += 1000
        payload = value.to_bytes(2, "big", signed=True).hex()
        time = self.now if at is None else at
        envelope = Envelope(
            product="probe", device=device, protocol="tcp", received_at=self.now, payload=payload, event_time=time
        )
        (message,) = self.product.decode(envelope, self.before)
        return message.measurements["energy"], message.quality


def test_a_counter_that_may_only_rise_is_refused_when_it_falls() -> None:
    device = Device(meter("monotonic: rising"))
    assert [device.sends(value)[0] for value in (5, 5, 9)] == [5, 5, 9]
    with pytest.raises(DecodeError, match="energy 8 after 9, it may only be rising") as caught:
        device.sends(8)
    assert (caught.value.reason, caught.value.field) == ("bad_step", "energy")


def test_a_jump_is_reported_once() -> None:
    device = Device(meter("monotonic: falling"))
    device.sends(5)
    with pytest.raises(DecodeError):
        device.sends(6)
    assert device.sends(6) == (6, [])


@pytest.mark.parametrize(
    ("consequence", "expected"),
    [
        ("warn", (10, ["bad_step: energy 10 after 5, a step of 3 is the largest"])),
        ("clamp", (8, ["bad_step: energy 10 after 5, a step of 3 is the largest, clamped to 8"])),
    ],
)
def test_a_step_that_is_too_large_warns_or_is_clamped(consequence: str, expected: tuple[float, list[str]]) -> None:
    device = Device(meter(f"max_step: 3, on_violation: {consequence}"))
    device.sends(5)
    assert device.sends(10) == expected
    assert Device(meter(f"max_step: 3, on_violation: {consequence}")).sends(-20) == (-20, [])


def test_what_comes_late_is_not_judged_and_judges_nothing() -> None:
    device = Device(meter("monotonic: rising"))
    device.sends(5, at=1000)
    assert device.sends(3, at=500) == (3, [])
    assert device.sends(2, at=1000) == (2, [])
    with pytest.raises(DecodeError):
        device.sends(4, at=2000)


def test_each_device_is_judged_by_its_own_readings() -> None:
    device = Device(meter("monotonic: rising"))
    device.sends(5)
    assert device.sends(1, device="other") == (1, [])


def test_without_readings_before_none_is_judged() -> None:
    product = meter("monotonic: rising")
    envelope = Envelope(product="probe", device="d", protocol="tcp", received_at=0, payload="0001")
    assert [product.decode(envelope)[0].quality for _ in range(2)] == [[], []]


def test_steps_are_of_measurements() -> None:
    with pytest.raises(SpecError, match="`max_step` and `monotonic` need a measurement"):
        compile_probe("kind: length\nfields: [{name: a, type: bool, monotonic: rising}]")
