"""The row types that cross the Python boundary, each named once; SQL sees them as tables of the same columns."""

from typing import Final

from pyflink.common.typeinfo import TypeInformation, Types

_TEXT: Final = Types.STRING()
_BYTES: Final = Types.PRIMITIVE_ARRAY(Types.BYTE())
_MILLISECONDS: Final = Types.LONG()


def _row(**columns: TypeInformation) -> TypeInformation:
    return Types.ROW_NAMED(list(columns), list(columns.values()))


ENVELOPE: Final = _row(
    shard_id=_TEXT,
    sequence_number=_TEXT,
    line=Types.INT(),
    product=_TEXT,
    device_id=_TEXT,
    protocol=_TEXT,
    received_at=_MILLISECONDS,
    arrived_at=_MILLISECONDS,
    num_messages=Types.INT(),
    envelope=_BYTES,
    num_received=Types.INT(),
    num_usable=Types.INT(),
)
MESSAGE: Final = _row(
    message_id=_TEXT,
    domain=_TEXT,
    product=_TEXT,
    device_id=_TEXT,
    event_time=_MILLISECONDS,
    received_at=_MILLISECONDS,
    spec_version=Types.INT(),
    measurements=Types.MAP(_TEXT, Types.DOUBLE()),
    attributes=Types.MAP(_TEXT, _TEXT),
    quality=Types.OBJECT_ARRAY(_TEXT),
    firmware=_TEXT,
    customer_id=_TEXT,
    site_id=_TEXT,
    limits=Types.MAP(_TEXT, Types.DOUBLE()),
)
DECODED: Final = _row(
    shard=_TEXT,
    newest_event_time=_MILLISECONDS,
    envelopes=Types.OBJECT_ARRAY(ENVELOPE),
    messages=Types.OBJECT_ARRAY(MESSAGE),
)
"""What a Kinesis record became, with the greatest event time in it, 0 where none is: the boundary is paid once a
record, Java unnests. io.sluice.ShardEventTime reads the first two columns by their places."""

DEAD_LETTER: Final = _row(
    dead_letter_id=_TEXT,
    stream=_TEXT,
    state=_TEXT,
    attempt=Types.INT(),
    product=_TEXT,
    device_id=_TEXT,
    reason=_TEXT,
    message=_TEXT,
    spec_version=Types.INT(),
    field=_TEXT,
    byte_offset=Types.INT(),
    bit_offset=Types.INT(),
    excerpt=_TEXT,
    shard_id=_TEXT,
    sequence_number=_TEXT,
    line=Types.INT(),
    first_seen=_MILLISECONDS,
    attempted_at=_MILLISECONDS,
    raw=_BYTES,
)
MASTER_CHANGE: Final = _row(
    master=_TEXT,
    row_key=_TEXT,
    columns=Types.MAP(_TEXT, _TEXT),
    version=Types.LONG(),
    deleted=Types.BOOLEAN(),
)
MASTER_SOURCE_ROW: Final = _row(
    source=_TEXT,
    row_key=_TEXT,
    master=_TEXT,
    position=_TEXT,
    version=Types.LONG(),
    columns=_TEXT,
)
MASTER_QUARANTINE: Final = _row(
    source=_TEXT,
    row_key=_TEXT,
    reason=_TEXT,
    field=_TEXT,
    message=_TEXT,
    version=Types.LONG(),
)
MASTER_VERSION: Final = _row(
    master=_TEXT,
    row_key=_TEXT,
    version=Types.LONG(),
    valid_from=_MILLISECONDS,
    deleted=Types.BOOLEAN(),
    columns=_TEXT,
)
OBSERVATION: Final = _row(
    rule=_TEXT,
    device_id=_TEXT,
    event_time=_MILLISECONDS,
    kind=_TEXT,
    value=Types.DOUBLE(),
    limit_value=Types.DOUBLE(),
    severity=_TEXT,
    customer_id=_TEXT,
    site_id=_TEXT,
    evidence=_TEXT,
)
ALARM: Final = _row(
    alarm_id=_TEXT,
    rule=_TEXT,
    title=_TEXT,
    severity=_TEXT,
    state=_TEXT,
    product=_TEXT,
    device_id=_TEXT,
    customer_id=_TEXT,
    site_id=_TEXT,
    first_event_time=_MILLISECONDS,
    last_event_time=_MILLISECONDS,
    num_detections=Types.LONG(),
    value=Types.DOUBLE(),
    limit_value=Types.DOUBLE(),
    evidence=_TEXT,
    changed_at=_MILLISECONDS,
    reason=_TEXT,
    muted_by=_TEXT,
)
NOTIFICATION: Final = _row(
    notification_id=_TEXT,
    state=_TEXT,
    notified_at=_MILLISECONDS,
    rule=_TEXT,
    title=_TEXT,
    severity=_TEXT,
    product=_TEXT,
    site_id=_TEXT,
    customer_id=_TEXT,
    num_alarms=Types.LONG(),
    alarm_ids=_TEXT,
    reason=_TEXT,
    response=_TEXT,
    runbook=_TEXT,
)
