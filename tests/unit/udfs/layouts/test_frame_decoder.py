"""Whole payloads of bytes: their size, what is left over, where each value stands, and which message goes where."""

import pytest
from probe import compile_probe, decoder_of
from reading import messages, readings, refusal

from udfs.errors import DecodeError, EncodeError
from udfs.layouts.frame import Span

TWO = 'fields: [{name: a, type: u8, unit: "1"}, {name: b, bits: "1[3:0]", unit: "1"}]'


def test_a_payload_may_be_longer_than_its_fields() -> None:
    product = compile_probe(f"kind: length\nsize: 4\n{TWO}")
    assert readings(product, "0502ffff") == [{"a": 5, "b": 2}]
    assert product.encode([{"a": 5, "b": 2}]) == "05020000"
    assert refusal(product, "0502ff") == ("truncated", "", 3)


@pytest.mark.parametrize(
    ("trailing", "quality"), [("warn", ["trailing_bytes: 1 byte at offset 2 (aa)"]), ("ignore", [])]
)
def test_bytes_left_over_are_refused_unless_the_layout_says_otherwise(trailing: str, quality: list[str]) -> None:
    assert refusal(compile_probe(f"kind: length\n{TWO}"), "0502aa") == ("too_long", "", 2)
    (message,) = messages(compile_probe(f"kind: length\ntrailing: {trailing}\n{TWO}"), "0502aa")
    assert (message.measurements, message.quality) == ({"a": 5, "b": 2}, quality)


@pytest.mark.parametrize(
    ("payload", "refused"),
    [
        ("", ("truncated", "a", 0)),
        ("05", ("truncated", "b", 1)),
        ("0x", ("bad_hex", "", 0)),
        ("050", ("bad_hex", "", 1)),
    ],
)
def test_a_payload_that_is_too_short_or_no_hex_is_refused(payload: str, refused: tuple[str, str, int]) -> None:
    assert refusal(compile_probe(f"kind: length\n{TWO}"), payload) == refused


def test_bits_that_no_field_has_are_written_as_zeros() -> None:
    product = compile_probe(f"kind: length\n{TWO}")
    assert product.encode(readings(product, "05f2")) == "0502"


def test_the_bits_of_a_number_follow_one_another_in_either_order() -> None:
    three = 'fields: [{name: a, bits: 3, unit: "1"}, {name: b, bits: 7, unit: "1"}, {name: c, bits: 6, unit: "1"}]'
    product = compile_probe(f"kind: length\n{three}")
    assert readings(product, "b0c1") == [{"a": 0b101, "b": 0b1000011, "c": 1}]
    assert product.encode([{"a": 0b101, "b": 0b1000011, "c": 1}]) == "b0c1"
    product = compile_probe(f"kind: length\nbit_order: lsb\n{three}")
    assert readings(product, "0d06") == [{"a": 0b101, "b": 0b1000001, "c": 1}]
    assert product.encode([{"a": 0b101, "b": 0b1000001, "c": 1}]) == "0d06"


def test_a_frame_that_was_cut_off_is_read_as_if_its_ending_stood_there() -> None:
    product = compile_probe(r"""
kind: hybrid
completed_by: "\r\n"
parts: [{name: a, type: decimal, unit: "1", until: "\r\n"}]
""")
    assert readings(product, "5") == readings(product, "5\r\n") == [{"a": 5}]
    assert decoder_of(product).canonical("5") == "5\r\n"


def test_a_fault_in_the_ending_that_was_added_is_one_at_the_payloads_end() -> None:
    product = compile_probe(r"""
kind: hybrid
completed_by: "\r\n"
parts: [{name: a, type: decimal, unit: "1", until: "\r\n"}, {literal: "!"}]
""")
    assert refusal(product, "5") == ("truncated", "", 1)


def test_explaining_names_every_part_of_a_payload() -> None:
    product = compile_probe(
        """
kind: hybrid
parts:
  - literal: aa
  - prefix: u8
    fields: [{name: level, type: u8, unit: "%", doc: How full.}, {name: door, bits: "1[7]", type: bool}]
  - checksum: sum8
""",
        payload_format="hex",
    )
    spans: list[Span] = []
    decoder_of(product).explain("aa0232805e", spans)
    assert [(span.start, span.end, span.bits, span.what, span.name, span.value, span.unit) for span in spans] == [
        (0, 1, None, "literal", "", None, ""),
        (1, 2, None, "size", "", 2, ""),
        (2, 3, None, "field", "level", 50, "%"),
        (3, 4, "0[7]", "field", "door", "true", ""),
        (4, 5, None, "checksum", "sum8", "5e", ""),
    ]


def test_explaining_tells_what_was_read_before_a_refusal() -> None:
    product = compile_probe(
        "kind: hybrid\nparts: [{name: level, type: u8, unit: '%'}, {literal: aa}]", payload_format="hex"
    )
    spans: list[Span] = []
    with pytest.raises(DecodeError, match="expected aa, got ab"):
        decoder_of(product).explain("32ab", spans)
    assert [span.name for span in spans] == ["level"]


def test_hidden_values_are_read_for_expressions_and_written_from_what_tells_them() -> None:
    product = compile_probe("""
kind: length
fields:
  - {name: version, type: u8, hidden: true, equals: "3"}
  - {name: spare, type: u8, hidden: true, default: 7}
  - {name: kind, type: u8, hidden: true, enum: {4: full, 5: short}}
  - {name: a, type: u8, unit: "1"}
""")
    assert readings(product, "03000509") == [{"a": 9}]
    assert product.encode([{"a": 9}]) == "03070409"
    assert refusal(product, "04070409") == ("not_allowed", "version", 0)


class TestDomains:
    FIELDS = """
kind: length
fields:
  - {name: temperature, type: i8, unit: Cel, absent: [-128]}
  - {name: firmware_version, type: template, template: "{0}", length: 1, domain: device}
  - {name: button, type: bool, domain: event}
"""

    def test_a_value_goes_to_the_message_of_its_domain(self) -> None:
        found = messages(compile_probe(self.FIELDS), "050701")
        assert [(message.domain, {**message.measurements, **message.attributes}) for message in found] == [
            ("telemetry", {"temperature": 5}),
            ("device", {"firmware_version": "7"}),
            ("event", {"button": "true"}),
        ]
        assert len({message.message_id for message in found}) == 3

    def test_a_message_that_says_nothing_is_none(self) -> None:
        assert [message.domain for message in messages(compile_probe(self.FIELDS), "800701")] == ["device", "event"]

    def test_the_messages_of_one_record_are_written_as_one_payload(self) -> None:
        product = compile_probe(self.FIELDS)
        assert product.encode(readings(product, "050701")) == "050701"
        assert product.encode(readings(product, "800701")) == "800701"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"a": 1, "b": 2}, {"a": 1}], "a: this payload holds one message, and two have this reading"),
        ([{"a": 1, "c": 2}], "c: no field holds this reading"),
        ([{"a": 1}], "b: the reading is missing"),
        ([{"a": 256, "b": 0}], "a: the raw value 256 does not fit 8 bits"),
    ],
)
def test_readings_without_a_place_are_refused(rows: list[dict[str, float | str]], message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        compile_probe(f"kind: length\n{TWO}").encode(rows)
