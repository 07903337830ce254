"""The spec language as structs: what a product file and a domain file may say.

The JSON Schemas in specs/schema are generated from here, so a field's doc is written once, in `Meta`.
"""

from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", description="snake_case name")]
NameTemplate = Annotated[
    str,
    Meta(
        pattern=r"^[a-z{][a-z0-9_{}]*$",
        description="snake_case; `{field}` holds another field; so do `{index}`, `{occurrence}`, `{key}`",
    ),
]
TypeName = Literal[
    "u8", "u16", "u24", "u32", "u40", "u48", "u56", "u64",
    "i8", "i16", "i24", "i32", "i40", "i48", "i56", "i64",
    "f16", "f32", "f64",
    "unsigned", "signed", "sign_magnitude", "bcd",
    "decimal", "hex", "text", "bool", "bytes", "digits", "mac", "ip", "template",
    "unix_s", "unix_ms", "iso8601", "datetime",
]  # fmt: skip
ByteOrder = Literal["big", "little"]
BitOrder = Literal["msb", "lsb"]
OnViolation = Literal["reject", "warn", "clamp"]
Check = Literal["type", "required", "range", "enum", "pattern", "max_step", "monotonic"]
DomainName = Literal["telemetry", "event", "device", "site", "customer", "control", "ota"]
Trailing = Literal["reject", "warn", "ignore"]
Bound = float | None
Scalar = str | int | float | bool
ExpressionText = Annotated[
    str, Meta(min_length=1, description="expression over the fields before, see specs/README.md")
]
OptionalDomain = Annotated[
    DomainName | None, Meta(description="domain of the message that it goes to; else the product's")
]
Mark = Annotated[
    str | None, Meta(description="name of the place where this begins, for a checksum's `start` and `end`")
]


class Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A mapping that takes only the keys named here."""


class Meaning(Strict, kw_only=True, frozen=True):
    """What a raw value means; every field of every layout may say these."""

    doc: str = ""
    type: TypeName | None = None
    domain: OptionalDomain = None
    hidden: Annotated[bool, Meta(description="read for expressions only, no part of the message")] = False
    default: Annotated[
        Scalar | None, Meta(description="what is written for a hidden field that nothing else tells")
    ] = None
    equals: Annotated[ExpressionText | None, Meta(description="what the value must be")] = None
    scale: Annotated[float | str, Meta(description="value = raw * scale + offset; 0.1 or 1/1800000")] | None = None
    offset: float = 0
    unit: (
        Annotated[
            str,
            Meta(description='UCUM code of raw * scale + offset, converted to the domain\'s; "1" for a pure number'),
        ]
        | None
    ) = None
    enum: Annotated[dict[str, str], Meta(description="raw value -> label")] | None = None
    else_: Annotated[str, Meta(description="label of raw values not in `enum`")] | None = msgspec.field(
        name="else", default=None
    )
    flags: (
        Annotated[
            dict[str, Name], Meta(description="bit (0 = least significant) -> name of an attribute true or false")
        ]
        | None
    ) = None
    absent: (
        Annotated[
            list[Scalar] | dict[str, str],
            Meta(description="raw values that mean: no reading; a mapping gives the label of `<name>_status`"),
        ]
        | None
    ) = None
    required: bool = False
    range: (
        Annotated[list[Bound], Meta(min_length=2, max_length=2, description="[lowest, highest] in `unit`, null = open")]
        | None
    ) = None
    pattern: Annotated[str, Meta(description="regular expression that the whole text must match")] | None = None
    max_step: Annotated[float, Meta(gt=0, description="largest change from the device's reading before")] | None = None
    monotonic: (
        Annotated[Literal["rising", "falling"], Meta(description="may only rise or only fall, reading by reading")]
        | None
    ) = None
    on_violation: (
        OnViolation | Annotated[dict[Check, OnViolation], Meta(description="one for all checks, or by check")] | None
    ) = None
    digits: Annotated[int, Meta(ge=1, le=20, description="least number of digits when written")] | None = None
    decimals: Annotated[int, Meta(ge=0, le=12, description="digits after the point when written")] | None = None
    format: Annotated[str, Meta(description="of a datetime, such as YYMMDDhhmmss")] | None = None
    coding: Annotated[
        Literal["text", "bcd", "binary"],
        Meta(description="of a datetime in bytes: characters, BCD digits, or a byte for each two digits"),
    ] = "text"
    zone: Annotated[str, Meta(description="of a datetime: +01:00 or Europe/Amsterdam; else UTC")] | None = None
    epoch: (
        Annotated[str, Meta(description="of unix_s and unix_ms: where counting begins, ISO 8601; else 1970")] | None
    ) = None
    zones: (
        Annotated[dict[str, str], Meta(description="of a datetime: what `z` in its format may be -> offset")] | None
    ) = None
    template: Annotated[str, Meta(description="text made of bits, such as v{0:x}.{1[7:4]}")] | None = None


Length = Annotated[int, Meta(ge=1, le=65536)]


class Value(Meaning, kw_only=True, frozen=True, tag_field="item", tag="name"):
    """A value: right after the one before, at a byte, or in bits; of known length or up to a separator."""

    name: NameTemplate
    at: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=65535,
                description="byte at which it stands, counted from the begin of payload, group, element or key's value",
            ),
        ]
        | None
    ) = None
    bits: (
        Annotated[
            str | int,
            Meta(description="`0[7:0] 2[7:4]`: byte[high:low], most significant first; or a number of bits"),
        ]
        | None
    ) = None
    length: Annotated[Length | ExpressionText, Meta(description="bytes")] | None = None
    until: Annotated[str, Meta(min_length=1, description="separator that ends the value and is consumed")] | None = None
    byte_order: ByteOrder | None = None
    encoding: Literal["ascii", "utf-8"] = "ascii"
    mark: Mark = None


class LiteralItem(Strict, kw_only=True, frozen=True, tag_field="item", tag="literal"):
    """Bytes (as hex; in a text format as text) that must stand here."""

    literal: Annotated[str, Meta(min_length=1)]
    optional: Annotated[bool, Meta(description="may be missing")] = False
    doc: str = ""
    mark: Mark = None


class Skip(Strict, kw_only=True, frozen=True, tag_field="item", tag="skip"):
    """Bytes that are read over: so many, `rest`, or with `until`."""

    skip: Annotated[
        Length | ExpressionText | bool, Meta(description="bytes; `rest`: all up to what must follow; true with `until`")
    ]
    until: Annotated[str, Meta(min_length=1)] | None = None
    fill: Annotated[str, Meta(pattern="^[0-9a-f]{2}$", description="byte that is written, as hex")] = "00"
    doc: str = ""
    mark: Mark = None


class Group(Strict, kw_only=True, frozen=True, tag_field="item", tag="fields"):
    """Items together, for a size of their own, a message of their own, or places counted from here."""

    fields: Annotated[list["Item"], Meta(min_length=1)]
    size: Annotated[Length | ExpressionText, Meta(description="bytes; what is left over is `trailing`")] | None = None
    until: Annotated[str, Meta(min_length=1, description="separator that ends the group")] | None = None
    consume: Annotated[bool, Meta(description="whether `until` belongs to the group; else the next item has it")] = True
    separator: Annotated[str, Meta(min_length=1, description="stands between the values")] | None = None
    trailing: Trailing = "reject"
    domain: OptionalDomain = None
    own_message: Annotated[bool, Meta(description="what is read here is a message of its own")] = False
    doc: str = ""
    mark: Mark = None


class Prefixed(Strict, kw_only=True, frozen=True, tag_field="item", tag="prefix"):
    """Items with their size in bytes before them."""

    prefix: Annotated[
        Literal["u8", "u16", "u24", "u32", "decimal"], Meta(description="type of the size; decimal: digits")
    ]
    fields: Annotated[list["Item"], Meta(min_length=1)]
    adjust: Annotated[int, Meta(ge=-64, le=64, description="size of the items = stated size + adjust")] = 0
    trailing: Trailing = "reject"
    byte_order: ByteOrder | None = None
    doc: str = ""
    mark: Mark = None


class If(Strict, kw_only=True, frozen=True, tag_field="item", tag="if"):
    """Items that are there where the expression holds."""

    if_: ExpressionText = msgspec.field(name="if")
    fields: Annotated[list["Item"], Meta(min_length=1)]
    else_: Annotated[list["Item"], Meta(min_length=1)] | None = msgspec.field(name="else", default=None)
    doc: str = ""
    mark: Mark = None


class Switch(Strict, kw_only=True, frozen=True, tag_field="item", tag="switch"):
    """Items chosen by a value; one that no case names refuses the payload unless there is `else`."""

    switch: ExpressionText
    cases: Annotated[
        dict[str, list["Item"]], Meta(min_length=1, description="a value, or several such as `0x12, 0x22` -> items")
    ]
    else_: list["Item"] | None = msgspec.field(name="else", default=None)
    doc: str = ""
    mark: Mark = None


class Repeat(Strict, kw_only=True, frozen=True, tag_field="item", tag="repeat"):
    """Items again and again, a number of times or to the `end`; names carry `{index}` unless each is a message."""

    repeat: Annotated[
        Annotated[int, Meta(ge=0, le=65536)] | ExpressionText, Meta(description="a number, an expression, or `end`")
    ]
    fields: Annotated[list["Item"], Meta(min_length=1)]
    until: Annotated[ExpressionText | None, Meta(description="the element after which this holds is the last")] = None
    domain: OptionalDomain = None
    own_message: Annotated[bool, Meta(description="each element is a message of its own")] = False
    doc: str = ""
    mark: Mark = None


class KeyEntry(Strict, kw_only=True, frozen=True):
    """One key and the items in its value."""

    key: Annotated[str, Meta(min_length=1, description="hex, lower case; with `key_until` a text")]
    fields: list["Item"] = []
    doc: str = ""
    size: Annotated[int, Meta(ge=0, le=65536, description="bytes of the value; else what its items take")] | None = None
    domain: OptionalDomain = None
    own_message: Annotated[bool, Meta(description="each occurrence is a message of its own")] = False


class Keyed(Strict, kw_only=True, frozen=True):
    """Keys in any order, each with a value."""

    keys: list[KeyEntry]
    key_size: Annotated[int, Meta(ge=1, le=8, description="bytes of a key where `keys` names none")] | None = None
    key_until: Annotated[str, Meta(min_length=1, description="keys are texts, ended by this")] | None = None
    prefix: (
        Annotated[Literal["u8", "u16", "u24", "u32"], Meta(description="each value has its size before it")] | None
    ) = None
    unknown: (
        Annotated[
            list["Item"],
            Meta(min_length=1, description="what the value of a key not listed is; else it refuses the payload"),
        ]
        | None
    ) = None


class Keys(Keyed, kw_only=True, frozen=True, tag_field="item", tag="keys"):
    """Keys within other items."""

    repeat: Annotated[
        Annotated[int, Meta(ge=0, le=65536)] | ExpressionText,
        Meta(description="how many keys: a number, an expression, or `end`"),
    ] = "end"
    stop: Annotated[str, Meta(min_length=1, description="text that stands where no more key does")] | None = None
    doc: str = ""
    mark: Mark = None


class Checksum(Strict, kw_only=True, frozen=True, tag_field="item", tag="checksum"):
    """A checksum over the bytes before it."""

    checksum: Annotated[str, Meta(description="algorithm")]
    start: Annotated[str, Meta(description="mark where the covered bytes begin; else the payload's begin")] | None = (
        None
    )
    end: Annotated[str, Meta(description="mark before which they end; else here")] | None = None
    size: Annotated[int, Meta(ge=1, le=8, description="bytes, where it stands in more than it needs")] | None = None
    byte_order: ByteOrder | None = None
    coding: Annotated[Literal["binary", "hex"], Meta(description="hex: as digits, the way of texts")] | None = None
    on_violation: Literal["reject", "warn"] = "reject"
    optional: Annotated[bool, Meta(description="may be missing at the end")] = False
    doc: str = ""
    mark: Mark = None


ITEM = "item"
"""Tag of the structs that an item may be; no spec writes it."""

ITEM_KEYS = ("switch", "keys", "repeat", "if", "checksum", "literal", "skip", "prefix", "fields", "name")
"""The key that tells what an item is; the first one counts."""

Item = Union[Value, LiteralItem, Skip, Group, Prefixed, If, Switch, Repeat, Keys, Checksum]  # noqa: UP007 - recursive


class LengthLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="length"):
    """Fixed places."""

    fields: Annotated[list[Item], Meta(min_length=1)]
    size: (
        Annotated[int, Meta(ge=1, le=65536, description="bytes of a payload; else the end of the last field")] | None
    ) = None
    byte_order: ByteOrder = "big"
    bit_order: Annotated[BitOrder, Meta(description="for `bits: 5`: most or least significant bit first")] = "msb"
    trailing: Annotated[Trailing, Meta(description="what bytes after the last field do")] = "reject"


class KeyValueLayout(Keyed, kw_only=True, frozen=True, tag_field="kind", tag="key_value"):
    """Keys to the end of the payload."""

    byte_order: ByteOrder = "big"
    bit_order: BitOrder = "msb"
    trailing: Annotated[Trailing, Meta(description="what bytes too few to be a key do at the end")] = "reject"


class HybridLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="hybrid"):
    """A frame of literals, values up to separators, sizes, repeats and checksums."""

    parts: Annotated[list[Item], Meta(min_length=1)]
    byte_order: ByteOrder = "big"
    bit_order: BitOrder = "msb"
    separator: (
        Annotated[str, Meta(min_length=1, description="ends each text value that states no length or `until`")] | None
    ) = None
    completed_by: (
        Annotated[
            str,
            Meta(min_length=1, description="end of a frame that may be cut off, such as CR LF"),
        ]
        | None
    ) = None
    trailing: Annotated[Trailing, Meta(description="what bytes after the last part do")] = "reject"


class JsonField(Meaning, kw_only=True, frozen=True):
    """A value at a path such as `data[0].wind.speed`, within each element where the layout says `each`."""

    name: Name
    path: Annotated[
        str, Meta(min_length=1, description="`$.x` counts from the document, `^.x` from the element around")
    ]


class JsonMessages(Strict, kw_only=True, frozen=True):
    """Messages of their own, one for each element of an array."""

    each: Annotated[str, Meta(min_length=1, description="path of the array; `[*]` goes through an array on the way")]
    fields: Annotated[list[JsonField], Meta(min_length=1)]
    domain: OptionalDomain = None


class JsonLayout(Strict, kw_only=True, frozen=True, tag_field="kind", tag="json"):
    """A JSON document; `each` is the path of an array whose elements are messages."""

    fields: list[JsonField] = []
    each: str | None = None
    messages: Annotated[list[JsonMessages], Meta(description="further arrays, whose elements are messages too")] = []


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


class Case(Strict, kw_only=True, frozen=True):
    """A layout and the values for which it holds."""

    when: Annotated[
        Scalar | list[Scalar],
        Meta(description='port: 85 or [1, 4]; firmware: ">=1.2, <2"; size: 11'),
    ]
    layout: "Layout"
    doc: str = ""


class LayoutSwitch(Strict, kw_only=True, frozen=True, tag_field="kind", tag="switch"):
    """Layouts chosen by what is known before a payload is read."""

    on: Annotated[
        Literal["port", "firmware", "size"], Meta(description="the envelope's port or firmware, or the payload's bytes")
    ]
    cases: Annotated[list[Case], Meta(min_length=1)]
    else_: Annotated["Layout | None", Meta(description="where the envelope says nothing or no case holds")] = (
        msgspec.field(name="else", default=None)
    )


PayloadLayout = LengthLayout | KeyValueLayout | HybridLayout | JsonLayout | CsvLayout
Layout = Union[LengthLayout, KeyValueLayout, HybridLayout, JsonLayout, CsvLayout, LayoutSwitch]  # noqa: UP007 - recursive


class EventTime(Strict, kw_only=True, frozen=True):
    """Where a message's event time comes from, and when it cannot be right."""

    field: Annotated[str, Meta(description="a timestamp field; without it the envelope's time holds")] | None = None
    max_future_s: Annotated[int, Meta(ge=0, description="seconds after received_at")] | None = None
    max_age_s: Annotated[int, Meta(ge=0, description="seconds before received_at")] | None = None
    on_future: (
        Annotated[Literal["reject", "clamp"], Meta(description="clamp: received_at takes its place, with a warning")]
        | None
    ) = None
    on_old: Annotated[OnViolation, Meta(description="what a time older than max_age_s does; else a warning")] | None = (
        None
    )


