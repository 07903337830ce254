"""Ranges, enums and event times: what is kept, what is changed with a warning, what is refused."""

import pytest
from probe import compile_probe

from udfs.errors import DecodeError
from udfs.message import Envelope

DAY = 86_400_000
NOW = 1_700_000_000_000


def envelope(payload: str, **fields: object) -> Envelope:
    facts = {"product": "probe", "device": "d1", "protocol": "tcp", "received_at": NOW, "payload": payload}
    return Envelope(**{**facts, **fields})  # type: ignore[arg-type]


def ranged(on_violation: str) -> str:
    return f"""
        kind: length
        fields: [{{name: level, type: u8, unit: "%", range: [10, 100], on_violation: {on_violation}}}]
    """


@pytest.mark.parametrize(
    ("on_violation", "payload", "value", "quality"),
    [
        ("reject", "0a", 10, []),
        ("warn", "65", 101, ["out_of_range: level 101 above 100"]),
        ("warn", "09", 9, ["out_of_range: level 9 below 10"]),
        ("clamp", "ff", 100, ["out_of_range: level 255 above 100, clamped to 100"]),
    ],
)
def test_a_range_warns_or_clamps(on_violation, payload, value, quality) -> None:
    (message,) = compile_probe(ranged(on_violation)).decode(envelope(payload))
    assert message.measurements == {"level": value}
    assert message.quality == quality


def test_a_range_rejects_with_field_and_offset() -> None:
    with pytest.raises(DecodeError) as caught:
        compile_probe(ranged("reject")).decode(envelope("65"))
    error = caught.value
    assert (error.reason, error.field, error.byte_offset) == ("out_of_range", "level", 0)
    assert (error.product, error.spec_version, error.excerpt) == ("probe", 3, "65")


def test_a_unified_measurement_inherits_the_domains_range_as_a_warning() -> None:
    product = compile_probe("kind: length\nfields: [{name: air_temperature, type: i16, unit: Cel}]")
    (message,) = product.decode(envelope("0fff"))
    assert message.quality == ["out_of_range: air_temperature 4095 above 400"]


def test_an_unknown_label_is_refused_or_kept_with_a_warning() -> None:
    layout = 'kind: length\nfields: [{{name: mode, type: u8, enum: {{1: "on", 2: "off"}}, on_violation: {}}}]'
    with pytest.raises(DecodeError, match="mode 3 is none of 1, 2") as caught:
        compile_probe(layout.format("reject")).decode(envelope("03"))
    assert caught.value.reason == "not_allowed"
    (message,) = compile_probe(layout.format("warn")).decode(envelope("03"))
    assert message.attributes == {"mode": "3"}
    assert message.quality == ["not_allowed: mode 3 is none of 1, 2"]


def test_absent_values_leave_the_reading_out_unless_it_is_required() -> None:
    layout = 'kind: length\nfields: [{{name: level, type: u8, unit: "%", absent: [255], required: {}}}]'
    (message,) = compile_probe(layout.format("false")).decode(envelope("ff"))
    assert message.measurements == {}
    with pytest.raises(DecodeError, match="required") as caught:
        compile_probe(layout.format("true")).decode(envelope("ff"))
    assert caught.value.reason == "missing_field"


TIMED = "kind: length\nfields: [{name: time, type: unix_s}]"


def seconds(ms: int) -> str:
    return f"{ms // 1000:08x}"


@pytest.mark.parametrize(
    ("age", "quality"),
    [(0, []), (-300_000, []), (30 * DAY, []), (31 * DAY, ["timestamp_old: 2023-10-14T22:13:20Z is more than"])],
)
def test_old_times_are_kept_with_a_warning(age, quality) -> None:
    product = compile_probe(TIMED, extra="event_time: {field: time}\n")
    (message,) = product.decode(envelope(seconds(NOW - age)))
    assert message.event_time == NOW - age
    assert [warning[: len(start)] for warning, start in zip(message.quality, quality, strict=True)] == quality


def test_a_future_time_is_refused_or_replaced_by_the_time_of_receipt() -> None:
    payload = seconds(NOW + 301_000)
    with pytest.raises(DecodeError, match="2023-11-14T22:18:21Z is more than 300 s after received_at") as caught:
        compile_probe(TIMED, extra="event_time: {field: time}\n").decode(envelope(payload))
    assert (caught.value.reason, caught.value.field) == ("timestamp_future", "time")
    clamping = compile_probe(TIMED, extra="event_time: {field: time, on_future: clamp}\n")
    (message,) = clamping.decode(envelope(payload))
    assert message.event_time == NOW
    assert message.attributes == {"time": "2023-11-14T22:18:21Z"}
    assert message.quality[0].startswith("timestamp_future: ")


def test_the_envelopes_time_holds_where_the_payload_has_none() -> None:
    product = compile_probe('kind: length\nfields: [{name: level, type: u8, unit: "%"}]')
    assert product.decode(envelope("01", event_time=NOW - 5))[0].event_time == NOW - 5
    assert product.decode(envelope("01"))[0].event_time == NOW
