"""JSON: paths, arrays of messages, and the byte at which a value is wrong."""

import pytest
from probe import compile_probe, decoder_of

from udfs.errors import DecodeError, SpecError
from udfs.json_position import locate

FLAT = """
    kind: json
    fields:
      - {name: temperature, path: "data[0].t", type: decimal, unit: Cel, range: [-40, 85], required: true}
      - {name: battery, path: meta.battery, type: decimal, scale: 0.001, unit: V}
      - {name: state, path: meta.state, type: text, enum: {on: running, off: stopped}}
      - {name: door, path: door, type: bool}
      - {name: time, path: at, type: iso8601}
"""
EACH = """
    kind: json
    each: readings
    fields:
      - {name: temperature, path: $, type: decimal, unit: Cel}
"""


def test_paths_lead_through_objects_and_arrays_and_back() -> None:
    product = compile_probe(FLAT)
    payload = '{"data":[{"t":21.5}],"meta":{"battery":3601,"state":"on"},"door":false,"at":"2026-01-05T08:00:00Z"}'
    (row,) = decoder_of(product).decode(payload)
    assert row.readings() == {
        "temperature": 21.5,
        "battery": 3.601,
        "state": "running",
        "door": "false",
        "time": "2026-01-05T08:00:00Z",
    }
    assert product.encode([row.readings()]) == payload


def test_missing_and_null_values_are_absent() -> None:
    (row,) = decoder_of(compile_probe(FLAT)).decode('{"data":[{"t":1}],"meta":null,"door":null,"other":[]}')
    assert row.readings() == {"temperature": 1}


def test_each_element_of_an_array_is_a_message() -> None:
    product = compile_probe(EACH)
    rows = decoder_of(product).decode('{"readings":[1,2.5]}')
    assert [row.measurements for row in rows] == [{"temperature": 1}, {"temperature": 2.5}]
    assert product.encode([{"temperature": 1}, {"temperature": 2.5}]) == '{"readings":[1,2.5]}'


@pytest.mark.parametrize(
    ("payload", "reason", "field", "offset"),
    [
        ("", "bad_json", "", 0),
        ('{"data":[', "bad_json", "", 9),
        ('{"data":[{"t":NaN}]}', "bad_json", "", 14),
        ("[" * 100_000, "bad_json", "", None),
        ("[]", "bad_value", "data[0].t", 0),
        ('{"data":{"t":1}}', "bad_value", "data[0].t", 8),
        ('{"data":[]}', "missing_field", "data[0].t", 8),
        ('{"a":"ü","data":[{"t":"x"}]}', "bad_value", "data[0].t", 23),
        ('{"data":[{"t":true}]}', "bad_value", "data[0].t", 14),
        ('{"data":[{"t":1e999}]}', "bad_json", "", 20),
        ('{"data":[{"t":99}]}', "out_of_range", "data[0].t", 14),
        ('{"data":[{"t":1}],"door":1}', "bad_value", "door", 25),
        ('{"data":[{"t":1}],"meta":{"state":"idle"}}', "not_allowed", "meta.state", 34),
        ('{"data":[{"t":1}],"at":"soon"}', "bad_value", "at", 23),
    ],
)
def test_a_fault_has_reason_path_and_offset(payload: str, reason: str, field: str, offset: int | None) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder_of(compile_probe(FLAT)).decode(payload)
    error = caught.value
    assert (error.reason, error.field) == (reason, field)
    if reason != "bad_json":
        assert error.byte_offset == offset


@pytest.mark.parametrize("payload", ['{"readings":[]}', '{"readings":{}}', "{}"])
def test_an_array_without_elements_is_refused_since_nothing_may_vanish(payload: str) -> None:
    with pytest.raises(DecodeError, match="readings is no array with at least one element"):
        decoder_of(compile_probe(EACH)).decode(payload)


@pytest.mark.parametrize("path", ["a..b", ".a", "a[x]", "a[1", "a]"])
def test_what_is_no_path_is_a_spec_error(path: str) -> None:
    with pytest.raises(SpecError, match="is no path: write for example"):
        compile_probe(f'kind: json\nfields: [{{name: x, path: "{path}", type: text}}]')


@pytest.mark.parametrize(
    ("text", "path", "index"),
    [
        ('{"a": {"b": [10, 20]}}', ("a", "b", 1), 17),
        ('{"a": {"b": [10, 20]}}', ("a", "b", 2), 12),
        (' {"x\\"y": 1 , "z": [ ]}', ("z",), 19),
        ("[[1],[2]]", (1, 0), 6),
        ("{", ("a",), 0),
    ],
)
def test_positions_point_to_the_value_or_the_deepest_container(text: str, path: tuple[str | int], index: int) -> None:
    assert locate(text, path) == index
