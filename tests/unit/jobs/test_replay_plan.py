"""Each open letter gets one verdict, and only what could add something is sent."""

from typing import Any

import duckdb
import msgspec
import pytest

from jobs.ingest import Line
from jobs.replay import read_line
from jobs.replay_plan import MAX_LINE_BYTES, OpenLetter, Verdict, judge, stored_ids

NOW = 1_700_000_000_000
AM319 = {
    "product": "milesight-am319",
    "device": "24e124707c501858",
    "protocol": "mqtt",
    "received_at": NOW - 50,
    "payload": "0367340104686505000106cb02077da803087d2500097366270a7d04000b7d20000c7d3000",
}


def letter(raw: bytes | dict[str, object], reason: str = "unknown_key", stream: str = "device-data") -> OpenLetter:
    data = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
    return OpenLetter("ab" * 16, stream, reason, attempt=2, first_seen=NOW - 9_000, raw=data)


def nothing_stored(messages: Any) -> set[str]:
    return set()


def test_a_letter_that_decodes_now_is_sent_with_its_marker(catalog) -> None:
    [judged] = judge([letter(AM319)], catalog, NOW, nothing_stored)
    assert (judged.verdict, judged.is_sent, judged.device_id) == (Verdict.DECODES, True, AM319["device"])
    envelope, original = read_line(Line(0, judged.line), NOW)
    assert original.data == msgspec.json.encode(AM319)
    assert msgspec.to_builtins(envelope.replay) == {
        "dead_letter_id": "ab" * 16,
        "first_seen": NOW - 9_000,
        "attempt": 2,
        "reason": "unknown_key",
    }


def test_a_letter_that_still_fails_is_sent_and_tells_todays_reason(catalog) -> None:
    [judged] = judge([letter({**AM319, "payload": "0367"})], catalog, NOW, nothing_stored)
    assert (judged.verdict, judged.reason, judged.is_sent) == (Verdict.FAILS, "truncated", True)


def test_a_fault_of_sluice_itself_stops_no_replay(catalog, monkeypatch) -> None:
    monkeypatch.setattr(type(catalog), "decode", lambda *_: 1 / 0)
    [judged] = judge([letter(AM319)], catalog, NOW, nothing_stored)
    assert (judged.verdict, judged.reason) == (Verdict.FAILS, "internal_error")


def test_a_letter_is_left_out_only_when_all_its_messages_are_stored(catalog) -> None:
    table = (
        "Time;Temperature;Humidity;Door;Battery;Note\n2023-11-14T22:00:00Z;-18,5;;;;\n2023-11-14T22:05:00Z;-18,4;;;;\n"
    )
    two_rows = letter({**AM319, "product": "coldroom-logger", "payload": table})
    [half] = judge([two_rows], catalog, NOW, lambda messages: {messages[0].message_id})
    [whole] = judge([two_rows], catalog, NOW, lambda messages: {message.message_id for message in messages})
    assert (half.verdict, half.is_sent) == (Verdict.DECODES, True)
    assert (whole.verdict, whole.is_sent) == (Verdict.STORED, False)


@pytest.mark.parametrize(
    ("dead", "verdict"),
    [
        (letter(b"GET / HTTP/1.1", "bad_envelope"), Verdict.NO_ENVELOPE),
        (letter({**AM319, "received_at": NOW + 3_600_000}, "bad_envelope"), Verdict.NO_ENVELOPE),
        (letter(AM319, "bad_cdc", stream="master-cdc"), Verdict.OTHER_STREAM),
        (letter({**AM319, "payload": "0" * (MAX_LINE_BYTES - 150)}), Verdict.TOO_LARGE),
    ],
    ids=["no JSON", "from the future", "master data", "as large as a record"],
)
def test_what_cannot_be_replayed_is_not_sent(catalog, dead: OpenLetter, verdict: Verdict) -> None:
    [judged] = judge([dead], catalog, NOW, nothing_stored)
    assert (judged.verdict, judged.is_sent, judged.line) == (verdict, False, b"")


def test_a_line_from_the_future_can_be_replayed_when_its_time_has_come(catalog) -> None:
    ahead = letter({**AM319, "received_at": NOW + 3_600_000}, "bad_envelope")
    assert judge([ahead], catalog, NOW + 3_600_000, nothing_stored)[0].verdict is Verdict.DECODES


class FakeLake:
    """A table `messages` in memory, asked as the lake is."""

    def __init__(self, *rows: tuple[str, str, str]) -> None:
        self.duckdb = duckdb.connect()
        self.duckdb.execute("SET TimeZone = 'UTC'")
        self.duckdb.execute("CREATE TABLE messages (message_id TEXT, product TEXT, event_time TIMESTAMPTZ)")
        for row in rows:
            self.duckdb.execute("INSERT INTO messages VALUES (?, ?, ?)", row)

    def query(self, sql: str, table: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"message_id": row[0]} for row in self.duckdb.execute(sql, parameters).fetchall()]


def test_the_lake_tells_which_messages_it_has(catalog) -> None:
    meitrack = {**AM319, "received_at": NOW - 7_000, "device": "other"}
    messages = [judge([letter(raw)], catalog, NOW, nothing_stored)[0].messages[0] for raw in (AM319, meitrack)]
    first, _ = messages
    time = "2023-11-14 22:13:19.95"  # NOW - 50
    lake = FakeLake((first.message_id, first.product, time), ("another", first.product, time))
    assert stored_ids(lake, messages) == {first.message_id}  # type: ignore[arg-type]
    assert stored_ids(lake, []) == set()  # type: ignore[arg-type]
