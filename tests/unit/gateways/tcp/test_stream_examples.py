"""The examples of the sections `stream`, run through a session at once and byte by byte."""

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateways.tcp.examples import StreamResult, run_stream_examples
from udfs.catalog import compile_catalog, read_specs
from udfs.model import StreamExample

SPECS = Path(__file__).parents[4] / "specs"
CATALOG = compile_catalog(read_specs(SPECS))
RESULTS = [result for product in CATALOG.products.values() for result in run_stream_examples(product)]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.product}: {result.title}")
def test_the_specs_keep_their_stream_examples(result: StreamResult) -> None:
    assert result.differences == ()


@pytest.mark.parametrize("name", ["concox-gt06", "teltonika-8e", "meitrack-aaa", "suntech-st300", "dsmr-p1"])
def test_products_that_come_over_tcp_have_some(name: str) -> None:
    assert any(result.product == name for result in RESULTS)


def test_the_reference_pages_recipe_keeps_its_own() -> None:
    (recipe,) = re.findall(r"```yaml\n((?:(?!```).)*\nstream:.*?)```", (SPECS / "README.md").read_text(), re.DOTALL)
    head = "product: probe\ntitle: Probe\nversion: 1\ndomain: telemetry\n"
    texts = {file: text for file, text in read_specs(SPECS).items() if file.startswith("domains/")}
    catalog = compile_catalog(texts | {"products/probe.yaml": head + recipe})
    (result,) = run_stream_examples(catalog.products["probe"])
    assert result.differences == ()


def test_a_difference_names_what_was_expected() -> None:
    product = CATALOG.products["teltonika-8e"]
    assert product.document.stream is not None
    example = StreamExample(sent="000f333536333037303432343431303133", payloads=["00"], device="1", replies=["00"])
    stream = msgspec.structs.replace(product.document.stream, examples=[example])
    document = msgspec.structs.replace(product.document, stream=stream)
    (result,) = run_stream_examples(replace(product, document=document))
    assert [(found.field, found.expected, found.got) for found in result.differences] == [
        ("device", "1", "356307042441013"),
        ("payloads", "['00']", "[]"),
        ("replies", "['00']", "['01']"),
    ]
