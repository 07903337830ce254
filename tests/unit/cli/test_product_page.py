"""A product's page: well-formed, escaped, and complete."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cli.layout_boxes import Box, layout_box
from cli.main import app
from cli.product_page import product_page
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.product import ProductSpec

ROOT = Path(__file__).parents[3]
VOID = {"meta", "br", "link"}
CATALOG: Catalog = compile_catalog(read_specs(ROOT / "specs"))
HEAD = "product: probe\ntitle: Probe\nversion: 1\ndomain: telemetry\nformat: hex\n"
DOMAIN = "domain: telemetry\ntitle: Telemetry\n"


class Page(HTMLParser):
    """The texts and links of a page; an end tag that does not fit is a failure."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.classes: list[tuple[str, str]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in ("href", "src")]
        self.classes += [(tag, str(value)) for name, value in attrs if name == "class"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def compile_one(text: str) -> ProductSpec:
    texts = {"domains/telemetry.yaml": DOMAIN, "products/probe.yaml": HEAD + text}
    return compile_catalog(texts).products["probe"]


def box_of(text: str) -> Box:
    spec = compile_one(text + "\nexamples: [{payload: '', error: truncated}]")
    (route,) = spec.routes
    return layout_box(spec.document.layout, route.decoder)


@pytest.mark.parametrize("product", CATALOG.products)
def test_every_product_has_a_page_that_is_whole(product: str) -> None:
    spec = CATALOG.products[product]
    html = product_page(spec)
    page = Page(html)
    assert html == product_page(spec)
    fields = {text for text in page.texts if text}
    assert {column.name for column in spec.columns if "_" not in column.name} <= fields
    assert all(any(example.title in text for text in page.texts) for example in spec.document.examples)
    assert not any("//" in link for link in page.links if not link.startswith("https://")), "no foreign resource"


def test_what_a_spec_says_is_text_and_no_markup() -> None:
    spec = CATALOG.products["talkpool-oy1700"]
    document = msgspec.structs.replace(spec.document, doc="<script>alert(1)</script>")
    html = product_page(replace(spec, document=document))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


class TestByteMap:
    def test_shows_bytes_bits_and_gaps(self) -> None:
        box = box_of("""\
layout:
  kind: length
  fields:
    - {name: level, type: u16, unit: "%"}
    - {name: mode, bits: "2[6:4]", unit: "1"}
    - {name: wide, bits: "2[1:0] 3", unit: "1"}""")
        rows = box.boxes[0].rows
        assert [row.byte for row in rows] == [0, 1, 2, 3]
        assert [(cell.name, cell.span, cell.height) for cell in rows[0].cells] == [("level", 8, 2)]
        assert rows[1].cells == []
        assert [(cell.name, cell.bits) for cell in rows[2].cells] == [
            ("", "7"),
            ("mode", "6:4"),
            ("", "3:2"),
            ("wide", "1:0"),
        ]
        assert [(cell.name, cell.span) for cell in rows[3].cells] == [("wide", 8)]

    def test_of_whole_bytes_is_a_strip_with_the_gaps(self) -> None:
        box = box_of('layout: {kind: length, fields: [{name: a, type: u16, unit: "1"}, {name: b, at: 4, type: bool}]}')
        assert box.boxes[0].stretches == [("0–1", "a", 0), ("2–3", "", -1), ("4", "b", 1)]

    def test_stands_in_the_box_of_its_key_case_or_element(self) -> None:
        box = box_of("""\
layout:
  kind: hybrid
  parts:
    - literal: aa
    - {name: kind, type: u8, hidden: true}
    - switch: kind
      cases:
        1: [{name: level, type: u8, unit: "%"}]
        2: [{repeat: 2, own_message: true, fields: [{name: level, type: u8, unit: "%"}]}]
    - {checksum: sum8}""")
        literal, values, switch, checksum = box.boxes
        assert [literal.title, switch.title, checksum.title] == ["aa", "kind", "sum8"]
        assert values.stretches == [("1", "kind", 0)]
        one, two = switch.boxes
        assert (one.title, one.boxes[0].stretches) == ("1", [("2", "level", 0)])
        assert (two.boxes[0].title, two.boxes[0].note) == ("2 times", "a message of its own")


class TestExamples:
    def test_mark_the_byte_at_which_a_payload_is_refused(self) -> None:
        page = Page(product_page(CATALOG.products["milesight-am319"]))
        assert any("fault" in name for _, name in page.classes)
        assert "refused" in page.texts


class TestCommand:
    def doc(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["--specs", str(ROOT / "specs"), "spec", "doc", *arguments])
        return result.exit_code, result.output

    def test_writes_a_page_for_each_product_and_an_index(self, tmp_path: Path) -> None:
        assert self.doc("--out", str(tmp_path))[0] == 0
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"index.html", *(f"{product}.html" for product in CATALOG.products)}
        assert set(Page((tmp_path / "index.html").read_text()).links) == names - {"index.html"}

    def test_writes_one_page(self, tmp_path: Path) -> None:
        assert self.doc("dsmr-p1", "--out", str(tmp_path)) == (0, f"{tmp_path}/dsmr-p1.html  1 product\n")
        assert [path.name for path in tmp_path.iterdir()] == ["dsmr-p1.html"]

    def test_knows_no_other_product(self, tmp_path: Path) -> None:
        code, output = self.doc("dsmr-p2", "--out", str(tmp_path))
        assert (code, "did you mean `dsmr-p1`?" in output) == (1, True)
