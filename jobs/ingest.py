"""Stage 1, ingest: Kinesis record → envelopes.

A record holds 1..N envelopes, one JSON object a line. Every line leaves as an envelope or as a refused line; blank
lines are no messages.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from udfs.errors import SluiceError
from udfs.message import Envelope

MAX_CLOCK_AHEAD: Final = 5 * 60_000
"""Milliseconds that a gateway's clock may be ahead: a time further on would push the watermark past honest devices."""

DEVICE_ID: Final = re.compile(r"[\w.:@/+\-]{1,128}", re.ASCII)
_DECODER: Final = msgspec.json.Decoder(Envelope)
_OFFSET: Final = re.compile(r"\(byte (\d+)\)")


class Record(NamedTuple):
    """One Kinesis record with its place in the stream; `arrived_at` is epoch milliseconds."""

    data: bytes
    arrived_at: int
    shard_id: str
    sequence_number: str


class Line(NamedTuple):
    """One line of a record, numbered from 0, exactly as it arrived."""

    number: int
    data: bytes


class EnvelopeError(SluiceError):
    """A line that is no envelope: dead-letter reason `bad_envelope`; `byte_offset` counts in the line where known."""

    reason = "bad_envelope"

    def __init__(self, message: str, *, field: str = "", byte_offset: int | None = None) -> None:
        self.message, self.field, self.byte_offset = message, field, byte_offset
        super().__init__(message)


def split_record(data: bytes) -> Iterator[Line]:
    """The non-blank lines of a record."""
    for number, line in enumerate(data.split(b"\n")):
        if line.strip():
            yield Line(number, line.rstrip(b"\r"))


def read_envelope(line: Line, arrived_at: int) -> Envelope:
    """The envelope on a line; raises EnvelopeError."""
    try:
        envelope = _DECODER.decode(line.data)
    except UnicodeDecodeError as error:
        # msgspec counts in the one text that it was reading.
        raise EnvelopeError(f"not UTF-8 text: {error.reason}", byte_offset=_non_utf8_offset(line.data)) from error
    except msgspec.DecodeError as error:
        message, _, field = str(error).partition(" - at `$.")
        offset = _OFFSET.search(message)
        byte_offset = int(offset[1]) if offset else None
        raise EnvelopeError(f"not an envelope: {message}", field=field.rstrip("`"), byte_offset=byte_offset) from error
    except RecursionError as error:
        raise EnvelopeError("not an envelope: lists or objects stand too deep in one another") from error
    if not DEVICE_ID.fullmatch(envelope.device):
        raise EnvelopeError("expected a device id of 1 to 128 letters, digits or `.:@/+-_`", field="device")
    _check_time("received_at", envelope.received_at, arrived_at)
    if envelope.event_time is not None:
        _check_time("event_time", envelope.event_time, arrived_at)
    return envelope


def _non_utf8_offset(data: bytes) -> int | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _check_time(field: str, time: int, arrived_at: int) -> None:
    if not 0 <= time <= arrived_at + MAX_CLOCK_AHEAD:
        ahead = f"{(time - arrived_at) / 1000:.0f} s after its arrival" if time > 0 else "before 1970"
        raise EnvelopeError(f"expected epoch milliseconds not in the future, got {time}, {ahead}", field=field)
