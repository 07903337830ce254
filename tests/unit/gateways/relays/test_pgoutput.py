"""pgoutput → row changes: messages as PostgreSQL 18 sends them, and any other bytes."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.relays.dms import Commit
from gateways.relays.pgoutput import PgoutputError, read_messages, transaction_end

AT = datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=UTC)
MICROSECONDS = 820_915_200_123_456  # since 2000
LSN = 0x16B3748


def cells(*values: str | None) -> bytes:
    parts = (
        b"n" if value is None else b"t" + struct.pack(">i", len(value.encode())) + value.encode() for value in values
    )
    return struct.pack(">h", len(values)) + b"".join(parts)


BEGIN = b"B" + struct.pack(">qqi", LSN, MICROSECONDS, 740)
COMMIT = b"C\0" + struct.pack(">qqq", LSN, LSN + 48, MICROSECONDS)
TABLE = struct.pack(">i", 16_385)
RELATION = (
    b"R"
    + TABLE
    + b"crm\0customers\0d"
    + struct.pack(">h", 2)
    + b"\x01id\0"
    + struct.pack(">ii", 23, -1)
    + b"\x00name\0"
    + struct.pack(">ii", 25, -1)
)
INSERT = b"I" + TABLE + b"N" + cells("7", "Blue")
UPDATE = b"U" + TABLE + b"N" + cells("7", None)
NEW_KEY = b"U" + TABLE + b"K" + cells("7", None) + b"N" + cells("8", "Blue")
DELETE = b"D" + TABLE + b"K" + cells("8", None)
TRUNCATE = b"T" + struct.pack(">i", 1) + b"\0" + TABLE


def test_a_transaction_gives_its_changes_with_their_places() -> None:
    rows = list(read_messages([BEGIN, RELATION, INSERT, UPDATE, NEW_KEY, DELETE, TRUNCATE, COMMIT]))
    assert [(row.operation, row.before, row.after, row.place) for row in rows] == [
        ("insert", None, {"id": "7", "name": "Blue"}, 1),
        ("update", None, {"id": "7", "name": None}, 2),
        ("update", {"id": "7"}, {"id": "8", "name": "Blue"}, 3),
        ("delete", {"id": "8"}, None, 4),
        ("truncate", None, None, 5),
    ]
    assert {(row.schema, row.table, row.commit) for row in rows} == {("crm", "customers", Commit(LSN, "0/16B3748", AT))}
    assert transaction_end(COMMIT) == LSN + 48


def test_a_value_that_was_not_logged_is_named_with_its_mend() -> None:
    toast = b"U" + TABLE + b"N" + struct.pack(">h", 2) + b"t\0\0\0\x017" + b"u"
    with pytest.raises(PgoutputError, match=r"`name` is stored out of line and was not logged.*REPLICA IDENTITY FULL"):
        list(read_messages([BEGIN, RELATION, toast]))


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (INSERT[:-2], "expected 4 bytes more, the message has 2"),
        (b"I" + struct.pack(">i", 9) + b"N" + cells("1"), "a change of table 9, which no message has described"),
        (b"I" + TABLE + b"N" + cells("1"), "expected 2 columns, got 1"),
        (b"I" + TABLE + b"X", "expected a row, got `X`"),
        (b"D" + TABLE, "a change of crm.customers without a row"),
        (b"I" + TABLE + b"N" + cells("1", "ab").replace(b"ab", b"\xff\xfe"), "not UTF-8 text"),
    ],
)
def test_a_broken_message_says_where(message: bytes, told: str) -> None:
    with pytest.raises(PgoutputError, match=told):
        list(read_messages([BEGIN, RELATION, message]))


@given(st.lists(st.sampled_from([BEGIN, RELATION, INSERT, UPDATE, NEW_KEY, DELETE, TRUNCATE]), max_size=6), st.data())
def test_nothing_but_its_own_error_is_raised(messages: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, max(len(messages) - 1, 0)))
    damage = data.draw(st.binary(max_size=12))
    damaged = [m[: len(m) // 2] + damage + m[len(m) // 2 :] if n == at else m for n, m in enumerate(messages)]
    try:
        list(read_messages([*damaged, *([damage] if damage else [])]))
    except PgoutputError as error:
        assert error.offset >= 0  # noqa: PT017
