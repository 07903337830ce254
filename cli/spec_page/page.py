"""A product's page: its model made from the spec, and the HTML made from the model."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import jinja2
from markupsafe import Markup, escape

from cli.spec_page.boxes import Box, FieldPlace, draw_layout
from cli.spec_page.byte_map import Palette
from cli.spec_page.examples import ShownExample, shown_example
from cli.spec_page.fields import FieldRow, Unified, field_row
from jobs.views import column_name, view_name
from udfs.column import Column
from udfs.compiler import unified_measurements
from udfs.contract import TimePolicy
from udfs.examples import run_examples
from udfs.layouts.base import Decoder
from udfs.model import DomainDocument, Layout, LayoutSwitch, PayloadLayout
from udfs.product import ProductSpec

_PROSE = re.compile(r"`([^`]+)`|(https?://[^\s<>\"']+[^\s<>\"'.,;)])")
_DAY_S = 86400


@dataclass(frozen=True)
class LayoutSection:
    """A layout of the product: `conditions` say when a payload has it, empty where there is only one."""

    anchor: str
    conditions: str
    doc: str
    kind: str
    facts: tuple[str, ...]
    boxes: list[Box]
    fields: list[FieldRow]


@dataclass(frozen=True)
class View:
    """A typed view and its columns beside those of every message."""

    name: str
    domain: str
    columns: list[tuple[str, Column]]


@dataclass(frozen=True)
class SpecPage:
    """All that a page says of a product."""

    spec: ProductSpec
    layouts: list[LayoutSection]
    computed: list[FieldRow]
    views: list[View]
    times: list[tuple[str, str]]
    examples: list[ShownExample]


def spec_page(spec: ProductSpec, domains: Mapping[str, DomainDocument]) -> SpecPage:
    """The page of a product; `domains` are those that it may name."""
    palette = Palette()
    unified: Unified = {name: unified_measurements(domain) for name, domain in domains.items()}
    time = spec.document.event_time.field

    def row(place: FieldPlace) -> FieldRow:
        return field_row(place, spec, unified, palette)

    layouts = []
    for number, (layout, conditions, doc, decoder) in enumerate(_layouts(spec), 1):
        drawing = draw_layout(layout, decoder, palette)
        kind = str(type(layout).__struct_config__.tag)
        fields = [row(place) for place in drawing.fields]
        layouts.append(LayoutSection(f"layout-{number}", conditions, doc, kind, drawing.facts, drawing.boxes, fields))
    computed = [
        row(FieldPlace(stated, value.field, "computed"))
        for stated, value in zip(spec.document.computed, spec.computed, strict=True)
    ]
    examples = [shown_example(spec, result, palette) for result in run_examples(spec)]
    return SpecPage(spec, layouts, computed, list(_views(spec)), list(_times(spec.time_policy, time)), examples)


def page_html(page: SpecPage) -> str:
    """The HTML of a product's page, which needs nothing beside it."""
    return _environment().get_template("product.html.j2").render(page=page)


def index_html(specs: Sequence[ProductSpec]) -> str:
    """The HTML of the page that leads to each product's."""
    return _environment().get_template("index.html.j2").render(specs=specs)


def prose(text: str) -> Markup:
    """A text of a spec as HTML: escaped, backticks as code, addresses as links, empty lines between paragraphs."""
    return Markup("").join(_marked_up(text))


def _marked_up(text: str) -> Iterator[Markup]:
    at = 0
    for found in _PROSE.finditer(text):
        yield escape(text[at : found.start()])
        code, address = found.groups()
        if code is not None:
            yield Markup("<code>{}</code>").format(code)
        else:
            yield Markup('<a href="{0}">{0}</a>').format(address)
        at = found.end()
    yield escape(text[at:])


def broken(name: str) -> Markup:
    """A name that may be broken behind its underscores, to fit into a narrow cell."""
    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cli.spec_page", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"prose": prose, "broken": broken}
    return environment


def _layouts(spec: ProductSpec) -> Iterator[tuple[PayloadLayout, str, str, Decoder]]:
    """Each layout with the conditions of its payloads, its case's doc and its decoder, in the document's order."""
    for (layout, doc), route in zip(_flat(spec.document.layout, ""), spec.routes, strict=True):
        conditions = route.title or ("else" if isinstance(spec.document.layout, LayoutSwitch) else "")
        yield layout, conditions, doc, route.decoder


def _flat(layout: Layout, doc: str) -> Iterator[tuple[PayloadLayout, str]]:
    if not isinstance(layout, LayoutSwitch):
        yield layout, doc
        return
    for case in layout.cases:
        yield from _flat(case.layout, case.doc)
    if layout.else_ is not None:
        yield from _flat(layout.else_, "")


def _views(spec: ProductSpec) -> Iterable[View]:
    by_domain = sorted(spec.columns, key=lambda column: spec.domains.index(column.domain))
    for domain, columns in groupby(by_domain, key=lambda column: column.domain):
        named = [(column_name(column.name), column) for column in columns]
        yield View(view_name(spec.product, domain), domain, named)


def _times(policy: TimePolicy, field: str | None) -> Iterable[tuple[str, str]]:
    done = {"reject": "the payload is refused", "clamp": "the time of receipt takes its place, with a warning"}
    yield "event time", f"`{field}`, else the envelope's" if field else "the envelope's, else the time of receipt"
    future = done[policy.on_future]
    yield f"more than {_span_text(policy.max_future_s)} after receipt", f"{future} (`timestamp_future`)"
    old = done.get(policy.on_old, "kept with a warning")
    yield f"more than {_span_text(policy.max_age_s)} before receipt", f"{old} (`timestamp_old`)"


def _span_text(seconds: int) -> str:
    days, rest = divmod(seconds, _DAY_S)
    return f"{days} day{'s' if days != 1 else ''}" if days and not rest else f"{seconds} s"
