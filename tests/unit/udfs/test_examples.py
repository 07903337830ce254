"""The examples in the spec files, and those of the reference page, are run as tests."""

import re
from dataclasses import replace
from typing import get_args

import msgspec
import pytest
from probe import ROOT, compile_probe

from udfs.arithmetic import FUNCTIONS
from udfs.catalog import compile_catalog, read_specs
from udfs.checksums import CHECKSUMS
from udfs.document import read_document
from udfs.errors import REASONS
from udfs.examples import ExampleResult, run_examples
from udfs.model import ITEM_KEYS, Example, TypeName
from udfs.product import ProductSpec
from udfs.typed_document import read_typed

RESULTS = [
    result
    for product in compile_catalog(read_specs(ROOT / "specs")).products.values()
    for result in run_examples(product)
]
README = (ROOT / "specs/README.md").read_text()
README_BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
HEAD = "product: probe\ntitle: Probe\nversion: 1\ndomain: telemetry\n"


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.product}: {result.title}")
def test_the_specs_keep_their_examples(result: ExampleResult) -> None:
    assert result.differences == ()


@pytest.mark.parametrize("block", README_BLOCKS, ids=lambda block: re.search(r"title: (.*?)[,}\n]", block)[1])
def test_the_reference_pages_blocks_keep_their_examples(block: str) -> None:
    text = block if "product:" in block else HEAD + block
    name = re.search(r"^product: (\S+)", text, re.MULTILINE)[1]
    texts = {file: text for file, text in read_specs(ROOT / "specs").items() if file.startswith("domains/")}
    results = run_examples(compile_catalog(texts | {f"products/{name}.yaml": text}).products[name])
    assert results
    assert [result.differences for result in results] == [()] * len(results)


@pytest.mark.parametrize("word", [*CHECKSUMS, *REASONS, *FUNCTIONS, *get_args(TypeName), *ITEM_KEYS])
def test_the_reference_page_names_every_word_of_the_language(word: str) -> None:
    assert word in set(re.findall(r"[a-z0-9_]+", README))


def test_a_difference_names_field_expected_and_got() -> None:
    product = compile_probe(
        'kind: length\nfields: [{name: level, type: u8, unit: "%"}, {name: mode, type: u8, enum: {1: auto}}]'
    )
    example = _example('{payload: "0501", expect: {level: 6, extra: x}, quality: [warned]}')
    (result,) = run_examples(_with_example(product, example))
    assert [(diff.field, diff.expected, diff.got) for diff in result.differences] == [
        ("level", "6", "5"),
        ("extra", "x", "absent"),
        ("mode", "absent", "auto"),
        ("quality", "['warned']", "[]"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{payload: "05", error: truncated}', []),
        ('{payload: "05", error: too_long, at: 0}', ["error", "at"]),
        ('{payload: "0501", error: truncated}', ["error"]),
        ('{payload: "05", expect: {level: 5}}', ["error"]),
        ('{payload: "0501", expect: {level: 5, mode: auto}}', []),
        ('{payload: "0501", expect: {level: 5, mode: auto}, lossy: not at all}', ["lossy"]),
        ('{payload: "0501", expect: [{level: 5, mode: auto}, {}]}', ["messages"]),
    ],
)
def test_expected_errors_and_bytes_are_compared(text: str, expected: list[str]) -> None:
    layout = 'kind: length\nfields: [{name: level, type: u8, unit: "%"}, {name: mode, type: u8, enum: {1: auto}}]'
    (result,) = run_examples(_with_example(compile_probe(layout), _example(text)))
    assert [difference.field for difference in result.differences] == expected


def _example(text: str) -> Example:
    return read_typed(read_document("example", text), Example)


def _with_example(product: ProductSpec, example: Example) -> ProductSpec:
    return replace(product, document=msgspec.structs.replace(product.document, examples=[example]))


def test_what_cannot_be_written_back_is_lossy() -> None:
    product = compile_probe("""
    kind: json
    fields: [{name: gateway, path: gw, type: text}]
    messages: [{each: "nodes[*].events", fields: [{name: kind, path: k, type: text}]}]
    """)
    payload = '{payload: \'{"gw": "g", "nodes": [{"events": [{"k": "a"}]}]}\', expect: [{gateway: g}, {kind: a}]'
    (result,) = run_examples(_with_example(product, _example(payload + "}")))
    assert [difference.field for difference in result.differences] == ["encoded back"]
    (result,) = run_examples(_with_example(product, _example(payload + ", lossy: nested arrays}")))
    assert result.passed
