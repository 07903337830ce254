"""Names that hold another value, such as `io_{key}` or `spot_{index}`."""

import pytest
from probe import compile_probe
from reading import comes_back, readings, refusal

from udfs.errors import SpecError
from udfs.named_by_value import MAX_NAMES, names_in, values_in
from udfs.product import ProductSpec


def channel(selector: str) -> ProductSpec:
    return compile_probe(f"""
kind: length
fields:
  - {{name: channel, type: u8, hidden: true, {selector}}}
  - {{name: "level_{{channel}}", type: u8, unit: "%"}}
""")


def test_a_name_holds_values() -> None:
    assert names_in("region_{region}_{index}") == ["region", "index"]
    assert values_in("region_{region}_{index}", "region_a_12") == {"region": "a", "index": 12}
    assert values_in("region_{region}", "zone_1") is None


def test_a_value_of_a_small_range_gives_columns_beforehand() -> None:
    product = channel("range: [1, 3]")
    assert [column.name for column in product.columns] == ["level_1", "level_2", "level_3"]
    assert readings(product, "0232") == [{"level_2": 50}]


def test_labels_give_columns_too() -> None:
    product = channel("enum: {1: inlet, 2: outlet}")
    assert [column.name for column in product.columns] == ["level_inlet", "level_outlet"]
    assert readings(product, "0232") == [{"level_outlet": 50}]


def test_any_other_value_is_found_in_the_messages_map_alone() -> None:
    product = channel("default: 0")
    assert product.columns == ()
    assert readings(product, "c832") == [{"level_200": 50}]


def test_what_cannot_be_part_of_a_name_is_refused() -> None:
    product = compile_probe("""
kind: hybrid
parts: [{name: tag, type: text, until: ",", hidden: true}, {name: "v_{tag}", type: decimal, unit: "1"}]
""")
    assert readings(product, "ab,5") == [{"v_ab": 5}]
    assert refusal(product, "A-b,5")[0] == "bad_value"
    assert refusal(product, f"{'a' * 41},5")[0] == "bad_value"


def test_payloads_cannot_fill_the_memory_with_names() -> None:
    product = compile_probe("""
kind: length
fields: [{name: n, type: u16, hidden: true}, {name: "v_{n}", type: bool}]
""")
    for number in range(MAX_NAMES + 10):
        readings(product, f"{number:04x}01")
    assert readings(product, "000001") == [{"v_0": "true"}]


def test_the_value_in_a_name_is_written_back() -> None:
    product = compile_probe("""
kind: key_value
keys:
  - key: "10"
    fields: [{name: channel, type: u8, hidden: true, range: [1, 3]}, {name: "level_{channel}", type: u8, unit: "%"}]
""")
    assert readings(product, "100105100206") == [{"level_1": 5, "level_2": 6}]
    assert comes_back(product, "100105100206")


@pytest.mark.parametrize("name", ["io_{", "io_}", "io_{}"])
def test_braces_without_a_name_are_a_spec_error(name: str) -> None:
    with pytest.raises(SpecError):
        compile_probe(f'kind: length\nfields: [{{name: "{name}", type: bool}}]')
