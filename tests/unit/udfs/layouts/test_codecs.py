"""Values in bytes that are no whole number, each type both ways."""

import pytest
from probe import compile_probe
from reading import comes_back, messages, readings, refusal

from udfs.errors import EncodeError, SpecError
from udfs.product import ProductSpec


def value(said: str) -> ProductSpec:
    return compile_probe(f"kind: length\nfields: [{{name: a, {said}}}]")


@pytest.mark.parametrize(
    ("said", "payload", "reading"),
    [
        ("type: f16, unit: Cel", "4d00", 20),
        ("type: f32, unit: Cel", "41ac0000", 21.5),
        ("type: f32, byte_order: little, unit: Cel", "0000ac41", 21.5),
        ("type: f64, unit: Cel", "4035800000000000", 21.5),
        ("type: text, length: 4", "61620000", "ab"),
        ("type: text, length: 2, encoding: utf-8", "c3a9", "é"),
        ("type: bytes, length: 3", "00abff", "00abff"),
        ("type: digits, length: 8, digits: 15", "0123456789012345", "123456789012345"),
        ("type: bcd, length: 2, unit: '1'", "1234", 1234),
        ("type: bcd, length: 2, byte_order: little, unit: '1'", "3412", 1234),
        ("type: bcd, length: 2, scale: 0.1, unit: Cel", "0215", 21.5),
        ("type: mac", "00112233aabb", "00:11:22:33:aa:bb"),
        ("type: ip, length: 4", "0a000001", "10.0.0.1"),
        ("type: ip, length: 16", "00" * 15 + "01", "::1"),
        ('type: template, template: "v{0[7:4]}.{0[3:0]}", length: 1', "12", "v1.2"),
        ('type: template, template: "{0:02x}-{1:d}", length: 2', "0afe", "0a-254"),
        ("type: sign_magnitude, bits: 0 1, scale: 0.1, unit: Cel", "8064", -10),
        ("type: unix_s", "69558e80", "2025-12-31T20:58:40Z"),
        ("type: unix_ms", "0000019b76a7d800", "2025-12-31T23:04:29.952Z"),
        ("type: datetime, format: YYMMDDhhmmss, coding: text", "323531323331323335393538", "2025-12-31T23:59:58Z"),
        ("type: datetime, format: YYMMDDhhmmss, coding: bcd", "251231235958", "2025-12-31T23:59:58Z"),
        ("type: datetime, format: YYMMDDhhmm, coding: binary", "190c1f173b", "2025-12-31T23:59:00Z"),
        ('type: datetime, format: YYMMDDhhmm, coding: bcd, zone: "+01:00"', "2512310059", "2025-12-30T23:59:00Z"),
    ],
)
def test_each_type_is_read_and_written_back(said: str, payload: str, reading: float | str) -> None:
    product = value(said)
    assert readings(product, payload) == [{"a": reading}]
    assert comes_back(product, payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ("type: f32, unit: Cel", "7fc00000"),
        ("type: f32, unit: Cel", "7f800000"),
        ("type: text, length: 1", "ff"),
        ("type: text, length: 1", "07"),
        ("type: digits, length: 1", "1a"),
        ("type: bcd, length: 1, unit: '1'", "1a"),
        ("type: datetime, format: YYMMDD, coding: bcd", "251399"),
        ("type: datetime, format: YYMMDD, coding: binary", "190d01"),
    ],
)
def test_bytes_that_are_no_value_of_the_type_are_refused(said: str, payload: str) -> None:
    assert refusal(value(said), payload) == ("bad_value", "a", 0)


def test_nan_may_mean_that_there_is_no_reading() -> None:
    product = value('type: f32, unit: Cel, absent: ["nan"]')
    assert readings(product, "7fc00000") == [{}]
    assert readings(product, "41ac0000") == [{"a": 21.5}]


def test_an_absent_value_may_be_named_by_its_bytes() -> None:
    product = value("type: bytes, length: 2, absent: {ffff: no tag}")
    (message,) = messages(product, "ffff")
    assert message.attributes == {"a_status": "no tag"}
    assert comes_back(product, "ffff")


@pytest.mark.parametrize(
    ("said", "reading", "message"),
    [
        ("type: text, length: 2", "abc", "more than 2 bytes"),
        ("type: text, length: 2", "é", "ascii"),
        ("type: bytes, length: 2", "ab", "gives 1 bytes, not 2"),
        ("type: digits, length: 2", "12345", "more than 4 digits"),
        ("type: digits, length: 2", "1x", "is not of digits"),
        ("type: bcd, length: 1, unit: '1'", 100, "does not fit 2 digits"),
        ("type: mac", "00:11", "gives 2 bytes, not 6"),
        ("type: ip, length: 4", "::1", "gives 16 bytes, not 4"),
        ("type: f16, unit: '1'", 1e9, "too large"),
        ('type: template, template: "v{0}", length: 1', "v256", "does not fit v{0}"),
    ],
)
def test_readings_that_the_bytes_cannot_hold_are_refused(said: str, reading: float | str, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        value(said).encode([{"a": reading}])


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("type: bcd", "a bcd in bytes needs its `length`"),
        ("type: ip, length: 5", "an ip has length 4 or 16"),
        ("type: template, length: 1", "type template needs its `template`"),
        ('type: template, length: 1, template: "{3}"', "byte 3 is beyond the 1 of the field"),
        ("type: datetime", "type datetime needs its `format`"),
        ("type: datetime, format: YYMMDDSSS, coding: bcd", "two-digit parts"),
    ],
)
def test_types_that_miss_something_are_spec_errors(said: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        value(said)
