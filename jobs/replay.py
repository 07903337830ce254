"""The marker of a replayed line, which dead letter it was: written last in the line, and taken out again."""

from typing import Final

import msgspec

from jobs.dead_letters import DEVICE_REASONS
from jobs.ingest import EnvelopeError, Line, read_envelope
from udfs.message import Envelope, Replay

_FIELD: Final = b',"replay":'


def mark(raw: bytes, replay: Replay) -> bytes:
    """The line that replays `raw`, which must be an envelope: `read_line` gives both back."""
    fields, brace, blank = raw.rpartition(b"}")
    return fields + _marker(replay) + brace + blank


def read_line(line: Line, arrived_at: int) -> tuple[Envelope, Line]:
    """The envelope on a line, and the line as it first arrived, without a marker; raises EnvelopeError."""
    envelope = read_envelope(line, arrived_at)
    if envelope.replay is None:
        return envelope, line
    if envelope.replay.reason not in DEVICE_REASONS:
        # The lake is partitioned by reason: a sender must not be able to make partitions.
        raise EnvelopeError(f"the reason `{envelope.replay.reason}` is none of device data", field="replay.reason")
    return envelope, line._replace(data=_unmarked(line.data, envelope.replay))


def _unmarked(data: bytes, replay: Replay) -> bytes:
    fields, marker, end = data.rpartition(_marker(replay))
    if not marker or end.rstrip() != b"}":
        raise EnvelopeError("a replay marker that `sluice dlq replay` did not write", field="replay")
    return fields + end


def _marker(replay: Replay) -> bytes:
    return _FIELD + msgspec.json.encode(replay)
