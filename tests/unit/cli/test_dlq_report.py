"""How dead letters are shown: counted, in a line, in full, and after a replay."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from cli.dlq_report import attempts_table, counts_table, letter_line, outcomes_table, render_letter
from jobs.dead_letter_store import Count
from udfs.message import Envelope

LINE = msgspec.json.encode(Envelope(product="am319", device="d1", protocol="tcp", received_at=1, payload="036734"))
SEEN, AGAIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC), datetime(2026, 1, 7, 9, 30, tzinfo=UTC)
LETTER = {
    "_id": "ab" * 16,
    "stream": "device-data",
    "state": "open",
    "attempt": 2,
    "product": "am319",
    "device_id": "d1",
    "reason": "truncated",
    "message": "temperature needs 2 bytes",
    "spec_version": 1,
    "field": "temperature",
    "byte_offset": 2,
    "bit_offset": None,
    "excerpt": "036734",
    "shard_id": "shardId-0",
    "sequence_number": "495",
    "line": 3,
    "first_seen": SEEN,
    "attempted_at": AGAIN,
    "raw": LINE,
}


def text(table: Table) -> list[str]:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_a_letter_shows_reason_place_and_a_caret_under_the_byte() -> None:
    lines = render_letter(LETTER).splitlines()
    assert lines[:3] == [f"id           {'ab' * 16}", "state        open", "reason       truncated"]
    excerpt = lines.index("excerpt      036734")
    assert lines[excerpt + 1] == "                 ^"
    assert lines[-3:] == [
        "first seen   2026-01-05T08:00:00Z",
        "attempts     2, the last 2026-01-07T09:30:00Z",
        f"line         {LINE.decode()}",
    ]


def test_a_letter_without_a_place_has_no_caret() -> None:
    shown = render_letter(LETTER | {"byte_offset": None, "field": None})
    assert "^" not in shown
    assert "field        -" in shown


def test_a_resolved_letter_has_no_excerpt() -> None:
    shown = render_letter(LETTER | {"state": "resolved", "excerpt": None, "byte_offset": None})
    assert "excerpt      -" in shown


def test_what_a_sender_wrote_cannot_drive_the_terminal() -> None:
    hostile = LETTER | {"product": "\x1b[2J", "device_id": "d\r\n1", "raw": b"\x1b]0;title\x07"}
    shown = (
        render_letter(hostile)
        + letter_line(hostile)
        + "".join(text(counts_table([Count("\x1b[2J", "r", 1, 0, SEEN, SEEN)])))
    )
    assert "\x1b" not in shown
    assert "·[2J" in shown


def test_a_letter_in_a_line_begins_with_its_id() -> None:
    expected = f"{'ab' * 16}  2026-01-05T08:00:00Z  open attempt 2  am319  d1  truncated  temperature needs 2 bytes"
    assert letter_line(LETTER) == expected
    first = LETTER | {"attempt": 1, "product": None, "device_id": None}
    assert "  open  -  -  truncated" in letter_line(first)


def test_counts_stand_by_product_and_reason() -> None:
    assert text(counts_table([Count(None, "bad_envelope", 3, 1, SEEN, AGAIN)])) == [
        "product reason open resolved first seen last seen",
        "- bad_envelope 3 1 2026-01-05T08:00:00Z 2026-01-07T09:30:00Z",
    ]


def test_attempts_tell_reason_and_place() -> None:
    assert text(attempts_table([LETTER | {"spec_version": None}]))[1] == (
        "2 2026-01-07T09:30:00Z open truncated temperature needs 2 bytes - shardId-0 495 line 3"
    )


def test_outcomes_stand_by_reason() -> None:
    outcomes = Counter({("truncated", "resolved"): 1200, ("bad_hex", "already stored"): 1})
    assert text(outcomes_table(outcomes)) == [
        "reason outcome letters",
        "bad_hex already stored 1",
        "truncated resolved 1,200",
    ]
