"""The marker goes into any envelope line and comes out again to the byte; one of another hand is not believed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ingest import EnvelopeError, Line
from jobs.replay import mark, read_line
from udfs.message import Replay

NOW = 1_700_000_000_000
ENVELOPE = {"product": "p", "device": "d1", "protocol": "tcp", "received_at": 1, "payload": "00"}
MARKER = {"dead_letter_id": "0123456789abcdef" * 2, "first_seen": NOW, "attempt": 3, "reason": "truncated"}
REPLAY = msgspec.convert(MARKER, Replay)

blanks = st.text(" \t\r", max_size=3)
replays = st.builds(
    Replay,
    dead_letter_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    first_seen=st.integers(0, NOW),
    attempt=st.integers(1, 1_000_000),
    reason=st.sampled_from(["truncated", "bad_hex", "internal_error"]),
)


@given(
    payload=st.text(), extra=st.dictionaries(st.text(), st.none() | st.text()), before=blanks, after=blanks, r=replays
)
def test_the_line_comes_back_to_the_byte(payload: str, extra: dict, before: str, after: str, r: Replay) -> None:
    fields = {name: value for name, value in extra.items() if name not in Replay.__struct_fields__}
    text = msgspec.json.encode({**fields, **ENVELOPE, "payload": payload, "format": None, "port": None})
    raw = before.encode() + text[:-1] + before.encode() + b"}" + after.encode()
    if {"firmware", "event_time", "replay"} & extra.keys():
        return
    envelope, line = read_line(Line(7, mark(raw, r)), NOW)
    assert line == Line(7, raw)
    assert (envelope.replay, envelope.payload) == (r, payload)


def test_a_replay_of_a_replay_is_of_the_same_bytes() -> None:
    raw = msgspec.json.encode(ENVELOPE)
    _, line = read_line(Line(0, mark(raw, REPLAY)), NOW)
    again = msgspec.structs.replace(REPLAY, attempt=4)
    assert read_line(Line(0, mark(line.data, again)), NOW)[1].data == raw


def test_a_line_without_a_marker_is_itself() -> None:
    line = Line(0, msgspec.json.encode(ENVELOPE))
    envelope, original = read_line(line, NOW)
    assert (envelope.replay, original) == (None, line)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dead_letter_id", "short"),
        ("dead_letter_id", "0123456789ABCDEF" * 2),
        ("first_seen", -1),
        ("first_seen", 1 << 60),
        ("attempt", 0),
        ("attempt", 1 << 31),
        ("reason", "Not a reason"),
        ("reason", "of_the_senders_own"),
    ],
)
def test_a_marker_with_a_wrong_field_is_no_envelope(field: str, value: object) -> None:
    line = msgspec.json.encode({**ENVELOPE, "replay": {**MARKER, field: value}})
    with pytest.raises(EnvelopeError) as refused:
        read_line(Line(0, line), NOW)
    assert (refused.value.reason, refused.value.field) == ("bad_envelope", f"replay.{field}")


@pytest.mark.parametrize(
    "line",
    [
        msgspec.json.encode({"replay": MARKER, **ENVELOPE}),
        msgspec.json.encode({**ENVELOPE, "replay": dict(reversed(MARKER.items()))}),
        msgspec.json.encode({**ENVELOPE, "replay": {**MARKER, "more": 1}}),
    ],
    ids=["not the last field", "in another order", "with a field more"],
)
def test_a_marker_that_was_not_written_by_mark_is_no_envelope(line: bytes) -> None:
    with pytest.raises(EnvelopeError, match="`sluice dlq replay` did not write"):
        read_line(Line(0, line), NOW)
