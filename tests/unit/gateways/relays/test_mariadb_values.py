"""Values of MariaDB as texts: as DMS writes them, whether a SELECT gave them or the binlog."""

import struct
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.constants import FIELD_TYPE
from pymysqlreplication.column import Column
from pymysqlreplication.constants import FIELD_TYPE as LOGGED_TYPE
from pymysqlreplication.constants import NONE_SOURCE

from gateways.relays.mariadb_values import LOADED, loaded_texts, logged_texts, selection, single, text

BINARY, TEXT = {"character_set_name": "binary"}, {"character_set_name": "utf8"}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        ("", ""),
        ("Grün", "Grün"),
        (18_446_744_073_709_551_615, "18446744073709551615"),
        (-3, "-3"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (Decimal("0E-10"), "0.0000000000"),
        (Decimal("-12.50"), "-12.50"),
        (b"", "0x"),
        (b"\x00\xff", "0x00ff"),
        (date(2026, 1, 5), "2026-01-05"),
        (datetime(2026, 1, 5, 8), "2026-01-05T08:00:00Z"),  # noqa: DTZ001
        (datetime(2026, 1, 5, 8, 0, 0, 500_000), "2026-01-05T08:00:00.500000Z"),  # noqa: DTZ001
        (timedelta(hours=838, minutes=59, seconds=59), "838:59:59"),
        (-timedelta(seconds=1, microseconds=250_000), "-00:00:01.250000"),
        (timedelta(0), "00:00:00"),
    ],
)
def test_a_value_has_the_text_of_its_type(value: Any, written: str | None) -> None:
    assert text(value) == written


@pytest.mark.parametrize(
    ("column", "value", "written"),
    [
        ({"type": LOGGED_TYPE.FLOAT}, 1.100000023841858, "1.1"),
        ({"type": LOGGED_TYPE.DOUBLE}, 1.100000023841858, "1.100000023841858"),
        ({"type": LOGGED_TYPE.STRING, "max_length": 4, **BINARY}, b"\x01\x02", "0x01020000"),
        ({"type": LOGGED_TYPE.STRING, "max_length": 4, **BINARY}, "", "0x00000000"),
        ({"type": LOGGED_TYPE.STRING, "max_length": 20, **TEXT}, "ab", "ab"),
        ({"type": LOGGED_TYPE.VARCHAR, **BINARY}, b"\x01\x02", "0x0102"),
        ({"type": LOGGED_TYPE.BLOB, **BINARY}, "", "0x"),
        ({"type": LOGGED_TYPE.BLOB, **TEXT}, "", ""),
        ({"type": LOGGED_TYPE.TIME2}, timedelta(seconds=1, microseconds=250_000), "00:00:01.250000"),
        ({"type": LOGGED_TYPE.TIME2}, -timedelta(seconds=1, microseconds=750_000), "-00:00:01.250000"),
        ({"type": LOGGED_TYPE.TIME2}, -timedelta(seconds=1), "-00:00:01"),
        ({"type": LOGGED_TYPE.ENUM}, "blau", "blau"),
        ({"type": LOGGED_TYPE.SET, "set_values": ["x", "y", "z"]}, {"z", "x"}, "x,z"),
        ({"type": LOGGED_TYPE.BIT}, "1000000001", "513"),
        ({"type": LOGGED_TYPE.YEAR}, 2026, "2026"),
        ({"type": LOGGED_TYPE.YEAR}, 1900, "0"),
        ({"type": LOGGED_TYPE.TIMESTAMP2}, datetime(2026, 1, 5, 8), "2026-01-05T08:00:00Z"),  # noqa: DTZ001
        ({"type": LOGGED_TYPE.TIMESTAMP2}, datetime(1970, 1, 1), None),  # noqa: DTZ001
        ({"type": LOGGED_TYPE.TIMESTAMP2}, datetime(1901, 12, 13, 20, 45, 52), "2038-01-19T03:14:08Z"),  # noqa: DTZ001
    ],
)
def test_a_logged_value_has_the_text_of_its_column(column: dict[str, Any], value: Any, written: str | None) -> None:
    assert logged_texts([Column(name="it", **column)], {"it": value}, {}) == {"it": written}


def test_an_empty_set_is_no_null() -> None:
    column = Column(name="it", type=LOGGED_TYPE.SET, set_values=["x"])
    assert logged_texts([column], {"it": None}, {"it": NONE_SOURCE.EMPTY_SET}) == {"it": ""}
    assert logged_texts([column], {"it": None}, {"it": NONE_SOURCE.NULL}) == {"it": None}


@pytest.mark.parametrize(
    ("kind", "raw", "written"),
    [
        (FIELD_TYPE.BIT, b"\x02\x01", "513"),
        (FIELD_TYPE.YEAR, "0000", "0"),
        (FIELD_TYPE.DATETIME, "2026-01-05 08:00:00.5", "2026-01-05T08:00:00.500000Z"),
        (FIELD_TYPE.DATETIME, "2026-00-00 00:00:00", None),
        (FIELD_TYPE.TIMESTAMP, "0000-00-00 00:00:00", None),
        (FIELD_TYPE.DATE, "2026-01-00", None),
        (FIELD_TYPE.TIME, "-12:34:56.250", "-12:34:56.250000"),
        (FIELD_TYPE.NEWDECIMAL, "-0.0001", "-0.0001"),
    ],
)
def test_a_loaded_value_has_the_same_text(kind: int, raw: Any, written: str | None) -> None:
    assert text(LOADED[kind](raw)) == written


def test_a_float_is_selected_with_all_of_its_digits() -> None:
    types = {"id": "int(11)", "a`b": "float unsigned", "double": "double"}
    assert selection("crm", "t", types) == "SELECT `id`, CAST(`a``b` AS DOUBLE), `double` FROM `crm`.`t`"
    assert loaded_texts(types, [1, 1.100000023841858, None]) == {"id": "1", "a`b": "1.1", "double": None}


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_shortened_float_is_stored_as_the_same(value: float) -> None:
    assert struct.pack("<f", single(value)) == struct.pack("<f", value)
