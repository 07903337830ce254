"""What a product's page says: its layouts as nested boxes with byte maps, its fields, contract and examples.

Everything comes from the spec's document and from what was compiled of it; `product_page.html.j2` makes it a page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2

from cli.layout_boxes import NUM_HUES, joined, layout_box
from jobs.views import column_name, view_name
from udfs.column import Column
from udfs.errors import DecodeError
from udfs.layouts.frame import Span
from udfs.layouts.routes import Route
from udfs.message import Envelope
from udfs.model import Computed, Example, LayoutSwitch, Meaning, PayloadLayout
from udfs.product import ProductSpec, payload_bytes
from udfs.row import number_text
from udfs.walk import structs

_TEMPLATE: Final = "product_page.html.j2"
_INDEX: Final = "product_index.html.j2"


class Part(NamedTuple):
    """A piece of an example's payload; `is_fault` marks where it is refused."""

    payload: str
    what: str
    value: str
    place: str
    hue: int
    is_fault: bool


@dataclass(frozen=True)
class ShownExample:
    """An example with its payload taken apart."""

    title: str
    given: str
    parts: list[Part]
    outcome: list[tuple[str, list[tuple[str, str]]]]
    note: str


@dataclass(frozen=True)
class FieldRow:
    """A line of the table of fields."""

    name: str
    type: str
    raw: str
    unit: str
    contract: str
    column: str
    doc: str


def product_page(spec: ProductSpec) -> str:
    """The HTML page of a product, complete in itself and the same for the same spec."""
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            spec=spec,
            document=spec.document,
            views=[view_name(spec.product, domain) for domain in spec.domains],
            layouts=[(route.title, layout_box(layout, route.decoder)) for layout, route in _layouts(spec)],
            fields=list(_field_rows(spec)),
            computed=spec.document.computed,
            checks=spec.document.checks,
            times=spec.time_policy,
            examples=[_shown_example(spec, index, example) for index, example in enumerate(spec.document.examples)],
        )
    )


def index_page(specs: Sequence[ProductSpec]) -> str:
    """The HTML page that leads to the products' pages."""
    return _environment().get_template(_INDEX).render(specs=specs)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _layouts(spec: ProductSpec) -> Iterator[tuple[PayloadLayout, Route]]:
    """Each layout that a payload may have, with its route, in the order of the file."""

    def flat(layout: Any) -> Iterator[PayloadLayout]:
        if isinstance(layout, LayoutSwitch):
            for case in layout.cases:
                yield from flat(case.layout)
            if layout.else_ is not None:
                yield from flat(layout.else_)
        else:
            yield layout

    return zip(flat(spec.document.layout), spec.routes, strict=True)


def _field_rows(spec: ProductSpec) -> Iterator[FieldRow]:
    columns = {column.name: column for column in spec.columns}
    for struct, _ in structs(spec.document):
        if isinstance(struct, Meaning):
            yield _field_row(spec, struct, columns)


def _field_row(spec: ProductSpec, meaning: Meaning, columns: Mapping[str, Column]) -> FieldRow:
    name = str(getattr(meaning, "name", ""))
    column = columns.get(name)
    stored = column.unit if column is not None and column.unit != (meaning.unit or "") else ""
    unit = (meaning.unit or "") + (f" → {stored}" if stored else "")
    place = "" if meaning.hidden or column is None else f"{view_name(spec.product, column.domain)}.{column_name(name)}"
    return FieldRow(
        name,
        meaning.type or ("computed" if isinstance(meaning, Computed) else "unsigned"),
        _raw_text(meaning),
        unit,
        _contract_text(meaning),
        "hidden" if meaning.hidden else place,
        meaning.doc or (column.doc if column else ""),
    )


