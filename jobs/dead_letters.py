"""Dead letters: what cannot become a message, with its bytes, the reason and the position, for replay."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from jobs.ingest import EnvelopeError, Line, Record
from udfs.errors import DecodeError
from udfs.excerpt import Excerpt, hex_excerpt, text_excerpt
from udfs.masters import MasterError
from udfs.message import Envelope
from udfs.product import payload_bytes

EXCERPT = 64
INTERNAL_ERROR = "internal_error"
"""Reason of a payload that a fault of sluice itself refused: the job goes on, the log has the traceback."""


class DeadLetter(NamedTuple):
    """One dead letter; the id is that of its place in the stream, so a replay of the stream gives the same letter."""

    dead_letter_id: str
    stream: str
    product: str | None
    device_id: str | None
    reason: str
    message: str
    spec_version: int | None
    field: str | None
    byte_offset: int | None
    bit_offset: int | None
    excerpt: str
    shard_id: str
    sequence_number: str
    line: int
    first_seen: int
    raw: bytes


def dead_letter(stream: str, record: Record, line: Line, envelope: Envelope | None, error: Exception) -> DeadLetter:
    """The dead letter of `line`, which `error` refused."""
    place = f"{stream}|{record.shard_id}|{record.sequence_number}|{line.number}"
    refusal = error if isinstance(error, (DecodeError, EnvelopeError, MasterError)) else None
    return DeadLetter(
        dead_letter_id=blake2b(place.encode(), digest_size=16).hexdigest(),
        stream=stream,
        product=envelope.product if envelope else None,
        device_id=envelope.device if envelope else None,
        reason=refusal.reason if refusal else INTERNAL_ERROR,
        message=refusal.message if refusal else f"{type(error).__name__}: {error}",
        spec_version=getattr(error, "spec_version", None) or None,
        field=getattr(error, "field", None) or None,
        byte_offset=getattr(error, "byte_offset", None),
        bit_offset=getattr(error, "bit_offset", None),
        excerpt=getattr(error, "excerpt", None) or line.data[:EXCERPT].decode("utf-8", "backslashreplace")[:EXCERPT],
        shard_id=record.shard_id,
        sequence_number=record.sequence_number,
        line=line.number,
        first_seen=record.arrived_at,
        raw=line.data,
    )


def caret_of(raw: bytes, excerpt: str, byte_offset: int | None) -> int | None:
    """The index in `excerpt` of the byte at fault, None where it has no known place or does not stand in it."""
    if byte_offset is None:
        return None
    if excerpt == raw[:EXCERPT].decode("utf-8", "backslashreplace")[:EXCERPT]:
        return byte_offset if byte_offset <= len(excerpt) else None
    return next((found.caret for found in _possible_excerpts(raw, byte_offset) if found.text == excerpt), None)


def _possible_excerpts(raw: bytes, byte_offset: int) -> Iterator[Excerpt]:
    """A letter does not say how its payload was read: as hex, or as text."""
    try:
        payload = msgspec.json.decode(raw, type=Envelope).payload
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    yield hex_excerpt(payload_bytes(payload, "hex"), byte_offset)
    yield text_excerpt(payload_bytes(payload, "text"), byte_offset)
