"""Dead letters: the id is that of the place in the stream, the fields are those of the error."""

import msgspec
import pytest

from jobs.dead_letters import caret_of, dead_letter, resolved_letter
from jobs.ingest import EnvelopeError, Line, Record
from udfs.cdc.change import CdcError
from udfs.errors import DecodeError
from udfs.excerpt import hex_excerpt, text_excerpt
from udfs.message import Envelope, Message, Replay

RECORD = Record(b"", arrived_at=1_700_000_000_000, shard_id="shardId-0", sequence_number="495")
LINE = Line(2, b"\xffhello")
ENVELOPE = Envelope(product="p", device="d1", protocol="tcp", received_at=1, payload="00")
REPLAY = Replay(dead_letter_id="0" * 32, first_seen=1_600_000_000_000, attempt=2, reason="bad_hex")
REPLAYED = Envelope(product="p", device="d1", protocol="tcp", received_at=1, payload="00", replay=REPLAY)
MESSAGE = Message(
    message_id="m",
    domain="telemetry",
    product="p",
    device_id="d1",
    event_time=1,
    received_at=1,
    spec_version=4,
    measurements={},
    attributes={},
    quality=[],
)


def test_the_same_place_gives_the_same_id_and_another_place_another() -> None:
    first = dead_letter("device-data", RECORD, LINE, None, EnvelopeError("x"))
    again = dead_letter("device-data", RECORD._replace(arrived_at=1), LINE, ENVELOPE, DecodeError("truncated", "y"))
    assert first.dead_letter_id == again.dead_letter_id
    others = [
        dead_letter("master-cdc", RECORD, LINE, None, EnvelopeError("x")),
        dead_letter("device-data", RECORD._replace(sequence_number="496"), LINE, None, EnvelopeError("x")),
        dead_letter("device-data", RECORD._replace(shard_id="shardId-1"), LINE, None, EnvelopeError("x")),
        dead_letter("device-data", RECORD, Line(3, LINE.data), None, EnvelopeError("x")),
    ]
    assert len({first.dead_letter_id, *(letter.dead_letter_id for letter in others)}) == 5


def test_it_keeps_the_bytes_and_the_place() -> None:
    letter = dead_letter("device-data", RECORD, LINE, None, EnvelopeError("x"))
    assert (letter.raw, letter.shard_id, letter.sequence_number, letter.line) == (b"\xffhello", "shardId-0", "495", 2)
    assert letter.first_seen == RECORD.arrived_at


def test_a_first_arrival_is_open_at_attempt_1() -> None:
    letter = dead_letter("device-data", RECORD, LINE, ENVELOPE, DecodeError("truncated", "y"))
    assert (letter.state, letter.attempt, letter.attempted_at) == ("open", 1, letter.first_seen)


def test_a_replay_that_fails_again_keeps_id_and_first_seen_and_has_todays_reason() -> None:
    letter = dead_letter("device-data", RECORD, LINE, REPLAYED, DecodeError("truncated", "y"))
    assert (letter.dead_letter_id, letter.first_seen) == (REPLAY.dead_letter_id, REPLAY.first_seen)
    assert (letter.state, letter.attempt, letter.reason) == ("open", 3, "truncated")
    assert (letter.attempted_at, letter.sequence_number) == (RECORD.arrived_at, RECORD.sequence_number)


def test_a_replay_that_decodes_resolves_its_letter_and_leaves_the_reason() -> None:
    letter = resolved_letter("device-data", RECORD, LINE, REPLAYED, [MESSAGE, MESSAGE])
    assert (letter.dead_letter_id, letter.first_seen) == (REPLAY.dead_letter_id, REPLAY.first_seen)
    assert (letter.state, letter.attempt, letter.reason) == ("resolved", 3, "bad_hex")
    assert (letter.spec_version, letter.message) == (4, "decoded to 2 messages")
    assert (letter.field, letter.byte_offset, letter.excerpt, letter.raw) == (None, None, None, LINE.data)


def test_a_decode_error_brings_spec_field_and_position() -> None:
    error = DecodeError(
        "truncated", "2 bytes", product="p", spec_version=3, field="level", byte_offset=1, bit_offset=4, excerpt="00"
    )
    letter = dead_letter("device-data", RECORD, LINE, ENVELOPE, error)
    assert (letter.product, letter.device_id, letter.reason, letter.message) == ("p", "d1", "truncated", "2 bytes")
    assert (letter.spec_version, letter.field, letter.byte_offset, letter.bit_offset) == (3, "level", 1, 4)
    assert letter.excerpt == "00"


def test_an_unknown_product_has_no_spec_version() -> None:
    letter = dead_letter("device-data", RECORD, LINE, ENVELOPE, DecodeError("unknown_product", "no product"))
    assert (letter.reason, letter.product, letter.spec_version, letter.field) == ("unknown_product", "p", None, None)


def test_an_envelope_error_shows_the_line_itself() -> None:
    letter = dead_letter("device-data", RECORD, LINE, None, EnvelopeError("no", field="device", byte_offset=7))
    assert (letter.reason, letter.product, letter.device_id) == ("bad_envelope", None, None)
    assert (letter.field, letter.byte_offset, letter.excerpt) == ("device", 7, "\\xffhello")


def test_a_master_error_keeps_its_own_reason() -> None:
    letter = dead_letter("master-cdc", RECORD, LINE, None, CdcError("bad_cdc", "no row", field="data.id"))
    assert (letter.stream, letter.reason, letter.message, letter.field) == (
        "master-cdc",
        "bad_cdc",
        "no row",
        "data.id",
    )


def test_a_fault_of_sluice_itself_is_an_internal_error() -> None:
    letter = dead_letter("device-data", RECORD, LINE, ENVELOPE, ZeroDivisionError("division by zero"))
    assert (letter.reason, letter.message) == ("internal_error", "ZeroDivisionError: division by zero")


@pytest.mark.parametrize("data", [b"x" * 1000, b"\xff" * 1000])
def test_the_excerpt_is_at_most_64_characters(data) -> None:
    assert len(dead_letter("s", RECORD, Line(0, data), None, EnvelopeError("x")).excerpt) == 64


def line_of(payload: str) -> bytes:
    return msgspec.json.encode(Envelope(product="p", device="d", protocol="tcp", received_at=1, payload=payload))


@pytest.mark.parametrize("offset", [0, 3, 60, 99])
def test_the_caret_stands_under_the_byte_at_fault(offset: int) -> None:
    data = bytes(range(100))
    as_hex, as_text = hex_excerpt(data, offset), text_excerpt(b"a,b;" * 25, offset)
    assert caret_of(line_of(data.hex()), as_hex.text, offset) == as_hex.caret
    assert caret_of(line_of("a,b;" * 25), as_text.text, offset) == as_text.caret


def test_the_caret_of_a_line_that_is_no_envelope_counts_in_the_line() -> None:
    assert caret_of(b'{"product": 1}', '{"product": 1}', 12) == 12
    assert caret_of(b"x" * 200, "x" * 64, 150) is None


def test_there_is_no_caret_without_a_place() -> None:
    assert caret_of(line_of("00"), "00", None) is None
    assert caret_of(line_of("00"), "something else", 1) is None
    assert caret_of(line_of("00"), None, 1) is None
