"""Dead letters: what cannot become a message, with its bytes, the reason and the position, for replay."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

import msgspec

from jobs.ingest import EnvelopeError, Line, Record
from udfs.cdc.change import CdcError
from udfs.errors import REASONS, DecodeError
from udfs.excerpt import Excerpt, hex_excerpt, text_excerpt
from udfs.message import Envelope, Message
from udfs.product import payload_bytes

DEVICE_STREAM: Final = "device-data"
"""What letters of device data have as `stream`; only they can be replayed."""

EXCERPT = 64
INTERNAL_ERROR = "internal_error"
"""Reason of a payload that a fault of sluice itself refused: the job goes on, the log has the traceback."""

DEVICE_REASONS: Final = REASONS | {EnvelopeError.reason, INTERNAL_ERROR}
"""Every reason that a line of device data can be refused for."""

State = Literal["open", "resolved"]
OPEN: Final[State] = "open"
RESOLVED: Final[State] = "resolved"


class DeadLetter(NamedTuple):
    """One attempt at a dead letter: `attempt` 1 is the arrival that was refused, further ones are replays.

    The id is that of the first arrival's place in the stream, so that stream read again gives the same letter; shard,
    sequence number, line and `attempted_at` are those of this attempt. A letter that decodes now is `resolved`: its
    `reason` is still the one that it was refused for last. `raw` is the line as it first arrived. Times are epoch ms.
    """

    dead_letter_id: str
    stream: str
    state: State
    attempt: int
    product: str | None
    device_id: str | None
    reason: str
    message: str
    spec_version: int | None
    field: str | None
    byte_offset: int | None
    bit_offset: int | None
    excerpt: str | None
    shard_id: str
    sequence_number: str
    line: int
    first_seen: int
    attempted_at: int
    raw: bytes


def dead_letter(stream: str, record: Record, line: Line, envelope: Envelope | None, error: Exception) -> DeadLetter:
    """The dead letter of `line`, which `error` refused; one more attempt where `envelope` is a replay."""
    refusal = error if isinstance(error, (DecodeError, EnvelopeError, CdcError)) else None
    return _attempt(stream, record, line, envelope)._replace(
        reason=refusal.reason if refusal else INTERNAL_ERROR,
        message=refusal.message if refusal else f"{type(error).__name__}: {error}",
        spec_version=getattr(error, "spec_version", None) or None,
        field=getattr(error, "field", None) or None,
        byte_offset=getattr(error, "byte_offset", None),
        bit_offset=getattr(error, "bit_offset", None),
        excerpt=getattr(error, "excerpt", None) or line.data[:EXCERPT].decode("utf-8", "backslashreplace")[:EXCERPT],
    )


def resolved_letter(
    stream: str, record: Record, line: Line, envelope: Envelope, messages: Sequence[Message]
) -> DeadLetter:
    """The end of the dead letter that `envelope` replays: it decoded to `messages`."""
    decoded = f"decoded to {len(messages)} message{'s' if len(messages) > 1 else ''}"
    return _attempt(stream, record, line, envelope)._replace(
        state=RESOLVED, message=decoded, spec_version=messages[0].spec_version
    )


def _attempt(stream: str, record: Record, line: Line, envelope: Envelope | None) -> DeadLetter:
    replay = envelope.replay if envelope else None
    place = f"{stream}|{record.shard_id}|{record.sequence_number}|{line.number}"
    return DeadLetter(
        dead_letter_id=replay.dead_letter_id if replay else blake2b(place.encode(), digest_size=16).hexdigest(),
        stream=stream,
        state=OPEN,
        attempt=replay.attempt + 1 if replay else 1,
        product=envelope.product if envelope else None,
        device_id=envelope.device if envelope else None,
        reason=replay.reason if replay else "",
        message="",
        spec_version=None,
        field=None,
        byte_offset=None,
        bit_offset=None,
        excerpt=None,
        shard_id=record.shard_id,
        sequence_number=record.sequence_number,
        line=line.number,
        first_seen=replay.first_seen if replay else record.arrived_at,
        attempted_at=record.arrived_at,
        raw=line.data,
    )


def caret_of(raw: bytes, excerpt: str | None, byte_offset: int | None) -> int | None:
    """The index in `excerpt` of the byte at fault, None where it has no known place or does not stand in it."""
    if byte_offset is None or excerpt is None:
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