class Computed(Meaning, kw_only=True, frozen=True):
    """A value made of others, in every message that has all of them."""

    name: Name
    compute: ExpressionText


class CrossCheck(Strict, kw_only=True, frozen=True):
    """What must hold between the fields of a message that has all of them."""

    check: ExpressionText
    message: str = ""
    on_violation: Literal["reject", "warn"] = "reject"


class Example(Strict, kw_only=True, frozen=True):
    """A payload and what it decodes to: `expect` one message or a list of them, or `error` the reason code."""

    payload: str
    title: str = ""
    port: int | None = None
    firmware: str | None = None
    expect: (
        Annotated[
            dict[str, Any] | list[dict[str, Any]],
            Meta(description="the readings; `domain` where it is not the product's"),
        ]
        | None
    ) = None
    quality: Annotated[list[str], Meta(description="all warnings of the messages, in order")] | None = None
    error: str | None = None
    at: Annotated[int, Meta(ge=0, description="byte offset of the error")] | None = None
    received_at: Annotated[str, Meta(description="ISO 8601; else the payload's own time")] | None = None
    lossy: Annotated[str, Meta(description="why these bytes do not come back when encoded")] | None = None


Bytes = Annotated[str, Meta(min_length=1, description="bytes as hex; in a text format a text")]


