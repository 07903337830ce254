"""What becomes of open dead letters that are replayed, found out by decoding them with the specs at hand."""

from collections.abc import Callable, Sequence, Set
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from jobs.dead_letters import DEVICE_STREAM, INTERNAL_ERROR
from jobs.ingest import EnvelopeError, Line
from jobs.lake import Lake
from jobs.replay import mark, read_line
from udfs.catalog import Catalog
from udfs.errors import DecodeError
from udfs.message import Envelope, Message, Replay

MAX_LINE_BYTES: Final = 1 << 20
"""What a Kinesis record takes."""

StoredIds = Callable[[Sequence[Message]], Set[str]]
"""The ids of those messages that the lake holds already."""

_STORED: Final = """
SELECT DISTINCT message_id FROM messages
WHERE product = $product AND event_time BETWEEN $first AND $last AND message_id IN (SELECT unnest($ids))
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OpenLetter(NamedTuple):
    """What a replay needs of a dead letter; `first_seen` is epoch ms, `raw` the line as it first arrived."""

    dead_letter_id: str
    stream: str
    reason: str
    attempt: int
    first_seen: int
    raw: bytes


class Verdict(StrEnum):
    """The first two are sent; a letter that still fails too, for the job may have other specs than those at hand."""

    DECODES = "would decode"
    FAILS = "still fails"
    STORED = "already stored"
    NO_ENVELOPE = "cannot be replayed: no envelope"
    OTHER_STREAM = "cannot be replayed: master data"
    TOO_LARGE = "cannot be replayed: too large with its marker"


class Judged(NamedTuple):
    """A letter with its verdict; `reason` is why it still fails, `line` with `device_id` is what would be sent."""

    letter: OpenLetter
    verdict: Verdict
    reason: str = ""
    device_id: str = ""
    line: bytes = b""
    messages: tuple[Message, ...] = ()

    @property
    def is_sent(self) -> bool:
        return self.verdict in (Verdict.DECODES, Verdict.FAILS)


def judge(letters: Sequence[OpenLetter], catalog: Catalog, now: int, stored_ids: StoredIds) -> list[Judged]:
    """A verdict for each letter, in their order; `now` is epoch ms. A letter whose messages the lake has is not sent.

    The job knows duplicates for `dedupe.hours` only, and Iceberg appends: later than that, only the lake can tell.
    """
    judged = [_judge(letter, catalog, now) for letter in letters]
    stored = stored_ids([message for each in judged for message in each.messages])
    return [
        each._replace(verdict=Verdict.STORED)
        if each.messages and all(message.message_id in stored for message in each.messages)
        else each
        for each in judged
    ]


def stored_ids(lake: Lake, messages: Sequence[Message]) -> set[str]:
    """The StoredIds of a lake; product and event time let it skip most files."""
    found: set[str] = set()
    by_product = sorted(messages, key=lambda message: message.product)
    for product, group in groupby(by_product, key=lambda message: message.product):
        times, ids = zip(*((message.event_time, message.message_id) for message in group), strict=True)
        parameters = {"product": product, "first": _moment(min(times)), "last": _moment(max(times)), "ids": list(ids)}
        found |= {row["message_id"] for row in lake.query(_STORED, "messages", parameters=parameters)}
    return found


def _judge(letter: OpenLetter, catalog: Catalog, now: int) -> Judged:
    if letter.stream != DEVICE_STREAM:
        return Judged(letter, Verdict.OTHER_STREAM)
    try:
        envelope, _ = read_line(Line(0, letter.raw), now)
    except EnvelopeError:
        return Judged(letter, Verdict.NO_ENVELOPE)
    replay = Replay(
        dead_letter_id=letter.dead_letter_id,
        first_seen=letter.first_seen,
        attempt=letter.attempt,
        reason=letter.reason,
    )
    line = mark(letter.raw, replay)
    if len(line) > MAX_LINE_BYTES:
        return Judged(letter, Verdict.TOO_LARGE)
    messages, reason = _decode(envelope, catalog)
    verdict = Verdict.FAILS if reason else Verdict.DECODES
    return Judged(letter, verdict, reason, envelope.device, line, tuple(messages))


def _decode(envelope: Envelope, catalog: Catalog) -> tuple[list[Message], str]:
    try:
        return catalog.decode(envelope), ""
    except DecodeError as error:
        return [], error.reason
    except Exception:  # a fault of sluice itself, as the job would call it
        return [], INTERNAL_ERROR


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
