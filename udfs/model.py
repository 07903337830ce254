"""The spec language as structs: what a product file and a domain file may say.

The JSON Schemas in specs/schema are generated from here, so a field's doc is written once, in `Meta`.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", description="snake_case name")]
TypeName = Literal[
    "u8", "u16", "u24", "u32", "u40", "u48", "u56", "u64",
    "i8", "i16", "i24", "i32", "i40", "i48", "i56", "i64",
    "unsigned", "signed",
    "decimal", "hex", "text", "bool",
    "unix_s", "unix_ms", "yymmddhhmmss", "iso8601",
]  # fmt: skip
ByteOrder = Literal["big", "little"]
OnViolation = Literal["reject", "warn", "clamp"]
Trailing = Literal["reject", "warn", "ignore"]
Bound = float | None
Scalar = str | int | float | bool


class Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A mapping that takes only the keys named here."""


class Meaning(Strict, kw_only=True, frozen=True):
    """What a raw value means; every field of every layout may say these."""

    doc: str = ""
    type: TypeName | None = None
    scale: Annotated[float, Meta(description="value = raw * scale + offset")] | None = None
    offset: float = 0
    unit: Annotated[str, Meta(description='UCUM code; "1" for a pure number')] | None = None
    enum: Annotated[dict[str, str], Meta(description="raw value -> label")] | None = None
    else_: Annotated[str, Meta(description="label of raw values not in `enum`")] | None = msgspec.field(
        name="else", default=None
    )
    absent: Annotated[list[Scalar], Meta(description="raw values that mean: no reading")] | None = None
    required: bool = False
    range: (
        Annotated[list[Bound], Meta(min_length=2, max_length=2, description="[lowest, highest], null = open")] | None
    ) = None
    on_violation: OnViolation | None = None
    digits: Annotated[int, Meta(ge=1, le=20, description="least number of digits when written")] | None = None
    decimals: Annotated[int, Meta(ge=0, le=12, description="digits after the point when written")] | None = None


class BinaryField(Meaning, kw_only=True, frozen=True):
    """A value in bytes: at a byte offset (else right after the field before), or a slice of bits."""

    name: Name
    at: Annotated[int, Meta(ge=0)] | None = None
    bits: Annotated[str, Meta(description="`0[7:0] 2[7:4]`: byte[high:low], most significant first")] | None = None
    length: Annotated[int, Meta(ge=1, le=255, description="bytes of a text")] | None = None
    byte_order: ByteOrder | None = None


class LengthLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="length"):
    """Fixed offsets."""

    fields: Annotated[list[BinaryField], Meta(min_length=1)]
    size: (
        Annotated[int, Meta(ge=1, le=65536, description="bytes of a payload; else the end of the last field")] | None
    ) = None
    byte_order: ByteOrder = "big"
    trailing: Annotated[Trailing, Meta(description="what bytes after `size` do")] = "reject"


class KeyEntry(Strict, kw_only=True, frozen=True):
    """One key and the fields in the fixed number of bytes that follow it."""

    key: Annotated[str, Meta(pattern="^([0-9a-f]{2})+$", description="hex, lower case")]
    fields: Annotated[list[BinaryField], Meta(min_length=1)]
    doc: str = ""
    size: (
        Annotated[int, Meta(ge=1, le=255, description="bytes of the value; else the end of the last field")] | None
    ) = None


class KeyValueLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="key_value"):
    """Keys in any order, each with a value of known length."""

    keys: Annotated[list[KeyEntry], Meta(min_length=1)]
    byte_order: ByteOrder = "big"
    trailing: Annotated[Trailing, Meta(description="what bytes too few to be a key do at the end")] = "reject"


class SplitField(Meaning, kw_only=True, frozen=True):
    """One item of a part that is split by an inner separator."""

    name: Name


class Part(Meaning, kw_only=True, frozen=True):
    """One part of a hybrid frame; it is what the first of literal, count, checksum, split, skip, name says."""

    name: Name | None = None
    length: Annotated[int, Meta(ge=1, le=65536, description="characters")] | None = None
    until: Annotated[str, Meta(min_length=1, description="separator that ends the part and is consumed")] | None = None
    literal: Annotated[str, Meta(min_length=1, description="text that must stand here")] | None = None
    count: Annotated[
        bool, Meta(description="decimal count of characters from `start` to the end, trailer included")
    ] = False
    checksum: Annotated[str, Meta(description="algorithm, over `start` up to this part")] | None = None
    start: (
        Annotated[str, Meta(description="mark where a count or checksum begins; else the payload's begin")] | None
    ) = None
    split: Annotated[str, Meta(min_length=1, description="inner separator of `fields`")] | None = None
    fields: list[SplitField] | None = None
    skip: Annotated[bool, Meta(description="read over, written empty")] = False
    mark: Annotated[str, Meta(description="name of the place where this part begins")] | None = None


class HybridLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="hybrid"):
    """A sequence of literals, fixed-length parts and parts until a separator."""

    parts: Annotated[list[Part], Meta(min_length=1)]
    trailer: str = ""
    trailer_optional: bool = False


class JsonField(Meaning, kw_only=True, frozen=True):
    """A value at a path such as `data[0].wind.speed`, within each element where the layout says `each`."""

    name: Name
    path: Annotated[str, Meta(min_length=1)]


class JsonLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="json"):
    """A JSON document; `each` is the path of an array whose elements are messages."""

    fields: Annotated[list[JsonField], Meta(min_length=1)]
    each: str | None = None


class CsvField(Meaning, kw_only=True, frozen=True):
    """A cell: by header name (else `name` itself), or in the order of the fields where there is no header."""

    name: Name
    column: str | None = None
    quoted: Annotated[bool, Meta(description="written in quotes; both ways are read")] = False


class CsvLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="csv"):
    """Rows of cells, each row one message."""

    fields: Annotated[list[CsvField], Meta(min_length=1)]
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    header: bool = True
    decimal: Literal[".", ","] = "."
    quote: Annotated[str, Meta(min_length=1, max_length=1)] = '"'
    line_end: Annotated[str, Meta(pattern="^\r?\n$", description="written; both ways are read")] = "\n"


Layout = LengthLayout | KeyValueLayout | HybridLayout | JsonLayout | CsvLayout


class EventTime(Strict, kw_only=True, frozen=True):
    """Where a message's event time comes from, and when it cannot be right."""

    field: Annotated[str, Meta(description="a timestamp field; without it the envelope's time holds")] | None = None
    max_future_s: Annotated[int, Meta(ge=0, description="seconds after received_at")] | None = None
    max_age_s: Annotated[int, Meta(ge=0, description="seconds before received_at; older is a warning")] | None = None
    on_future: (
        Annotated[Literal["reject", "clamp"], Meta(description="clamp: received_at takes its place, with a warning")]
        | None
    ) = None


class Example(Strict, kw_only=True, frozen=True):
    """A payload and what it decodes to: `expect` one message or a list of them, or `error` the reason code."""

    payload: str
    title: str = ""
    expect: dict[str, Any] | list[dict[str, Any]] | None = None
    quality: Annotated[list[str], Meta(description="all warnings of the messages, in order")] | None = None
    error: str | None = None
    at: Annotated[int, Meta(ge=0, description="byte offset of the error")] | None = None
    received_at: Annotated[str, Meta(description="ISO 8601; else the payload's own time")] | None = None
    lossy: Annotated[str, Meta(description="why these bytes do not come back when encoded")] | None = None


class ProductDocument(Strict, kw_only=True, frozen=True):
    """A file of specs/products."""

    product: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]*$", description="the file's name without .yaml")]
    title: str
    version: Annotated[int, Meta(ge=1, description="spec_version of the messages; raise it with every change")]
    domain: str
    format: Literal["hex", "json", "csv", "text"]
    layout: Layout
    examples: Annotated[list[Example], Meta(min_length=1)]
    doc: str = ""
    source: str = ""
    event_time: EventTime = EventTime()
    lossy: Annotated[str, Meta(description="why no payload of this product comes back byte for byte")] | None = None


class UnifiedMeasurement(Strict, kw_only=True, frozen=True):
    """A measurement name that means the same in every product of the domain."""

    name: Name
    unit: str
    doc: str = ""
    range: (
        Annotated[list[Bound], Meta(min_length=2, max_length=2, description="wide and plausible; outside is a warning")]
        | None
    ) = None
    also: Annotated[list[Name], Meta(description="other names that products use for it")] = []


class UnifiedAttribute(Strict, kw_only=True, frozen=True):
    """An attribute name that means the same in every product of the domain."""

    name: Name
    doc: str = ""


class DomainDocument(Strict, kw_only=True, frozen=True):
    """A file of specs/domains."""

    domain: Literal["telemetry", "event", "device", "site", "customer", "control", "ota"]
    title: str
    doc: str = ""
    event_time: EventTime = EventTime()
    measurements: list[UnifiedMeasurement] = []
    attributes: list[UnifiedAttribute] = []
