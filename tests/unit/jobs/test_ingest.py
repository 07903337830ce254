"""Kinesis record → lines → envelopes; a line that is none is refused with its position."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ingest import MAX_CLOCK_AHEAD, EnvelopeError, Line, read_envelope, split_record

NOW = 1_700_000_000_000
GOOD = {"product": "p", "device": "d1", "protocol": "mqtt", "received_at": NOW, "payload": "00ff"}


def read(data: bytes | dict[str, object]) -> object:
    return read_envelope(Line(0, data if isinstance(data, bytes) else msgspec.json.encode(data)), NOW)


def refusal(data: bytes | dict[str, object]) -> EnvelopeError:
    with pytest.raises(EnvelopeError) as caught:
        read(data)
    assert caught.value.reason == "bad_envelope"
    return caught.value


def test_a_record_splits_at_newlines_and_counts_blank_lines() -> None:
    assert list(split_record(b"a\r\n\n  \nb\n")) == [Line(0, b"a"), Line(3, b"b")]
    assert list(split_record(b"")) == []


@given(st.lists(st.binary(min_size=1).filter(lambda line: line.strip() and b"\n" not in line and line[-1:] != b"\r")))
def test_every_line_leaves_as_it_came(lines: list[bytes]) -> None:
    assert list(split_record(b"\n".join(lines))) == [Line(n, line) for n, line in enumerate(lines)]


def test_an_envelope_is_read_and_unknown_keys_are_passed_over() -> None:
    envelope = read({**GOOD, "firmware": "1.2", "gateway": "g7"})
    assert (envelope.product, envelope.firmware, envelope.event_time) == ("p", "1.2", None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("data", "message", "field", "byte_offset"),
    [
        (b"[]", "not an envelope: Expected `object`, got `array`", "", None),
        (b"{", "not an envelope: Input data was truncated", "", None),
        (b'{"product":x', "not an envelope: JSON is malformed: invalid character (byte 11)", "", 11),
        ({"product": "p"}, "not an envelope: Object missing required field `device`", "", None),
        ({**GOOD, "payload": 7}, "not an envelope: Expected `str`, got `int`", "payload", None),
        ({**GOOD, "received_at": "now"}, "not an envelope: Expected `int`, got `str`", "received_at", None),
        (b'{"product":"p","device":"d\xff1"}', "not UTF-8 text: invalid start byte", "", 26),
        (b'{"x":' + b"[" * 50_000, "not an envelope: lists or objects stand too deep in one another", "", None),
    ],
)
def test_a_line_that_is_no_envelope_says_where(data, message, field, byte_offset) -> None:
    error = refusal(data)
    assert (error.message, error.field, error.byte_offset) == (message, field, byte_offset)


@pytest.mark.parametrize("device", ["863719010123456", "a8:40:41", "urn:dev/x@y+z-1_2.3", "d" * 128])
def test_device_ids_in_use_are_taken(device) -> None:
    read({**GOOD, "device": device})


@pytest.mark.parametrize("device", ["", "d 1", "d\n", "dé", "d|1", "d" * 129, "d\x00"])
def test_other_device_ids_are_refused(device) -> None:
    assert refusal({**GOOD, "device": device}).field == "device"


@pytest.mark.parametrize("field", ["received_at", "event_time"])
def test_a_clock_may_be_five_minutes_ahead_and_no_more(field) -> None:
    read({**GOOD, field: NOW + MAX_CLOCK_AHEAD})
    error = refusal({**GOOD, field: NOW + MAX_CLOCK_AHEAD + 1})
    assert error.field == field
    assert error.message.startswith(f"expected epoch milliseconds not in the future, got {NOW + MAX_CLOCK_AHEAD + 1}")
    assert error.message.endswith("300 s after its arrival")
    assert refusal({**GOOD, field: -1}).message.endswith("before 1970")


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(msgspec.json.encode))
def test_nothing_but_envelope_error_is_raised(data: bytes) -> None:
    refusal(data)
