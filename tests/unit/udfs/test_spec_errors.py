"""Every bad spec under tests/data/specs with its message: file, line, column, path and suggestion."""

import pickle

import pytest
from probe import DOMAIN, ROOT, decoder_of

from udfs.catalog import compile_catalog
from udfs.errors import SpecErrors

BAD_SPECS = ROOT / "tests/data/specs"
EXPECTED = {
    "a_list": [
        "1:1: expected a mapping, got a list",
    ],
    "alias": [
        "7:6: aliases are not part of the spec language: write the value out",
    ],
    "contradictions": [
        "9:33: layout.fields[0].enum: enum of type u8 needs whole numbers as keys",
        "10:33: layout.fields[1].else: `else` needs an `enum`",
        "11:55: layout.fields[2].on_violation: only numbers can clamp: use reject or warn",
        "12:45: layout.fields[3].scale: scale 0 would make every reading the same",
        "13:52: layout.fields[4].on_violation: `on_violation` needs a check: `range`, `enum`, `pattern`, `max_step` …",
    ],
    "empty": [
        "1:1: the file is empty: it needs a mapping",
    ],
    "example_without_outcome": [
        "7:12: examples[0]: an example has either `expect` (the readings) or `error` (the reason code)",
    ],
    "expression_asks_for_no_field": [
        "10:15: layout.parts[1].repeat: an expression asks for `cuont`, which is no field, did you mean `count`?",
        "12:18: layout.parts[1].fields[0].name: an expression asks for `idx`, which is no field, did you mean `index`?",
        "14:13: checks[0].check: an expression asks for `leevl_0`, which is no field",
    ],
    "format_of_another_layout": [
        "6:9: layout: this layout reads format hex, not json",
    ],
    "key_is_no_hex": [
        "9:13: layout.keys[0].key: key `03zz` is no hex in lower case",
    ],
    "misspelt_and_missing_key": [
        "2:1: unknown key `titel`, did you mean `title`?",
        "1:1: missing key `title`",
    ],
    "name_in_capitals": [
        "9:14: layout.fields[0].name: expected a text matching regex '^[a-z{][a-z0-9_{}]*$'",
    ],
    "other_file_name": [
        "1:10: product: `prober` stands in the file probe.yaml: both names must be the same",
    ],
    "repeated_key": [
        "6:1: key `title` stands here twice",
    ],
    "scaled_text": [
        "9:47: layout.fields[0].scale: `scale` needs a number, this field is an attribute",
    ],
    "several_faults": [
        "9:34: layout.fields[0].unit: unknown unit `Celsius`, did you mean `Cel`?",
        '10:7: layout.fields[1]: a measurement needs a `unit` (UCUM code, "1" for a pure number)',
        "11:46: layout.fields[2].range: the range is empty: write [lowest, highest]",
    ],
    "syntax": [
        "7:1: no YAML: expected ',' or ']', but got '<stream end>'",
    ],
    "time_field_is_a_number": [
        "6:21: event_time.field: field `x` is no timestamp: give it one of unix_s, unix_ms, datetime, iso8601",
    ],
    "unit_of_another_domain_measurement": [
        "9:44: layout.fields[0].unit: unit `V`, but the domain has temperature in `Cel`, which measures something else",
    ],
    "unknown_domain": [
        "4:9: domain: no domain `telemetri` in specs/domains, did you mean `telemetry`?",
    ],
    "unknown_key": [
        "11:7: layout.fields[0]: unknown key `scal`, did you mean `scale`?",
    ],
    "unknown_layout": [
        "7:9: layout.kind: unknown kind `lenght`, did you mean `length`?",
    ],
    "unknown_reason": [
        "7:35: examples[0].error: unknown reason code `truncatd`, did you mean `truncated`?",
    ],
    "unknown_time_field": [
        "6:21: event_time.field: no field `tme` in the layout, did you mean `time`?",
    ],
    "unknown_type": [
        "9:23: layout.fields[0].type: unknown type `u17`, did you mean `u16`?",
    ],
    "version_is_text": [
        "3:10: version: expected a whole number, got a text",
    ],
}


def errors_of(text: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        compile_catalog({"domains/telemetry.yaml": DOMAIN, "products/probe.yaml": text})
    return [str(error).removeprefix("products/probe.yaml:") for error in caught.value.errors]


def test_every_bad_spec_has_its_message_here() -> None:
    assert sorted(path.name.removesuffix(".bad.yaml") for path in BAD_SPECS.iterdir()) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bad_spec_is_refused_with_line_column_and_path(name: str) -> None:
    assert errors_of((BAD_SPECS / f"{name}.bad.yaml").read_text()) == EXPECTED[name]


def test_the_faults_of_all_files_come_together() -> None:
    bad = (BAD_SPECS / "unknown_key.bad.yaml").read_text()
    texts = {"domains/telemetry.yaml": "domain: telemetry", "products/a.yaml": bad, "products/b.yaml": "product: b\n"}
    with pytest.raises(SpecErrors) as caught:
        compile_catalog(texts)
    assert [(error.file, error.line) for error in caught.value.errors[:3]] == [
        ("domains/telemetry.yaml", 1),
        ("products/a.yaml", 11),
        ("products/b.yaml", 1),
    ]
    assert len(str(caught.value).splitlines()) == len(caught.value.errors)


def test_domains_are_checked_too() -> None:
    domain = "domain: telemetry\ntitle: T\nmeasurements: [{name: a, unit: Celsius}, {name: b, unit: Cel}]\n"
    twice = "domain: telemetry\ntitle: T\nmeasurements: [{name: a, unit: V}, {name: b, also: [a], unit: V}]\n"
    for text, message in ((domain, "unknown unit `Celsius`"), (twice, "the name `a` is taken by a")):
        with pytest.raises(SpecErrors, match=message):
            compile_catalog({"domains/telemetry.yaml": text})


def test_spec_errors_survive_the_way_between_processes() -> None:
    with pytest.raises(SpecErrors) as caught:
        compile_catalog({"domains/telemetry.yaml": "domain: telemetry"})
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert str(copy) == str(caught.value) == "domains/telemetry.yaml:1:1: missing key `title`"


def test_scalars_follow_yaml_1_2_and_texts_stay_as_written() -> None:
    text = """
product: probe
title: no
version: 0x10
domain: telemetry
format: hex
layout: {kind: key_value, keys: [{key: 0367, fields: [{name: x, type: u8, enum: {1: yes}, else: no}]}]}
examples: [{payload: 036701, expect: {x: yes}}]
"""
    catalog = compile_catalog({"domains/telemetry.yaml": DOMAIN, "products/probe.yaml": text})
    product = catalog.products["probe"]
    assert (product.title, product.version) == ("no", 16)
    assert decoder_of(product).decode("036701")[0].attributes == {"x": "yes"}
