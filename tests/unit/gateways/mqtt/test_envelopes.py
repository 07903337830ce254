"""MQTT publishes → envelopes, and what the job makes of them: payloads of real devices, and any other bytes."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.devices import Device
from gateways.errors import Refused
from gateways.mqtt.config import TopicConfig
from gateways.mqtt.envelopes import UNREADABLE_TIME, Envelopes, read_time
from gateways.mqtt.inflight import Publish
from jobs.ingest import EnvelopeError, Line, read_envelope
from udfs.catalog import compile_catalog, read_specs
from udfs.errors import DecodeError
from udfs.message import Envelope

CATALOG = compile_catalog(read_specs(Path(__file__).parents[4] / "specs"))
NOW = 1_767_600_000_000
FLEET = TopicConfig(topic="fleet/{product}/{device}/up")
BROWAN = bytes.fromhex("000b363e00000000")
WIND = b'{"data":[{"wind":{"speed":16.4608,"direction":0}}]}'


def publish(topic: str, payload: bytes, **properties: str) -> Publish:
    return Publish(1, 1, False, topic, payload, properties, NOW)


def envelope(publish: Publish, *topics: TopicConfig, registered: dict[str, Device] | None = None) -> Envelope:
    return Envelopes(topics or (FLEET,), CATALOG, (registered or {}).get).envelope(publish)


def through_the_job(envelope: Envelope) -> Envelope:
    return read_envelope(Line(0, msgspec.json.encode(envelope)), NOW)


def test_bytes_of_a_hex_product_become_hex() -> None:
    made = envelope(publish("fleet/browan-tbhh100/room-1/up", BROWAN))
    assert (made.product, made.device, made.protocol, made.received_at) == ("browan-tbhh100", "room-1", "mqtt", NOW)
    assert (made.payload, made.format) == (BROWAN.hex(), None)
    assert CATALOG.decode(through_the_job(made))[0].measurements["temperature"] == 22


def test_hex_digits_stay_as_they_are_where_the_topic_says_so() -> None:
    config = TopicConfig(topic="{device}/hex", product="browan-tbhh100", payload="hex-text")
    made = envelope(publish("room-1/hex", BROWAN.hex().encode() + b"\n"), config)
    assert made.payload == BROWAN.hex()


def test_text_of_a_json_product_stays_text() -> None:
    made = envelope(publish("fleet/ttn-wind-normalized/mast-1/up", WIND))
    assert made.payload == WIND.decode()
    assert CATALOG.decode(through_the_job(made))[0].measurements["wind_direction"] == 0


def test_the_master_data_say_what_a_device_is_where_the_topic_does_not() -> None:
    config = TopicConfig(topic="uplink/{device}")
    registered = {"mast-1": Device("ttn-wind-normalized", None)}
    assert envelope(publish("uplink/mast-1", WIND), config, registered=registered).product == "ttn-wind-normalized"
    with pytest.raises(Refused, match="nothing says what `mast-2` is: register the device") as refused:
        envelope(publish("uplink/mast-2", WIND), config, registered=registered)
    assert (refused.value.reason, refused.value.device) == ("unknown_product", "mast-2")


def test_a_topic_that_no_template_knows_is_refused() -> None:
    with pytest.raises(Refused, match="no template") as refused:
        envelope(publish("fleet/left/over", WIND))
    assert refused.value.reason == "unknown_topic"


def test_port_firmware_and_format_are_those_of_the_topic() -> None:
    config = TopicConfig(topic="{device}/{firmware}/raw", product="browan-tbhh100", port=103, format="hex")
    made = envelope(publish("room-1/1.4.2/raw", BROWAN), config)
    assert (made.port, made.firmware, made.format) == (103, "1.4.2", "hex")


def test_key_and_time_of_the_publisher_make_the_message_the_same_whenever_it_comes() -> None:
    first = envelope(publish("fleet/browan-tbhh100/room-1/up", BROWAN, key="r1-000017", event_time="2026-01-05T08:00Z"))
    again = msgspec.structs.replace(first, received_at=NOW + 60_000)
    assert (first.key, first.event_time) == ("r1-000017", NOW)
    assert [m.message_id for m in CATALOG.decode(first)] == [m.message_id for m in CATALOG.decode(again)]


def test_keys_too_long_for_an_envelope_still_tell_payloads_apart() -> None:
    one, other = (envelope(publish("fleet/p/d/up", b"", key="k" * 300 + end)).key for end in "ab")
    assert one is not None
    assert len(one) == 64
    assert one != other


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1767600000000", NOW),
        ("2026-01-05T08:00:00Z", NOW),
        ("2026-01-05T09:00:00.000+01:00", NOW),
        ("2026-01-05T08:00:00", NOW),
        ("yesterday", UNREADABLE_TIME),
        ("-5", UNREADABLE_TIME),
        ("9" * 30, UNREADABLE_TIME),
        ("0001-01-01T00:00:00+23:00", UNREADABLE_TIME),
        ("", UNREADABLE_TIME),
    ],
)
def test_times_are_epoch_milliseconds_or_iso_8601(text: str, time: int) -> None:
    assert read_time(text) == time


def test_a_time_that_cannot_be_read_makes_a_dead_letter_and_no_wrong_time() -> None:
    made = envelope(publish("fleet/browan-tbhh100/room-1/up", BROWAN, event_time="yesterday"))
    with pytest.raises(EnvelopeError, match="epoch milliseconds"):
        through_the_job(made)


@pytest.mark.parametrize("product", ["ttn-wind-normalized", "meitrack-aaa", "coldroom-logger"])
def test_what_is_no_text_reaches_the_job_with_every_byte_and_becomes_a_dead_letter(product: str) -> None:
    made = envelope(publish(f"fleet/{product}/d/up", b"\xff\xfe{}"))
    assert bytes.fromhex(made.payload) == b"\xff\xfe{}"
    with pytest.raises(DecodeError, match="the envelope says format hex"):
        CATALOG.decode(through_the_job(made))


@example(b"\xff", "browan-tbhh100", "hex-text")
@given(
    st.binary(max_size=40),
    st.sampled_from(["browan-tbhh100", "meitrack-aaa", "nobody"]),
    st.sampled_from(["bytes", "hex-text"]),
)
def test_any_bytes_become_an_envelope_that_the_job_reads(payload: bytes, product: str, form: str) -> None:
    config = TopicConfig(topic="{product}/{device}", payload=form)  # type: ignore[arg-type]
    made = envelope(publish(f"{product}/d", payload), config)
    assert through_the_job(made) == made
    try:
        CATALOG.decode(made)
    except DecodeError:
        return


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert read_time(text) >= UNREADABLE_TIME
