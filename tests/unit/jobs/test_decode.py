"""One Kinesis record through ingest, decode and enrich: real specs, real payloads, nothing lost."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyflink.common import Row

from jobs import rows
from jobs.dead_letters import DeadLetter
from jobs.decode import decode_record
from jobs.enrich import MasterData
from jobs.ingest import Record
from jobs.replay import mark
from udfs.masters import MasterChange
from udfs.message import Replay

NOW = 1_700_000_000_000
AM319 = {
    "product": "milesight-am319",
    "device": "24e124707c501858",
    "protocol": "mqtt",
    "received_at": NOW - 50,
    "payload": "0367340104686505000106cb02077da803087d2500097366270a7d04000b7d20000c7d3000",
}
COLDROOM = {
    **AM319,
    "product": "coldroom-logger",
    "device": "crl-1",
    "payload": "Time;Temperature;Humidity;Door;Battery;Note\n"
    "2023-11-14T22:00:00Z;-18,5;;;;\n2023-11-14T22:05:00Z;-18,4;;;;\n",
}
MASTERS = [
    MasterChange(
        "device", AM319["device"], {"product": "milesight-am319", "site_id": "s1", "firmware": "1.7"}, 1, False
    ),
    MasterChange("site", "s1", {"customer_id": "c1"}, 1, False),
]
DEFAULTS = {"milesight-am319": {"temperature_max": 40.0}}


@pytest.fixture(scope="session")
def master_data() -> MasterData:
    data = MasterData(DEFAULTS)
    for change in MASTERS:
        data.apply(change)
    return data


@pytest.fixture
def decode(catalog, master_data):
    def decode_lines(*lines: bytes | dict[str, object]) -> tuple[list, list, list[DeadLetter]]:
        data = b"\n".join(line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines)
        record = Record(data, arrived_at=NOW, shard_id="shardId-0", sequence_number="495")
        envelopes, messages, letters = decode_record(record, catalog, master_data)
        return [named(rows.ENVELOPE, e) for e in envelopes], [named(rows.MESSAGE, m) for m in messages], letters

    return decode_lines


def named(kind: object, row: Row) -> dict[str, object]:
    return dict(zip(kind.get_field_names(), row, strict=True))  # type: ignore[attr-defined]


def test_a_message_leaves_decoded_and_enriched(decode) -> None:
    _, (message,), letters = decode(AM319)
    assert letters == []
    assert (message["product"], message["domain"], message["device_id"]) == (
        AM319["product"],
        "telemetry",
        AM319["device"],
    )
    assert message["measurements"]["temperature"] == 30.8
    assert message["attributes"] == {"activity": "trigger"}
    assert (message["customer_id"], message["site_id"], message["firmware"]) == ("c1", "s1", "1.7")
    assert (message["limits"], message["quality"]) == ({"temperature_max": 40.0}, [])
    assert (message["event_time"], message["received_at"]) == (NOW - 50, NOW - 50)


def test_the_same_bytes_give_the_same_message(decode) -> None:
    (_, first, _), (_, again, _) = decode(AM319), decode({**AM319, "protocol": "file"})
    assert first == again


def test_the_envelopes_firmware_goes_before_the_registered_one(decode) -> None:
    assert decode({**AM319, "firmware": "2.0"})[1][0]["firmware"] == "2.0"


def test_an_unregistered_device_is_stored_with_a_warning(decode) -> None:
    _, (message,), letters = decode({**AM319, "device": "stranger"})
    assert letters == []
    assert message["quality"] == ["unregistered_device"]
    assert (message["customer_id"], message["site_id"]) == (None, None)


def test_a_payload_may_hold_several_messages(decode) -> None:
    (envelope,), messages, _ = decode(COLDROOM)
    assert envelope["num_messages"] == 2
    assert [message["measurements"]["temperature"] for message in messages] == [-18.5, -18.4]
    assert len({message["message_id"] for message in messages}) == 2


def test_the_raw_line_is_kept_as_it_came(decode) -> None:
    line = b'{"device":  "d1", '
    (envelope,), messages, (letter,) = decode(line)
    assert (envelope["envelope"], envelope["num_messages"], messages) == (line, 0, [])
    assert (letter.raw, letter.reason, letter.line) == (line, "bad_envelope", 0)


def test_a_dead_letter_names_spec_field_and_byte(decode) -> None:
    _, _, (letter,) = decode({**AM319, "payload": "036734010468"})
    assert (letter.reason, letter.product, letter.spec_version) == ("truncated", "milesight-am319", 1)
    assert (letter.field, letter.byte_offset) == ("humidity", 6)


def test_senders_cannot_make_partitions(decode) -> None:
    (envelope,), _, (letter,) = decode({**AM319, "product": "nobodys"})
    assert (envelope["product"], letter.product, letter.reason) == ("unknown", "nobodys", "unknown_product")


def test_a_bad_line_takes_none_of_its_neighbours_along(decode) -> None:
    envelopes, messages, letters = decode(AM319, b"junk", {**AM319, "payload": "zz"}, b"", COLDROOM)
    assert [envelope["line"] for envelope in envelopes] == [0, 1, 2, 4]
    assert (len(messages), [letter.line for letter in letters]) == (3, [1, 2])


def test_a_fault_of_sluice_itself_is_a_dead_letter(catalog, decode, monkeypatch) -> None:
    monkeypatch.setattr(type(catalog), "decode", lambda *_: 1 / 0)
    (_,), messages, (letter,) = decode(AM319)
    assert (messages, letter.reason) == ([], "internal_error")
    assert letter.message == "ZeroDivisionError: division by zero"


def replayed(envelope: dict[str, object], reason: str = "truncated") -> bytes:
    replay = Replay(dead_letter_id="ab" * 16, first_seen=NOW - 9_000, attempt=1, reason=reason)
    return mark(msgspec.json.encode(envelope), replay)


def test_a_replay_that_decodes_now_gives_the_messages_and_resolves_its_letter(decode) -> None:
    (envelope,), messages, (letter,) = decode(replayed(AM319))
    assert messages == decode(AM319)[1]
    assert (letter.dead_letter_id, letter.state, letter.attempt) == ("ab" * 16, "resolved", 2)
    assert (envelope["num_messages"], envelope["envelope"]) == (1, replayed(AM319))


def test_a_replay_that_fails_again_keeps_its_letter_and_the_original_bytes(decode) -> None:
    cut = {**AM319, "payload": "036734010468"}
    _, messages, (letter,) = decode(replayed(cut, reason="bad_value"))
    assert (messages, letter.dead_letter_id, letter.first_seen) == ([], "ab" * 16, NOW - 9_000)
    assert (letter.state, letter.attempt, letter.reason) == ("open", 2, "truncated")
    assert letter.raw == msgspec.json.encode(cut)


def test_a_marker_of_another_hand_is_a_bad_envelope_with_a_letter_of_its_own(decode) -> None:
    line = {**AM319, "replay": {"dead_letter_id": "ab" * 16, "first_seen": "then", "attempt": 1, "reason": "bad_hex"}}
    (envelope,), messages, (letter,) = decode(line)
    assert (messages, letter.reason, letter.field) == ([], "bad_envelope", "replay.first_seen")
    assert (letter.dead_letter_id != "ab" * 16, letter.attempt, letter.product) == (True, 1, None)
    assert letter.raw == envelope["envelope"] == msgspec.json.encode(line)


LINES = st.lists(
    st.sampled_from([AM319, COLDROOM, {**AM319, "payload": "00"}, {**AM319, "product": "x"}]).map(msgspec.json.encode)
    | st.sampled_from([AM319, {**AM319, "payload": "00"}]).map(replayed)
    | st.binary(max_size=30).filter(lambda line: b"\n" not in line)
)


@given(lines=LINES)
@settings(deadline=None)
def test_each_line_becomes_messages_or_one_open_dead_letter(catalog, master_data, lines: list[bytes]) -> None:
    record = Record(b"\n".join(lines), arrived_at=NOW, shard_id="s", sequence_number="1")
    envelopes, messages, letters = decode_record(record, catalog, master_data)
    decoded = [named(rows.ENVELOPE, row)["num_messages"] for row in envelopes]
    assert len(envelopes) == sum(bool(line.strip()) for line in lines)
    assert sum(decoded) == len(messages)
    assert decoded.count(0) == sum(letter.state == "open" for letter in letters)


def test_usable_is_what_has_a_site_and_no_warning(decode) -> None:
    stranger = {**AM319, "device": "stranger"}
    envelopes, _, _ = decode(AM319, stranger, {**COLDROOM, "device": AM319["device"]}, b"junk")
    assert [(row["num_received"], row["num_messages"], row["num_usable"]) for row in envelopes] == [
        (1, 1, 1),
        (1, 1, 0),
        (2, 2, 2),
        (1, 0, 0),
    ]


def test_a_replayed_line_was_received_before(decode) -> None:
    place = Replay(dead_letter_id="a" * 32, attempt=2, first_seen=NOW - 1000, reason="unknown_key")
    replayed = [mark(msgspec.json.encode(line), place) for line in (AM319, {**COLDROOM, "device": AM319["device"]})]
    envelopes, _, _ = decode(*replayed)
    assert [(row["num_received"], row["num_usable"]) for row in envelopes] == [(0, 1), (1, 2)]
