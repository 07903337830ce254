"""Keys in any order: strict on what nobody knows, exact on where it stands."""

import pytest
from probe import compile_probe, decoder_of

from udfs.errors import DecodeError, EncodeError, SpecError
from udfs.product import ProductSpec

LAYOUT = """
    kind: key_value
    byte_order: little
    trailing: {}
    keys:
      - key: "0367"
        fields: [{{name: temperature, type: i16, scale: 0.1, unit: Cel, range: [-40, 85]}}]
      - key: "0877"
        fields:
          - {{name: rainfall, type: u16, scale: 0.01, unit: mm}}
          - {{name: rainfall_counter, type: u8, unit: "1"}}
"""


def compile_weather(trailing: str = "reject") -> ProductSpec:
    return compile_probe(LAYOUT.format(trailing))


@pytest.mark.parametrize(
    ("payload", "readings"),
    [
        ("03673401", {"temperature": 30.8}),
        ("0877640005", {"rainfall": 1, "rainfall_counter": 5}),
        ("087764000503679cff", {"rainfall": 1, "rainfall_counter": 5, "temperature": -10}),
        ("0367010003670200", {"temperature": 0.2}),
    ],
)
def test_keys_come_in_any_order_and_the_last_one_counts(payload: str, readings: dict[str, float]) -> None:
    (row,) = decoder_of(compile_weather()).decode(payload)
    assert row.readings() == readings


def test_encoding_writes_the_keys_of_the_readings_in_the_specs_order() -> None:
    product = compile_weather()
    assert product.encode([{"rainfall_counter": 5, "rainfall": 1, "temperature": 30.8}]) == "036734010877640005"
    assert product.encode([{"temperature": 30.84}]) == "03673401"


@pytest.mark.parametrize(
    ("payload", "reason", "field", "offset"),
    [
        ("", "truncated", "", 0),
        ("0367340199010468", "unknown_key", "", 4),
        ("036734", "truncated", "temperature", 3),
        ("0877640", "bad_hex", "", 3),
        ("08776400", "truncated", "rainfall_counter", 4),
        ("0367340108", "truncated", "", 4),
        ("08776400050367ff7f", "out_of_range", "temperature", 7),
    ],
)
def test_a_fault_has_reason_field_and_offset(payload: str, reason: str, field: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder_of(compile_weather()).decode(payload)
    assert (caught.value.reason, caught.value.field, caught.value.byte_offset) == (reason, field, offset)


def test_half_a_key_at_the_end_may_pass_with_a_warning() -> None:
    (row,) = decoder_of(compile_weather("warn")).decode("0367340108")
    assert row.measurements == {"temperature": 30.8}
    assert row.quality == ["trailing_bytes: 1 byte at offset 4 (08)"]
    assert decoder_of(compile_weather("ignore")).decode("0367340108")[0].quality == []


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ({"humidity": 1.0}, "humidity: no field holds this reading"),
        ({"rainfall": 1.0}, "rainfall_counter: the reading is missing"),
        ({}, "at least one reading"),
    ],
)
def test_readings_without_a_key_are_refused(readings: dict[str, float], message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        compile_weather().encode([readings])


@pytest.mark.parametrize(
    ("second", "message"),
    [("0367", r"key `0367` stands at keys\[0\] already"), ("03", "key `03` has another length than `0367`")],
)
def test_keys_are_of_one_length_and_stand_once(second: str, message: str) -> None:
    field = "fields: [{name: a, type: bool}]"
    with pytest.raises(SpecError, match=message):
        compile_probe(f'kind: key_value\nkeys:\n  - {{key: "0367", {field}}}\n  - {{key: "{second}", {field}}}')


def test_a_repeat_in_a_value_is_written_once() -> None:
    product = compile_probe("""
    kind: key_value
    keys:
      - key: "13"
        fields:
          - {name: reference, type: u8, unit: Cel}
          - {repeat: 3, fields: [{name: "spot_{index}", type: u8, unit: Cel}]}
""")
    (row,) = decoder_of(product).decode("1314010203")
    assert row.readings() == {"reference": 20, "spot_0": 1, "spot_1": 2, "spot_2": 3}
    assert product.encode([row.readings()]) == "1314010203"


def test_a_number_in_a_name_is_not_taken_for_a_longer_name() -> None:
    product = compile_probe("""
    kind: key_value
    keys:
      - key: "10"
        fields:
          - {name: region, type: u8, hidden: true, range: [1, 4]}
          - {name: "region_{region}_dwell", type: u8, unit: s}
      - key: "1e"
        fields:
          - {name: region, type: u8, hidden: true, range: [1, 4]}
          - {name: "region_{region}_child_dwell", type: u8, unit: s}
""")
    (row,) = decoder_of(product).decode("1002051e0206")
    assert row.readings() == {"region_2_dwell": 5, "region_2_child_dwell": 6}
    assert product.encode([row.readings()]) == "1002051e0206"
