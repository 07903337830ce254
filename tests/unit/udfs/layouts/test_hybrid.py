"""Frames of literals, lengths, separators, a counted length and a checksum."""

import pytest
from probe import compile_probe, decoder_of

from udfs.errors import DecodeError, EncodeError, SpecError

FRAME = r"""
    kind: hybrid
    completed_by: "\r\n"
    parts:
      - literal: "#"
      - prefix: decimal
        adjust: 1
        fields:
          - literal: ","
          - {name: serial, type: text, length: 3}
          - literal: ","
          - {name: note, type: text, until: ","}
          - separator: "|"
            until: "*"
            fields:
              - {name: temperature, type: decimal, decimals: 1, unit: Cel, range: [-40, 85]}
              - {name: inputs, type: hex, digits: 2, unit: "1"}
          - checksum: sum8
          - literal: "\r\n"
"""
GOOD = "#19,A01,ok,21.5|0F*6F\r\n"


def test_a_frame_is_read_part_by_part_and_written_back() -> None:
    product = compile_probe(FRAME)
    readings = {"serial": "A01", "note": "ok", "temperature": 21.5, "inputs": 15}
    payload = product.encode([readings])
    (row,) = decoder_of(product).decode(payload)
    assert row.readings() == readings
    assert payload == GOOD


def test_a_trailer_that_was_cut_off_still_counts() -> None:
    product = compile_probe(FRAME)
    assert decoder_of(product).decode(GOOD.removesuffix("\r\n")) == decoder_of(product).decode(GOOD)
    assert decoder_of(product).canonical(GOOD.removesuffix("\r\n")) == GOOD


def test_texts_beyond_ascii_count_in_bytes() -> None:
    product = compile_probe(FRAME)
    payload = product.encode([{"serial": "A01", "note": "kühl", "temperature": 2, "inputs": 0}])
    assert payload.startswith("#21,")
    assert decoder_of(product).decode(payload)[0].attributes == {"serial": "A01", "note": "kühl"}


@pytest.mark.parametrize(
    ("payload", "reason", "field", "offset"),
    [
        ("", "truncated", "", 0),
        ("x19,A01,ok,21.5|0F*6F\r\n", "bad_separator", "", 0),
        ("#,A01,ok,21.5|0F*6F\r\n", "truncated", "size", 1),
        ("#20,A01,ok,21.5|0F*6F\r\n", "bad_length", "size", 1),
        ("#19,A01;ok,21.5|0F*6F", "bad_separator", "", 7),
        ("#19,A01,ok;21.5|0F*6F", "bad_separator", "note", 8),
        ("#19,A01,ok,21,5|0F*6F", "bad_value", "temperature", 11),
        ("#19,A01,ok,99.5|0F*6F", "out_of_range", "temperature", 11),
        ("#19,A01,ok,21.5|0G*6F", "bad_value", "inputs", 16),
        ("#19,A01,ok,21.5|0F*00", "bad_checksum", "checksum", 19),
        ("#18,A01,ok,21.5|0F*6", "bad_checksum", "checksum", 19),
        ("#2,A0", "truncated", "serial", 5),
    ],
)
def test_a_fault_has_reason_field_and_offset(payload: str, reason: str, field: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder_of(compile_probe(FRAME)).decode(payload)
    assert (caught.value.reason, caught.value.field, caught.value.byte_offset) == (reason, field, offset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"note": "a,b"}, "note: 'a,b' holds the separator ','"),
        ({"serial": "A1"}, "serial: 'A1' has not 3 characters"),
        ({"inputs": -1}, "inputs: -1 is negative"),
    ],
)
def test_readings_that_would_break_the_frame_are_refused(changes: dict[str, object], message: str) -> None:
    readings = {"serial": "A01", "note": "ok", "temperature": 21.5, "inputs": 15, **changes}
    with pytest.raises(EncodeError, match=message):
        compile_probe(FRAME).encode([readings])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("[{checksum: sum9}]", "unknown checksum `sum9`, did you mean `sum8`?"),
        ("[{until: x}]", "an item has one of the keys switch, keys"),
        ("[{name: a, type: u16, until: x}]", "type u16 is binary, a text needs one of decimal"),
        ("[{name: a, type: text, until: x, pattern: '['}]", "no regular expression"),
        ("[{skip: true}]", "skip takes a number of bytes, `rest`, or true with `until`"),
    ],
)
def test_parts_that_cannot_be_read_are_spec_errors(parts: str, message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("?", r"\?")):
        compile_probe(f"kind: hybrid\nparts: {parts}")