class FrameSize(Strict, kw_only=True, frozen=True):
    """Where a frame says how long it is: what stands behind the size has the stated size + `adjust` bytes."""

    type: Annotated[Literal["u8", "u16", "u24", "u32", "decimal"], Meta(description="decimal: digits")]
    at: Annotated[int, Meta(ge=0, le=255, description="byte of the frame at which the size begins")] = 0
    adjust: Annotated[int, Meta(ge=-64, le=64)] = 0
    byte_order: ByteOrder = "big"


class FrameForm(Strict, kw_only=True, frozen=True):
    """How a frame is told from what comes before and after it: one of size, end, separator and pause."""

    start: Annotated[Bytes | None, Meta(description="what a frame begins with")] = None
    size: Annotated[FrameSize | None, Meta(description="the frame says how long it is")] = None
    end: Annotated[Bytes | None, Meta(description="what it ends with; with a size, what must stand there")] = None
    after: Annotated[Bytes | None, Meta(description="`end` is looked for behind this")] = None
    separator: Annotated[Bytes | None, Meta(description="what stands behind a frame and is no part of it")] = None
    pause_ms: Annotated[int, Meta(ge=10, le=60_000)] | None = None
    max_bytes: Annotated[int, Meta(ge=1, le=131_072, description="what is longer is no frame")] = 16_384


