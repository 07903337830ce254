"""A draft compiles, keeps its examples, and finds what an engineer would have written."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cli.drafting.product import DraftedProduct, draft_product, skeleton
from cli.drafting.samples import Sample, SampleError, read_samples
from udfs.catalog import compile_catalog, read_specs
from udfs.examples import run_examples
from udfs.model import Value
from udfs.product import ProductSpec
from udfs.walk import structs

ROOT = Path(__file__).parents[4]
TEXTS = read_specs(ROOT / "specs")
DOMAINS = {name: text for name, text in TEXTS.items() if name.startswith("domains/")}

SPEC = """\
product: probe
title: Probe
version: 1
domain: telemetry
format: hex
examples: [{{payload: "", error: truncated}}]
layout:
  kind: length
  byte_order: {order}
  fields:
{fields}"""


def draft(text: str, payload_format: str | None = None) -> DraftedProduct:
    found, samples = read_samples(text, payload_format)
    return draft_product("drafted", "Drafted", "telemetry", DOMAINS, found, samples)


def compiled(drafted: DraftedProduct) -> ProductSpec:
    return compile_catalog(DOMAINS | {"products/drafted.yaml": drafted.text}).products["drafted"]


def stated(spec: ProductSpec) -> dict[str, dict[str, Any]]:
    """What the draft says of each value of bytes, without unit and name."""
    keys = ("type", "bits", "scale", "offset", "absent", "enum")
    return {
        value.name: {key: getattr(value, key) for key in keys if getattr(value, key) not in (None, 0)}
        for value, _ in structs(spec.document)
        if isinstance(value, Value)
    }


@pytest.mark.parametrize("product", sorted(path.stem for path in (ROOT / "specs/products").glob("*.yaml")))
def test_from_the_examples_of_any_product_a_draft_keeps_its_own(product: str) -> None:
    drafted = draft(TEXTS[f"products/{product}.yaml"])
    results = run_examples(compiled(drafted))
    assert [result.differences for result in results] == [()] * len(results)


class TestBytes:
    def test_twelve_bits_scales_offsets_and_wide_numbers_are_found(self) -> None:
        drafted = draft(TEXTS["products/talkpool-oy1700.yaml"])
        assert drafted.unexplained == ()
        assert stated(compiled(drafted)) == {
            "temperature": {"bits": "0 2[7:4]", "scale": 0.1, "offset": -80.0},
            "relative_humidity": {"bits": "1 2[3:0]", "scale": 0.1, "offset": -25.0},
            "pm1_0": {"type": "u16"},
            "pm2_5": {"type": "u16"},
            "pm10": {"type": "u16"},
        }

    def test_keys_and_their_values_are_found(self) -> None:
        drafted = draft(TEXTS["products/milesight-am319.yaml"])
        assert drafted.unexplained == ()
        spec = compiled(drafted)
        assert [entry.key for entry in spec.document.layout.keys] == [
            "0175", "0367", "0468", "0500", "06cb", "077d", "087d", "0973", "0a7d", "0b7d", "0c7d", "0d7d", "0e01",
        ]  # fmt: skip
        found = stated(spec)
        assert found["temperature"] == {"type": "i16", "scale": 0.1}
        assert found["humidity"] == {"type": "u8", "scale": 0.5}
        assert found["o3"] == {"type": "u16", "scale": 0.01}
        assert found["activity"] == {"type": "u8", "enum": {"0": "idle", "1": "trigger"}}

    def test_what_nothing_explains_is_kept_as_it_is_and_told(self) -> None:
        drafted = draft(
            '- {payload: "0ac3", expect: {level: 10, mood: 4711}}\n- {payload: "14c4", expect: {level: 20}}'
        )
        assert drafted.unexplained == ("mood",)
        assert stated(compiled(drafted))["level"] == {"type": "u8"}
        assert "# what is it? seen: c3, c4" in drafted.text

    def test_a_raw_value_that_means_absent_is_found(self) -> None:
        drafted = draft(
            '- {payload: "0ac3", expect: {level: 10}}\n'
            '- {payload: "14c4", expect: {level: 20}}\n- {payload: ffc4, expect: {}}'
        )
        assert stated(compiled(drafted))["level"] == {"type": "u8", "absent": [255]}

    def test_without_meanings_bytes_stay_bytes(self) -> None:
        spec = compiled(draft("0102ff\n0103ff01\n"))
        assert [example.expect for example in spec.document.examples] == [
            {"raw_0": "0102ff"},
            {"raw_0": "0103ff", "rest": "01"},
        ]

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def test_fixed_places_are_found_whatever_they_are(self, data: st.DataObject) -> None:
        types = data.draw(st.lists(st.sampled_from(["u8", "i8", "u16", "i16", "u32"]), min_size=1, max_size=3))
        scales = [data.draw(st.sampled_from([1, 0.1, 0.5, 0.01])) for _ in types]
        order = data.draw(st.sampled_from(["big", "little"]))
        fields = "".join(
            f'    - {{name: value_{index}, type: {kind}, scale: {scale}, unit: "1"}}\n'
            for index, (kind, scale) in enumerate(zip(types, scales, strict=True))
        )
        text = SPEC.format(order=order, fields=fields)
        spec = compile_catalog(DOMAINS | {"products/probe.yaml": text}).products["probe"]
        size = sum(int(kind[1:]) // 8 for kind in types)
        payloads = data.draw(st.lists(st.binary(min_size=size, max_size=size), min_size=4, max_size=6, unique=True))
        (route,) = spec.routes
        samples = [Sample(each.hex(), dict(route.decoder.decode(each.hex())[0].measurements)) for each in payloads]
        values = [{sample.expect[name] for sample in samples if sample.expect} for name in samples[0].expect or {}]
        assume(all(len(different) > 2 for different in values))
        drafted = compiled(draft_product("drafted", "Drafted", "telemetry", DOMAINS, "hex", samples))
        (found,) = drafted.routes
        for sample in samples:
            got = found.decoder.decode(sample.payload)[0].measurements
            assert {name: got.get(name) for name in sample.expect or {}} == pytest.approx(sample.expect)


class TestDocuments:
    def test_elements_of_the_only_array_become_messages(self) -> None:
        spec = compiled(draft('{"gw": "g1", "rows": [{"t": 1700000000, "temp": {"value": 21.5}}]}'))
        layout = spec.document.layout
        assert (layout.each, [field.path for field in layout.fields]) == ("rows", ["t", "temp.value", "$.gw"])
        assert spec.document.event_time.field == "t"

    def test_names_are_the_domains_where_it_has_them(self) -> None:
        spec = compiled(draft('{"wind": {"speed": 2.5}, "windDirection": 90}'))
        assert [(column.name, column.unit) for column in spec.columns] == [
            ("wind_speed", "m/s"),
            ("wind_direction", "deg"),
        ]

    def test_cells_have_types_names_and_marks(self) -> None:
        text = 'Zeit;Temp. (°C);Tür\n14.11.2023 23:13;-3,5;"auf"\n14.11.2023 23:14;4,0;"zu"\n'
        spec = compiled(draft(text))
        layout = spec.document.layout
        assert (layout.delimiter, layout.decimal) == (";", ",")
        assert [(field.name, field.type) for field in layout.fields] == [
            ("zeit", "datetime"),
            ("temp_c", "decimal"),
            ("t_r", "text"),
        ]
        assert spec.document.examples[0].payload == text

    def test_a_file_without_header_has_numbered_columns(self) -> None:
        spec = compiled(draft("1700000000,a,3.5\n1700000060,b,4.5\n"))
        assert [field.name for field in spec.document.layout.fields] == ["column_1", "column_2", "column_3"]


class TestLines:
    def test_separators_and_the_checksum_are_found(self) -> None:
        spec = compiled(draft("$STAT,A7,-3.5,231114231320*48\n$STAT,A7,4.0,231114231330*66\n"))
        kinds = [type(part).__name__ for part in spec.document.layout.parts]
        assert kinds == ["LiteralItem", "Group", "LiteralItem", "Checksum"]
        assert spec.document.event_time.field == "value_4"

    def test_names_come_from_what_is_expected(self) -> None:
        spec = compiled(
            draft('- {payload: "a;1.5;x", expect: {level: 1.5}}\n- {payload: "b;2;x", expect: {level: 2}}', "text")
        )
        assert [part.name for part in spec.document.layout.parts] == ["value_1", "level", "value_3"]


class TestBadInput:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "there is no payload in it"),
            ('[{"payload": "00", "error": "truncated"}]', "every example of it is an error"),
            ('[{"payload": "00", "port": "x"}]', "expected a whole number, got a text"),
        ],
    )
    def test_is_told(self, text: str, message: str) -> None:
        with pytest.raises(SampleError, match=message):
            draft(text)


def test_the_skeleton_keeps_its_examples() -> None:
    results = run_examples(compiled(skeleton("drafted", "Drafted", "telemetry")))
    assert [result.differences for result in results] == [(), (), ()]
