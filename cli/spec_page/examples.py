"""An example as the page shows it: its bytes with what each of them is, and what they give or why they are refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cli.spec_page.byte_map import ByteMap, Ink, Kind, Palette, Placed, byte_map
from jobs.views import view_name
from udfs.bits import ByteBits, byte_bits, parse_bits
from udfs.errors import DecodeError
from udfs.examples import ExampleResult, envelope_of
from udfs.layouts.frame import Span
from udfs.model import Example
from udfs.product import ProductSpec, payload_bytes
from udfs.row import number_text


class Reading(NamedTuple):
    """A name, its value as text, and the unit that it is stored in."""

    name: str
    value: str
    unit: str
    colour: int | None


@dataclass(frozen=True)
class ShownMessage:
    """The readings of a message and the typed view that they appear in."""

    view: str
    readings: list[Reading]


@dataclass(frozen=True)
class Refusal:
    """Why a payload is refused; `at` is the byte at fault, None where none is."""

    reason: str
    message: str
    field: str
    at: int | None


class Token(NamedTuple):
    """A piece of a text payload: of one ink or none; `breaks` where a line ends with it."""

    text: str
    ink: Ink | None
    is_fault: bool
    breaks: bool


@dataclass(frozen=True)
class ShownExample:
    """An example of the spec; `bytes` and `map` for a payload in hex, else `tokens`."""

    number: int
    title: str
    passed: bool
    circumstances: tuple[str, ...]
    bytes: list[str]
    map: ByteMap | None
    tokens: list[Token]
    size: int
    messages: list[ShownMessage]
    quality: list[str]
    refusal: Refusal | None
    lossy: str


def shown_example(spec: ProductSpec, result: ExampleResult, palette: Palette) -> ShownExample:
    """An example, read once more to see what each byte is."""
    example = result.example
    spans, error = _explained(spec, example)
    data = payload_bytes(example.payload, spec.format)
    is_hex = spec.format == "hex"
    at = None if error is None else error.byte_offset
    digits = _pairs(example.payload) if is_hex else []
    return ShownExample(
        number=result.index + 1,
        title=result.title,
        passed=result.passed,
        circumstances=tuple(_circumstances(example)),
        bytes=digits,
        map=_map(spans, max(len(digits), (at or 0) + (at == len(digits))), palette) if is_hex else None,
        tokens=[] if is_hex else list(_tokens(data, spans, at, palette)),
        size=len(data),
        messages=[] if error is not None else list(_messages(spec, example, palette)),
        quality=example.quality or [],
        refusal=None if error is None else Refusal(error.reason, error.message, error.field, at),
        lossy=example.lossy or "",
    )


def _explained(spec: ProductSpec, example: Example) -> tuple[list[Span], DecodeError | None]:
    """What the bytes are, as far as they are read, and the error with which decoding ends."""
    envelope = envelope_of(spec, example)
    spans: list[Span] = []
    try:
        spec.decode(envelope)
        refused = None
    except DecodeError as error:
        refused = error
    try:
        spec.decoder(envelope).explain(envelope.payload, spans)
    except DecodeError:
        return spans, refused  # explaining ends where decoding did, which is told already
    return spans, refused


def _circumstances(example: Example) -> Iterable[str]:
    for name in ("port", "firmware"):
        value = getattr(example, name)
        if value is not None:
            yield f"{name} {value}"
    if example.received_at is not None:
        yield f"received at {example.received_at}"


def _pairs(payload: str) -> list[str]:
    return [payload[index : index + 2] for index in range(0, len(payload), 2)]


def _map(spans: Sequence[Span], size: int, palette: Palette) -> ByteMap:
    placed = [Placed(_ink(span, palette), _slices(span)) for span in spans if span.start < size]
    return byte_map(placed, 0, size, complete=True)


def _slices(span: Span) -> list[ByteBits]:
    if span.bits is None:
        return byte_bits(span.start, span.end - span.start, False)
    return [bits._replace(byte=bits.byte + span.start) for bits in parse_bits(span.bits)]


def _ink(span: Span, palette: Palette) -> Ink:
    kind: Kind = span.what  # type: ignore[assignment]
    if kind == "field":
        unit = span.unit if span.unit != "1" else ""
        said = "no reading" if span.value is None else f"{_text(span.value)} {unit}".strip()
        return Ink(span.name, kind, said, palette.colour(span.name), span.doc)
    name = span.name if kind == "checksum" else kind
    return Ink(name, kind, _text(span.value) if kind == "size" else "", title=span.doc)


def _tokens(data: bytes, spans: Sequence[Span], fault: int | None, palette: Palette) -> Iterable[Token]:
    """The whole text in pieces: of one ink, between inks, cut at line ends and at the fault."""
    inks: dict[tuple[int, int], Ink] = {}
    for span in spans:
        inks.setdefault((span.start, min(span.end, len(data))), _ink(span, palette))
    at = 0
    for (start, end), ink in sorted(inks.items(), key=lambda item: item[0]):
        if start < at or end <= start:
            continue
        yield from _plain(data, at, start, fault)
        yield Token(
            _decoded(data[start:end]), ink, fault is not None and start <= fault < end, data[end - 1 : end] == b"\n"
        )
        at = end
    yield from _plain(data, at, len(data), fault)
    if fault is not None and fault >= len(data):
        yield Token("", None, True, False)


def _plain(data: bytes, start: int, end: int, fault: int | None) -> Iterable[Token]:
    if fault is not None and start <= fault < end:
        stop = fault + 1
        while stop < end and data[stop] & 0xC0 == 0x80:
            stop += 1
        yield from _lines(data[start:fault])
        yield Token(_decoded(data[fault:stop]), None, True, data[stop - 1 : stop] == b"\n")
        start = stop
    yield from _lines(data[start:end])


def _lines(data: bytes) -> Iterable[Token]:
    for line in data.splitlines(keepends=True):
        yield Token(_decoded(line), None, False, line.endswith(b"\n"))


def _decoded(data: bytes) -> str:
    return _with_line_ends(data.decode("utf-8", "replace"))


def _messages(spec: ProductSpec, example: Example, palette: Palette) -> Iterable[ShownMessage]:
    """The readings that the example expects."""
    units = {(column.domain, column.name): column.unit for column in spec.columns}
    expected = example.expect if isinstance(example.expect, list) else [example.expect or {}]
    for stated in expected:
        readings = dict(stated)
        domain = str(readings.pop("domain", spec.domain))
        yield ShownMessage(
            view_name(spec.product, domain),
            [
                Reading(name, _text(value), units.get((domain, name), ""), palette.colour(name))
                for name, value in readings.items()
            ],
        )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else _with_line_ends(str(value))


def _with_line_ends(text: str) -> str:
    """A text of a payload, line ends as letters; all else stands as it is."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
