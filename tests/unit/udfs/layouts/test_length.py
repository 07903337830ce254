"""Fixed offsets: every binary type forward and back, and payloads of the wrong size."""

import pytest
from probe import compile_probe, decoder_of
from reading import comes_back, readings

from udfs.errors import DecodeError, EncodeError, SpecError


@pytest.mark.parametrize(
    ("field", "payload", "value"),
    [
        ('type: u8, unit: "1"', "ff", 255),
        ('type: i8, unit: "1"', "ff", -1),
        ('type: u16, unit: "1"', "0102", 258),
        ('type: u16, unit: "1", byte_order: little', "0102", 513),
        ('type: i16, unit: "1", scale: 0.1', "ff9c", -10),
        ('type: u24, unit: "1"', "010203", 66051),
        ('type: u24, unit: "1", byte_order: little', "010203", 197121),
        ('type: i24, unit: "1", byte_order: little', "ffffff", -1),
        ('type: u32, unit: "1"', "ffffffff", 4294967295),
        ('type: i40, unit: "1"', "8000000000", -(1 << 39)),
        ('type: u64, unit: "1"', "0000000000000100", 256),
        ('type: i64, unit: "1", byte_order: little', "feffffffffffffff", -2),
        ("type: bool", "01", "true"),
        ("type: text, length: 4", "41420000", "AB"),
        ("type: u8, enum: {0: idle, 0x10: busy}", "10", "busy"),
        ("type: u8, enum: {1: trigger}, else: idle", "00", "idle"),
        ("type: unix_s", "65538080", "2023-11-14T14:13:20Z"),
        ("type: unix_ms", "0000018bcfe56807", "2023-11-14T22:13:20.007Z"),
        ("type: unix_s, byte_order: little", "80805365", "2023-11-14T14:13:20Z"),
        ('bits: "0[6:4]", unit: "1"', "50", 5),
        ('bits: "0[3:0]", type: signed, unit: "1"', "0f", -1),
        ('bits: "0[7]", type: bool', "80", "true"),
        ('bits: "1 0[7:4]", unit: "1"', "a0bc", 0xBCA),
    ],
)
def test_types_are_read_and_written(field: str, payload: str, value: float | str) -> None:
    product = compile_probe(f"kind: length\nfields: [{{name: x, {field}}}]")
    (row,) = decoder_of(product).decode(payload)
    assert row.readings() == {"x": value}
    assert product.encode([{"x": value}]) == payload


def test_fields_follow_one_another_may_overlap_and_leave_gaps() -> None:
    product = compile_probe(
        """
        kind: length
        size: 6
        fields:
          - {name: a, type: u8, unit: "1"}
          - {name: b, type: u16, unit: "1"}
          - {name: c, at: 4, type: u8, unit: "1"}
          - {name: whole, at: 0, type: u24, unit: "1"}
        """
    )
    (row,) = decoder_of(product).decode("01020300ff00")
    assert list(row.measurements.items()) == [("a", 1), ("b", 0x0203), ("c", 255), ("whole", 0x010203)]


@pytest.mark.parametrize(
    ("trailing", "payload", "reason", "offset"),
    [("reject", "01", "truncated", 1), ("reject", "010203", "too_long", 2), ("ignore", "", "truncated", 0)],
)
def test_a_payload_of_another_size_is_refused(trailing: str, payload: str, reason: str, offset: int) -> None:
    product = compile_probe(f'kind: length\ntrailing: {trailing}\nfields: [{{name: x, type: u16, unit: "1"}}]')
    with pytest.raises(DecodeError) as caught:
        decoder_of(product).decode(payload)
    assert (caught.value.reason, caught.value.byte_offset) == (reason, offset)


def test_bytes_behind_the_last_field_may_pass_with_a_warning() -> None:
    product = compile_probe('kind: length\ntrailing: warn\nfields: [{name: x, type: u8, unit: "1"}]')
    (row,) = decoder_of(product).decode("01aabb")
    assert row.quality == ["trailing_bytes: 2 bytes at offset 1 (aabb)"]


@pytest.mark.parametrize(
    ("field", "payload", "message"),
    [
        ("type: text, length: 2", "41ff", "x: 41ff is no text"),
        ("type: text, length: 2", "4101", "x: control character 0x01"),
        ("type: unix_ms", "ffffffffffffffff", "outside the years 1970 to 9999"),
    ],
)
def test_a_bad_value_names_field_and_offset(field: str, payload: str, message: str) -> None:
    product = compile_probe(f"kind: length\nfields: [{{name: pad, type: u8, enum: {{0: z}}}}, {{name: x, {field}}}]")
    with pytest.raises(DecodeError, match=message) as caught:
        decoder_of(product).decode("00" + payload)
    assert (caught.value.reason, caught.value.field, caught.value.byte_offset) == ("bad_value", "x", 1)


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ({}, "x: the reading is missing"),
        ({"x": 256}, "x: the raw value 256 does not fit 8 bits"),
        ({"x": -1}, "x: the raw value -1 does not fit 8 bits"),
        ({"x": "12"}, "x: expected a number, got '12'"),
        ({"x": float("nan")}, "x: expected a number, got nan"),
    ],
)
def test_readings_that_do_not_fit_are_refused(readings: dict[str, float], message: str) -> None:
    product = compile_probe('kind: length\nfields: [{name: x, type: u8, unit: "1"}]')
    with pytest.raises(EncodeError, match=message):
        product.encode([readings])


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ('fields: [{name: x, unit: "1"}]', "missing key `type`"),
        ("fields: [{name: x, type: ip, length: 5}]", "an ip has length 4 or 16"),
        ("fields: [{name: x, type: bcd, unit: '1'}]", "a bcd in bytes needs its `length`"),
        ("fields: [{name: x, type: datetime}]", "type datetime needs its `format`"),
        ('fields: [{name: x, type: u8, unit: "1", length: 2}]', "type u8 has its own length"),
        ('fields: [{name: x, bits: "0[7:0]", at: 1, unit: "1"}]', "`bits` says where the value stands"),
        ('fields: [{name: x, bits: "0[1:7]", unit: "1"}]', "runs backwards"),
        ('fields: [{name: x, bits: "0", type: u8, unit: "1"}]', "a bit slice has type unsigned"),
        ('size: 1\nfields: [{name: x, type: u16, unit: "1"}]', "the items take 2 bytes, the size is 1"),
        ("fields: [{name: x, type: bool}, {name: x, type: bool}]", "field name `x` is taken already"),
    ],
)
def test_a_field_that_cannot_stand_in_bytes_is_a_spec_error(layout: str, message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("[", r"\[")):
        compile_probe(f"kind: length\n{layout}")


class TestEpoch:
    LAYOUT = "kind: length\nfields: [{name: seen, type: unix_s, epoch: %s}]"

    def test_seconds_may_count_from_another_year(self) -> None:
        product = compile_probe(self.LAYOUT % "2013-01-01")
        assert readings(product, "00000001") == [{"seen": "2013-01-01T00:00:01Z"}]
        assert comes_back(product, "00000001")

    def test_is_a_time(self) -> None:
        with pytest.raises(SpecError, match="`GPS` is no ISO 8601 time such as 2000-01-01"):
            compile_probe(self.LAYOUT % "GPS")
