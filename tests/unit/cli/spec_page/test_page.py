"""The page of every product, and what a page says of a spec."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli.spec_page.page import index_html, page_html, prose, spec_page
from jobs.views import column_name
from udfs.catalog import compile_catalog, read_specs
from udfs.compiler import compile_domain
from udfs.model import DomainDocument

TEXTS = read_specs(Path(__file__).parents[4] / "specs")
CATALOG = compile_catalog(TEXTS)
VOID = {"meta", "br", "wbr", "link", "img"}
DOMAIN = """\
domain: telemetry
title: Telemetry
measurements: [{name: battery_voltage, unit: V, range: [0, 60]}]
"""
PROBE = """\
product: probe
title: "{title}"
source: "{source}"
version: 3
domain: telemetry
format: hex
event_time: {{field: time, on_future: clamp}}
layout:
  kind: length
  fields:
    - {{name: time, type: unix_s}}
    - {{name: battery_voltage, type: u16, scale: 10, offset: -5, unit: mV, absent: {{65535: broken}}}}
    - {{name: level, bits: "6[7:4]", unit: "%", range: [0, 100], on_violation: clamp, doc: "{doc}"}}
    - {{name: firmware, bits: "6[3:0]", enum: {{1: old, 2: new}}}}
computed: [{{name: double, compute: level * 2, unit: "%"}}]
checks: [{{check: level < 99, message: too much, on_violation: warn}}]
examples:
  - title: fine
    payload: "6553f100017251"
    expect: {{time: "2023-11-14T22:13:20Z", battery_voltage: 3.695, level: 5, firmware: old, double: 10}}
  - {{title: another label, payload: "6553f10001725f", error: not_allowed, at: 6}}
  - {{title: cut off, payload: "6553", error: truncated, at: 2}}
"""


class Page(HTMLParser):
    """The texts of a page by tag; an end tag that does not fit is a failure."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data if self.open[-1] == "code" else f" {data}"


def domains() -> dict[str, DomainDocument]:
    found = [compile_domain(file, text) for file, text in TEXTS.items() if file.startswith("domains/")]
    return {domain.domain: domain for domain in found}


def probe(title: str = "Probe", source: str = "manual", doc: str = "how full") -> str:
    text = PROBE.format(title=title, source=source, doc=doc)
    spec = compile_catalog({"domains/telemetry.yaml": DOMAIN, "products/probe.yaml": text}).products["probe"]
    return page_html(spec_page(spec, {"telemetry": compile_domain("domains/telemetry.yaml", DOMAIN)}))


@pytest.mark.parametrize("product", CATALOG.products)
class TestEveryProduct:
    def test_is_whole_and_needs_nothing_beside_it(self, product: str) -> None:
        page = Page(page_html(spec_page(CATALOG.products[product], domains())))
        assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))

    def test_holds_every_column_and_every_example(self, product: str) -> None:
        spec = CATALOG.products[product]
        html = page_html(spec_page(spec, domains()))
        page = Page(html)
        for column in spec.columns:
            assert f"<code>{column_name(column.name)}</code>" in html
        assert sum(tag == "article" for tag, _ in page.tags) == len(spec.document.examples)
        for example in spec.document.examples:
            assert " ".join(example.title.split()) in page.text

    def test_is_the_same_each_time(self, product: str) -> None:
        first, second = (page_html(spec_page(CATALOG.products[product], domains())) for _ in range(2))
        assert first == second


class TestPage:
    def test_takes_what_a_spec_says_for_text(self) -> None:
        html = probe("<script>alert(1)</script>", "javascript:alert(1)", "`<b>` & <i>")
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)" in html
        assert 'href="javascript' not in html
        assert "<code>&lt;b&gt;</code> &amp; &lt;i&gt;" in html

    def test_links_a_source_that_is_an_address(self) -> None:
        assert '<a href="https://example.org/a?b=1">https://example.org/a?b=1</a>, page 3' in probe(
            source="https://example.org/a?b=1, page 3"
        )

    def test_says_how_a_raw_value_becomes_a_reading(self) -> None:
        text = Page(probe()).text.replace("\xa0", " ")
        assert "bytes 4–5" in text
        assert "raw × 10 − 5" in text
        assert "mV → V" in text
        assert "65535 broken" in text
        assert "0 to 60 V, the domain's range else kept with a warning" in text

    def test_says_the_contract_of_a_field(self) -> None:
        text = Page(probe()).text
        assert "0 to 100 % else clamped to the bound" in text
        assert "one of the labels else refused" in text
        assert "level < 99 kept with a warning too much" in text

    def test_names_the_column_of_a_field_that_a_message_has_already(self) -> None:
        assert "<code>reported_firmware</code>" in probe()

    def test_says_when_a_message_happened(self) -> None:
        text = Page(probe()).text
        assert "more than 300 s after receipt the time of receipt takes its place" in text
        assert "more than 30 days before receipt kept with a warning" in text


class TestExample:
    def test_shows_bytes_with_what_they_are_and_what_they_give(self) -> None:
        html = probe()
        assert '<td colspan="2" class="f h1" title="">battery_<wbr>voltage<small>3.695 V</small></td>' in html
        assert "battery_voltage 3.695 V" in Page(html).text

    def test_marks_the_byte_at_fault_or_the_end(self) -> None:
        html = probe()
        assert '<td class="mono fault">5f</td>' in html
        assert '<td class="mono fault">end</td>' in html
        assert "refused: not_allowed at byte 6 in firmware — firmware 15 is none of 1, 2" in Page(html).text

    def test_marks_a_fault_in_a_text(self) -> None:
        html = page_html(spec_page(CATALOG.products["coldroom-logger"], domains()))
        assert 'Time;<span class="fault">T</span>emprature;' in html


def test_the_index_leads_to_every_page() -> None:
    page = Page(index_html(list(CATALOG.products.values())))
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == [f"{product}.html" for product in CATALOG.products]


def test_prose_has_code_and_links() -> None:
    assert prose("`$$`, see https://example.org/a.") == (
        '<code>$$</code>, see <a href="https://example.org/a">https://example.org/a</a>.'
    )
