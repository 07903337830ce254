"""Stages 1 to 3 in one Python operator: Kinesis record → envelopes, decoded and enriched messages, dead letters.

The stages are modules of their own (ingest, udfs.catalog, enrich); they share one operator because each crossing of the
Python boundary costs more than all of them together (docs/decisions/0002).
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pyflink.common import Row
from pyflink.common.typeinfo import Types
from pyflink.datastream import BroadcastProcessFunction, DataStream, OutputTag, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs import rows
from jobs.config import Aurora
from jobs.dead_letters import DEVICE_STREAM, OPEN, DeadLetter, dead_letter, resolved_letter
from jobs.enrich import MASTERS, UNREGISTERED, Limits, MasterData, read_earlier_versions, read_master_data
from jobs.ingest import EnvelopeError, Line, Record, split_record
from jobs.replay import read_line
from udfs.catalog import Catalog, compile_catalog
from udfs.masters import MasterChange, compile_masters
from udfs.message import Envelope, Message

DEAD_LETTERS: Final = OutputTag("dead-letters", rows.DEAD_LETTER)
MASTER_STATE: Final = MapStateDescriptor("master-data", Types.STRING(), Types.PICKLED_BYTE_ARRAY())
UNKNOWN: Final = "unknown"
"""Product, in the raw table, of a line that names no known one: senders must not be able to make partitions."""

OPERATOR: Final = "ingest, decode, enrich"
_EVENT_TIME: Final = rows.MESSAGE.get_field_names().index("event_time")
_SITE_ID: Final = rows.MESSAGE.get_field_names().index("site_id")
_QUALITY: Final = rows.MESSAGE.get_field_names().index("quality")

_log = logging.getLogger(__name__)


class Decoding:
    """What decode does in a Python worker, however its master data is spread: records in, rows and letters out.

    Specs travel as texts and are compiled in `open`, where also the master data that every subtask holds is read from
    Aurora. What Aurora did not have yet comes by the broadcast; after a restore, from the broadcast state.
    """

    def __init__(
        self, specs: Mapping[str, str], masters: Mapping[str, str], default_limits: Mapping[str, Limits], aurora: Aurora
    ) -> None:
        self._specs, self._masters, self._default_limits, self._aurora = specs, masters, default_limits, aurora

    def open(self, runtime_context: RuntimeContext, everywhere: Collection[str] = MASTERS) -> None:
        """`everywhere` are the master tables that this subtask holds all of."""
        self._catalog = compile_catalog(self._specs)
        self.master_data = MasterData(self._default_limits)
        keys = compile_masters(self._masters).keys
        tables = {master: keys[master] for master in everywhere}
        for change in read_master_data(self._aurora, self._aurora.read_host, tables):
            self.master_data.apply(change)
        for version in read_earlier_versions(self._aurora, everywhere):
            self.master_data.remember(version)
        self._everywhere = everywhere
        self._restored = False
        metrics = runtime_context.get_metrics_group()
        self._received, self._decoded = metrics.counter("received"), metrics.counter("decoded")
        self._dead, self._enriched = metrics.counter("dead"), metrics.counter("enriched")
        self._usable = metrics.counter("usable")

    def decode(self, record: Record, ctx: Any) -> Iterator[Any]:
        self._restore(ctx)
        envelopes, messages, letters = decode_record(record, self._catalog, self.master_data)
        self._count(envelopes, messages, letters)
        for letter in letters:
            yield DEAD_LETTERS, Row(*letter)
        newest_event_time = max((message[_EVENT_TIME] for message in messages), default=0)
        yield Row(record.shard_id, newest_event_time, envelopes, messages)

    def take_over(self, change: MasterChange, ctx: Any) -> None:
        """A change that every subtask is told."""
        self._restore(ctx)
        if change.master in self._everywhere and self.master_data.apply(change):
            ctx.get_broadcast_state(MASTER_STATE).put(f"{change.master}|{change.key}", change)

    def _count(self, envelopes: list[Row], messages: list[Row], letters: list[DeadLetter]) -> None:
        self._received.inc(len(envelopes))
        self._decoded.inc(len(messages))
        self._dead.inc(sum(letter.state == OPEN for letter in letters))
        self._enriched.inc(sum(message[_SITE_ID] is not None for message in messages))
        self._usable.inc(sum(is_usable(message) for message in messages))

    def _restore(self, ctx: Any) -> None:
        if not self._restored:
            for _, change in ctx.get_broadcast_state(MASTER_STATE).items():
                self.master_data.apply(change)
            self._restored = True


class Decode(BroadcastProcessFunction):  # type: ignore[misc]
    """Decodes and enriches device data; broadcast side: changes of master data, all of which each subtask holds."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding

    def open(self, runtime_context: RuntimeContext) -> None:
        self._decoding.open(runtime_context)

    def process_element(self, value: Row, ctx: BroadcastProcessFunction.ReadOnlyContext) -> Iterator[Any]:
        yield from self._decoding.decode(Record(*value), ctx)

    def process_broadcast_element(self, value: Row, ctx: BroadcastProcessFunction.Context) -> Iterator[Any]:
        self._decoding.take_over(MasterChange(*value), ctx)
        return iter(())