class Reply(Strict, kw_only=True, frozen=True):
    """What a device hears when its frame is safe; a value has what the header says under its name."""

    parts: Annotated[list[Item], Meta(min_length=1)]
    when: Annotated[ExpressionText | None, Meta(description="over the header's values; else always")] = None


class LoginFrame(Strict, kw_only=True, frozen=True):
    """A first frame by which a device says who it is, and which is no payload."""

    frame: FrameForm
    header: Annotated[list[Item], Meta(min_length=1)]
    accept: Annotated[Bytes | None, Meta(description="what a device hears that may go on")] = None
    refuse: Annotated[Bytes | None, Meta(description="what it hears before the connection is closed")] = None


class StreamExample(Strict, kw_only=True, frozen=True):
    """What a device sends over a connection, and what becomes of it."""

    sent: Annotated[str, Meta(min_length=1, description="bytes as hex, blanks between them; in a text format a text")]
    payloads: Annotated[list[str], Meta(description="what goes on, in order")]
    title: str = ""
    device: str = ""
    replies: Annotated[list[str], Meta(description="what the device hears, in order")] = []


class StreamDocument(Strict, kw_only=True, frozen=True):
    """How a device speaks over a connection: what its gateway must know, and no message's meaning."""

    frames: Annotated[list[FrameForm], Meta(min_length=1)]
    header: Annotated[list[Item], Meta(description="what is read of a frame; the rest of it is not looked at")] = []
    device: Annotated[
        Name | None, Meta(description="header value that names the device; without one later frames are its, too")
    ] = None
    login: LoginFrame | None = None
    replies: Annotated[list[Reply], Meta(description="the first whose `when` holds is sent")] = []
    filler: Annotated[Bytes | None, Meta(description="bytes that may stand between frames and say nothing")] = None
    repeats: Annotated[
        Literal["new", "same"],
        Meta(description="what a frame is that comes again byte for byte: same, where all in it has its own time"),
    ] = "new"
    byte_order: ByteOrder = "big"
    examples: list[StreamExample] = []


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
    computed: list[Computed] = []
    checks: list[CrossCheck] = []
    lossy: Annotated[str, Meta(description="why no payload of this product comes back byte for byte")] | None = None
    stream: Annotated[StreamDocument | None, Meta(description="how its devices speak over a TCP connection")] = None

    @property
    def without_stream(self) -> "ProductDocument":
        """What says what payloads mean."""
        return self if self.stream is None else msgspec.structs.replace(self, stream=None)


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

    domain: DomainName
    title: str
    doc: str = ""
    event_time: EventTime = EventTime()
    measurements: list[UnifiedMeasurement] = []
    attributes: list[UnifiedAttribute] = []