def _raw_text(meaning: Meaning) -> str:
    """How a raw value becomes the field's."""
    scale = f"× {meaning.scale}" if meaning.scale is not None else ""
    offset = f"{meaning.offset:+g}" if meaning.offset else ""
    labels = ", ".join(f"{raw} = {label}" for raw, label in (meaning.enum or {}).items())
    rest = f"else {meaning.else_}" if meaning.else_ is not None else ""
    flags = ", ".join(f"bit {bit} = {flag}" for bit, flag in (meaning.flags or {}).items())
    absent = f"absent: {', '.join(map(str, meaning.absent))}" if meaning.absent else ""
    form = meaning.template or meaning.format or ""
    compute = meaning.compute if isinstance(meaning, Computed) else ""
    return joined(f"{scale} {offset}".strip(), labels, rest, flags, absent, form, compute)


def _contract_text(meaning: Meaning) -> str:
    bounds = ["" if bound is None else number_text(bound) for bound in meaning.range or ()]
    found = [
        "required" if meaning.required else "",
        f"{bounds[0]} … {bounds[1]}" if bounds else "",
        f"matches {meaning.pattern}" if meaning.pattern else "",
        f"step ≤ {number_text(meaning.max_step)}" if meaning.max_step else "",
        meaning.monotonic or "",
        f"= {meaning.equals}" if meaning.equals else "",
    ]
    violation = meaning.on_violation
    stated = violation if isinstance(violation, str) else ", ".join(f"{k}: {v}" for k, v in (violation or {}).items())
    return joined(*found, stated or "")


def _shown_example(spec: ProductSpec, index: int, example: Example) -> ShownExample:
    given = [f"port {example.port}"] if example.port is not None else []
    given += [f"firmware {example.firmware}"] if example.firmware is not None else []
    expected = example.expect if isinstance(example.expect, list) else [example.expect] if example.expect else []
    outcome = [
        (str(message.get("domain", spec.domain)), [(k, _shown(v)) for k, v in message.items() if k != "domain"])
        for message in expected
    ]
    if example.error is not None:
        at = "" if example.at is None else f" at byte {example.at}"
        outcome = [("refused", [(example.error, at.strip())])]
    return ShownExample(
        example.title or f"example {index + 1}", ", ".join(given), _parts(spec, example), outcome, example.lossy or ""
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else str(value)


def _parts(spec: ProductSpec, example: Example) -> list[Part]:
    envelope = Envelope(
        product=spec.product,
        device="page",
        protocol="file",
        received_at=0,
        payload=example.payload,
        port=example.port,
        firmware=example.firmware,
    )
    spans: list[Span] = []
    fault: int | None = None
    try:
        spec.decoder(envelope).explain(example.payload, spans)
    except DecodeError as error:
        fault = error.byte_offset
    return list(_cut(payload_bytes(example.payload, spec.format), spans, spec.format == "hex", fault))


def _cut(data: bytes, spans: Sequence[Span], is_hex: bool, fault: int | None) -> Iterator[Part]:
    """The spans in the payload's order, and what lies between them."""

    def part(begin: int, end: int, what: str, value: str, bits: str, hue: int) -> Part:
        shown = data[begin:end]
        text = shown.hex() if is_hex else repr(shown.decode("utf-8", "replace"))[1:-1]
        place = str(begin) if end - begin <= 1 else f"{begin}–{end - 1}"
        return Part(
            text, what, value, joined(place, bits), hue, fault is not None and begin <= fault < max(end, begin + 1)
        )

    at = 0
    for index, span in enumerate(sorted(spans, key=lambda span: (span.start, span.end))):
        if span.start > at:
            yield part(at, span.start, "", "", "", -1)
        value = "" if span.value is None else f"{_shown(span.value)} {span.unit}".strip()
        hue = index % NUM_HUES if span.what == "field" else -1
        yield part(span.start, span.end, span.name or span.what, value, f"bits {span.bits}" if span.bits else "", hue)
        at = max(at, span.end)
    if at < len(data):
        yield part(at, len(data), "", "", "", -1)
    elif fault is not None and fault >= len(data):
        yield Part("", "nothing more", "", str(len(data)), -1, True)