def decode_everywhere(records: DataStream, changes: DataStream, decoding: Decoding) -> DataStream:
    """As rows.DECODED, with dead letters aside; every subtask holds all master data."""
    return (
        records.connect(changes.broadcast(MASTER_STATE))
        .process(Decode(decoding), rows.DECODED)
        .uid("decode")
        .name(OPERATOR)
    )


def decode_record(
    record: Record, catalog: Catalog, master_data: MasterData
) -> tuple[list[Row], list[Row], list[DeadLetter]]:
    """All that is in a record: rows of its envelopes and messages (types in jobs.rows), and its dead letters."""
    envelopes, messages, letters = [], [], []
    for line, original, envelope, outcome in _decode_lines(record, catalog):
        decoded = [] if isinstance(outcome, Exception) else outcome
        if isinstance(outcome, Exception):
            letters.append(dead_letter(DEVICE_STREAM, record, original, envelope, outcome))
        elif envelope is not None and envelope.replay:
            letters.append(resolved_letter(DEVICE_STREAM, record, original, envelope, decoded))
        product = envelope.product if envelope and envelope.product in catalog.products else UNKNOWN
        found = [_message_row(message, master_data) for message in decoded]
        envelopes.append(_envelope_row(record, line, product, envelope, found))
        messages += found
    return envelopes, messages, letters


def _decode_lines(
    record: Record, catalog: Catalog
) -> Iterator[tuple[Line, Line, Envelope | None, list[Message] | Exception]]:
    """Each line, the line to keep, its envelope if it is one, and its messages or what refused it."""
    read: list[tuple[Line, Line, Envelope | EnvelopeError]] = []
    for line in split_record(record.data):
        try:
            envelope, original = read_line(line, record.arrived_at)
            read.append((line, original, envelope))
        except EnvelopeError as error:
            read.append((line, line, error))
    envelopes = [found for _, _, found in read if isinstance(found, Envelope)]
    outcomes = iter(_outcomes(envelopes, record, catalog))
    for line, original, found in read:
        if isinstance(found, Envelope):
            yield line, original, found, next(outcomes)
        else:
            yield line, original, None, found


def _outcomes(envelopes: list[Envelope], record: Record, catalog: Catalog) -> Sequence[list[Message] | Exception]:
    """The messages of each envelope, or what refused it; a fault of sluice itself takes no other payload along."""
    try:
        return catalog.decode_all(envelopes)
    except Exception:
        _log.exception("shard %s, sequence number %s", record.shard_id, record.sequence_number)
        return [_outcome(envelope, catalog) for envelope in envelopes]


def _outcome(envelope: Envelope, catalog: Catalog) -> list[Message] | Exception:
    try:
        return catalog.decode(envelope)
    except Exception as error:
        return error


def _envelope_row(record: Record, line: Line, product: str, envelope: Envelope | None, messages: list[Row]) -> Row:
    place = record.shard_id, record.sequence_number, line.number
    sender = (envelope.device, envelope.protocol, envelope.received_at) if envelope else (None, None, None)
    # A dead line counted as one message when it came first; a replay brings what is in it beyond that.
    num_received = max(len(messages), 1) - (1 if envelope and envelope.replay else 0)
    counts = num_received, sum(is_usable(message) for message in messages)
    return Row(*place, product, *sender, record.arrived_at, len(messages), line.data, *counts)


def is_usable(message: Row) -> bool:
    """Whether a message has no warning of its contract and a site; a row of rows.MESSAGE."""
    return not message[_QUALITY] and message[_SITE_ID] is not None


def _message_row(message: Message, master_data: MasterData) -> Row:
    known = master_data.enrichment(message.product, message.device_id, message.event_time)
    return Row(
        message.message_id,
        message.domain,
        message.product,
        message.device_id,
        message.event_time,
        message.received_at,
        message.spec_version,
        message.measurements,
        message.attributes,
        message.quality if known.registered else [*message.quality, UNREGISTERED],
        message.firmware or known.firmware,
        known.customer_id,
        known.site_id,
        known.limits,
    )
