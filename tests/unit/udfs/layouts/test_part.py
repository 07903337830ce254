"""Values whose end only reading tells: up to a separator, of a length read before, or all there is."""

import pytest
from probe import compile_probe
from reading import comes_back, messages, readings, refusal

from udfs.errors import EncodeError, SpecError
from udfs.product import ProductSpec


def text(parts: str, more: str = "") -> ProductSpec:
    return compile_probe(f"kind: hybrid\n{more}parts: {parts}")


def binary(parts: str) -> ProductSpec:
    return compile_probe(f"kind: hybrid\nparts: {parts}", payload_format="hex")


def test_each_value_ends_at_its_separator_or_at_the_frames() -> None:
    product = text(
        "[{name: a, type: text, until: '#'}, {name: b, type: text}, {name: c, type: text}]", "separator: ','\n"
    )
    assert readings(product, "x,y#1,2") == [{"a": "x,y", "b": "1", "c": "2"}]
    assert comes_back(product, "x,y#1,2")
    assert refusal(product, "x,y") == ("bad_separator", "a", 0)


def test_an_empty_text_is_no_reading() -> None:
    product = text("[{name: a, type: decimal, unit: '1', until: ','}, {name: b, type: text}]")
    assert readings(product, ",z") == [{"b": "z"}]
    assert comes_back(product, ",z")


def test_characters_of_a_stated_length_keep_leading_zeros() -> None:
    product = text("[{name: a, type: decimal, length: 3, unit: '1'}, {name: b, type: hex, length: 2, unit: '1'}]")
    assert readings(product, "0070F") == [{"a": 7, "b": 15}]
    assert comes_back(product, "0070F")
    assert refusal(product, "0070") == ("truncated", "b", 4)
    with pytest.raises(EncodeError, match="has not 3 characters"):
        product.encode([{"a": 1234, "b": 0}])


def test_a_length_may_be_read_before() -> None:
    product = binary("[{name: n, type: u8, hidden: true}, {name: a, type: text, length: n}, {name: b, type: bool}]")
    assert readings(product, "0261" + "6201") == [{"a": "ab", "b": "true"}]
    assert refusal(product, "0561") == ("truncated", "a", 2)


def test_in_bytes_the_last_text_takes_all_there_is() -> None:
    product = binary("[{name: a, type: bool}, {name: b, type: text, encoding: utf-8}]")
    assert readings(product, "01c3a9") == [{"a": "true", "b": "é"}]
    assert comes_back(product, "01c3a9")
    assert refusal(product, "01c3") == ("bad_value", "b", 1)


def test_what_is_no_value_of_the_type_may_be_a_warning() -> None:
    field = "{name: a, type: decimal, unit: '1', until: ',', on_violation: {type: warn}}"
    (message,) = messages(text(f"[{field}, {{name: b, type: text}}]"), "x,y")
    assert (message.measurements, message.attributes) == ({}, {"b": "y"})
    assert message.quality == ["bad_value: a: 'x' is no decimal number"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("{name: a, type: text, at: 3, until: ','}", "`at` and `bits` are for values of fixed length"),
        ("{name: a, type: bcd}", "a bcd in bytes needs its `length`"),
    ],
)
def test_parts_that_cannot_be_read_are_spec_errors(part: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        binary(f"[{part}]")


def test_a_reading_that_holds_the_separator_is_refused() -> None:
    with pytest.raises(EncodeError, match="holds the separator ','"):
        text("[{name: a, type: text, until: ','}]").encode([{"a": "x,y"}])
