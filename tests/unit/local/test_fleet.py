"""What the ledger expects of a line must be what decoding makes of it."""

import time
from random import Random

import pytest

from jobs.ingest import EnvelopeError, read_envelope
from jobs.ingest import Line as ReceivedLine
from local.faults import FAULTS, Fault, break_line
from local.fleet import PROTOCOLS, Fleet
from local.ledger import Line
from local.signals import hot, measure
from udfs.catalog import Catalog
from udfs.errors import DecodeError
from udfs.message import Message

NOW = time.time_ns() // 1_000_000


def outcome(catalog: Catalog, line: Line) -> list[Message] | str:
    try:
        return catalog.decode(read_envelope(ReceivedLine(0, line.data), NOW))
    except (EnvelopeError, DecodeError) as error:
        return error.reason


def test_same_seed_is_the_same_fleet(catalog: Catalog) -> None:
    assert Fleet(catalog, 1).devices == Fleet(catalog, 1).devices
    assert Fleet(catalog, 1).devices != Fleet(catalog, 2).devices


def test_devices_spread_evenly_over_the_products(fleet: Fleet) -> None:
    assert {product: len(fleet.of_product(product)) for product in PROTOCOLS} == dict.fromkeys(PROTOCOLS, 40)


def test_too_small_a_fleet_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="at least 200 devices"):
        Fleet(catalog, 1, devices=10)


@pytest.mark.parametrize("product", PROTOCOLS)
def test_healthy_readings_decode_without_warning(fleet: Fleet, product: str) -> None:
    rng = Random(3)
    for hour in range(24):
        at = NOW - hour * 3_600_000
        for device in fleet.of_product(product)[::7]:
            line = fleet.line(device, [measure(product, device.index, at, hour, rng)], NOW, at)
            messages = outcome(fleet.catalog, line)
            assert not isinstance(messages, str)
            assert [m.quality for m in messages] == [[]]
            assert messages[0].event_time == (at // 1000 * 1000 if product == "meitrack-aaa" else at)


@pytest.mark.parametrize(("product", "limit"), [("milesight-am319", 40), ("coldroom-logger", 10)])
def test_only_hot_readings_pass_the_limit(fleet: Fleet, product: str, limit: float) -> None:
    rng = Random(3)
    for hour in range(24):
        at = NOW - hour * 3_600_000
        assert float(hot(product, 1, at, 1, rng)["temperature"]) > limit
        assert float(measure(product, 1, at, 1, rng)["temperature"]) < min(limit, 8 if limit == 10 else limit)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_broken_line_is_refused_for_the_reason_it_was_broken_for(fleet: Fleet, fault: Fault) -> None:
    rng = Random(5)
    for device in fleet.of_product(fault.product or "milesight-am319"):
        envelope = fleet.envelope(device, [measure(device.product, device.index, NOW, 1, rng)], NOW, NOW)
        line = break_line(fault, device.device_id, envelope)
        assert outcome(fleet.catalog, line) == fault.reason == line.dead


def test_published_examples_come_out_as_their_specs_say(fleet: Fleet) -> None:
    lines = fleet.published_examples(NOW)
    assert len({line.device_id for line in lines}) == len(lines)
    for line in lines:
        result = outcome(fleet.catalog, line)
        assert result == line.dead if isinstance(result, str) else (len(result), None) == (line.messages, line.dead)


def test_published_examples_do_not_push_the_watermark(fleet: Fleet) -> None:
    for line in fleet.published_examples(NOW):
        result = outcome(fleet.catalog, line)
        assert isinstance(result, str) or all(message.event_time <= NOW for message in result)
