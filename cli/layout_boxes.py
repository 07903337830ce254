"""A layout as nested boxes: one for each item, values at known places together in a byte map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from udfs.layouts.base import Decoder
from udfs.layouts.block import Block
from udfs.layouts.frame_decoder import FrameDecoder
from udfs.layouts.slots import Slot
from udfs.model import (
    Checksum,
    CsvLayout,
    Group,
    If,
    JsonLayout,
    KeyEntry,
    Keys,
    KeyValueLayout,
    LengthLayout,
    LiteralItem,
    PayloadLayout,
    Prefixed,
    Repeat,
    Skip,
    Switch,
    Value,
)

NUM_HUES: Final = 8
"""Colours that fields take in turn."""


class Cell(NamedTuple):
    """A field's bits in a row of a byte map: `span` bits wide and `height` bytes high; no name where nothing stands."""

    span: int
    height: int
    name: str
    bits: str
    hue: int


class ByteRow(NamedTuple):
    """A byte of a byte map."""

    byte: int
    cells: list[Cell]


class Stretch(NamedTuple):
    """Whole bytes of a value, or of none."""

    place: str
    name: str
    hue: int


@dataclass(frozen=True)
class Box:
    """An item of a layout; `kind` is the item's telling key. Values at known places are `stretches` where all are of
    whole bytes, else `rows` of bits."""

    kind: str
    title: str
    note: str = ""
    stretches: list[Stretch] = field(default_factory=list)
    rows: list[ByteRow] = field(default_factory=list)
    boxes: list["Box"] = field(default_factory=list)


def layout_box(layout: PayloadLayout, decoder: Decoder) -> Box:
    """The layout and all below it."""
    kind = str(type(layout).__struct_config__.tag)
    if isinstance(layout, CsvLayout):
        columns = [Box("column", text.column or text.name, text.name) for text in layout.fields]
        header = "with a header" if layout.header else "without a header"
        return Box(kind, f"rows of cells between {layout.delimiter!r}, {header}", boxes=columns)
    if isinstance(layout, JsonLayout):
        return Box(kind, "JSON document", boxes=list(_json_boxes(layout)))
    assert isinstance(decoder, FrameDecoder)  # noqa: S101 - all other layouts are over bytes
    places = _Places(decoder)
    order = f"{layout.byte_order}-endian"
    if isinstance(layout, KeyValueLayout):
        return Box(kind, f"keys in any order, {order}", boxes=places.keys(layout.keys, layout.unknown))
    if isinstance(layout, LengthLayout):
        size = f"{layout.size} bytes, " if layout.size else ""
        return Box(kind, f"{size}{order}", boxes=places.boxes(layout.fields))
    return Box(kind, order, boxes=places.boxes(layout.parts))


def _json_boxes(layout: JsonLayout) -> Iterator[Box]:
    def paths(fields: Sequence[Any]) -> list[Box]:
        return [Box("path", each.path, each.name) for each in fields]

    if layout.fields:
        title = f"each element of {layout.each}" if layout.each else "the document"
        yield Box("each", title, boxes=paths(layout.fields))
    for source in layout.messages:
        yield Box("each", f"each element of {source.each}", _message_note(source, True), boxes=paths(source.fields))


class _Places:
    """The items of a layout as boxes; what stands where is told by the compiled blocks."""

    def __init__(self, decoder: FrameDecoder) -> None:
        self._slots: dict[int, tuple[Block, Slot]] = {
            id(slot.spec): (block, slot) for block in decoder.blocks() for slot in block.slots
        }

    def boxes(self, items: Sequence[Any]) -> list[Box]:
        found: list[Box] = []
        block: Block | None = None
        slots: list[Slot] = []
        for item in [*items, None]:
            here = self._slots.get(id(item)) if item is not None else None
            if slots and block is not None and (here is None or here[0] is not block):
                found.append(_values_box(slots, block.begin))
                slots = []
            if here is not None:
                block = here[0]
                slots.append(here[1])
            elif item is not None:
                found.append(self._box(item))
        return found

    def keys(self, entries: Sequence[KeyEntry], unknown: Sequence[Any] | None) -> list[Box]:
        found = [
            Box(
                "key",
                entry.key,
                joined(entry.doc, _message_note(entry, entry.own_message)),
                boxes=self.boxes(entry.fields),
            )
            for entry in entries
        ]
        return found if unknown is None else [*found, Box("key", "any other", boxes=self.boxes(unknown))]

    def _box(self, item: Any) -> Box:
        kind = str(type(item).__struct_config__.tag)
        title, boxes = _TITLES[type(item)](item), []
        if isinstance(item, Switch):
            boxes = [Box("case", case, boxes=self.boxes(items)) for case, items in item.cases.items()]
            boxes += [Box("case", "else", boxes=self.boxes(item.else_))] if item.else_ is not None else []
        elif isinstance(item, If):
            boxes = self.boxes(item.fields)
            boxes += [Box("case", "else", boxes=self.boxes(item.else_))] if item.else_ is not None else []
        elif isinstance(item, Keys):
            boxes = self.keys(item.keys, item.unknown)
        elif isinstance(item, Group | Prefixed | Repeat):
            boxes = self.boxes(item.fields)
        own = getattr(item, "own_message", False)
        return Box(kind, title, joined(item.doc, _message_note(item, own)), boxes=boxes)


def _values_box(slots: Sequence[Slot], begin: int) -> Box:
    stretches = byte_strip(slots, begin)
    return (
        Box("values", "", rows=byte_map(slots, begin)) if stretches is None else Box("values", "", stretches=stretches)
    )


def byte_strip(slots: Sequence[Slot], begin: int) -> list[Stretch] | None:
    """The values in the order of their bytes with the gaps between them, None where one is of bits or shares a byte."""
    found: list[Stretch] = []
    at = begin
    for index, slot in sorted(enumerate(slots), key=lambda each: each[1].offset):
        if slot.at is None or slot.at < at:
            return None
        if slot.at > at:
            found.append(Stretch(_place(at, slot.at), "", -1))
        at = slot.at + slot.length
        found.append(Stretch(_place(slot.at, at), slot.spec.name, index % NUM_HUES))
    return found


def _place(begin: int, end: int) -> str:
    return str(begin) if end - begin == 1 else f"{begin}–{end - 1}"


def byte_map(slots: Sequence[Slot], begin: int) -> list[ByteRow]:
    """The bytes from `begin` to the end of the slots, each with its bits from 7 to 0."""
    end = max(slot.end for slot in slots)
    taken: dict[tuple[int, int], tuple[int, Slot]] = {
        place: (index, slot) for index, slot in enumerate(slots) for place in sorted(slot.bits)
    }
    rows, covered = [], 0
    for byte in range(begin, end):
        cells: list[Cell] = []
        whole = taken.get((byte, 7))
        if byte < covered:
            rows.append(ByteRow(byte, []))
            continue
        if whole is not None and whole[1].at == byte:
            index, slot = whole
            covered = byte + slot.length
            rows.append(ByteRow(byte, [Cell(8, slot.length, slot.spec.name, "", index % NUM_HUES)]))
            continue
        high = 7
        while high >= 0:
            found, low = taken.get((byte, high)), high
            while low > 0 and taken.get((byte, low - 1)) == found:
                low -= 1
            name, hue = ("", -1) if found is None else (found[1].spec.name, found[0] % NUM_HUES)
            cells.append(Cell(high - low + 1, 1, name, f"{high}:{low}" if high > low else str(high), hue))
            high = low - 1
        rows.append(ByteRow(byte, cells))
    return rows


def _value_title(item: Value) -> str:
    length = f", {item.length} bytes" if item.length is not None else ""
    return f"{item.name}{length}" + (f", up to {item.until!r}" if item.until is not None else "")


def _repeat_title(item: Repeat) -> str:
    times = {"end": "again and again, to the end"}.get(str(item.repeat), f"{item.repeat} times")
    return times + (f", until {item.until}" if item.until is not None else "")


def _keys_title(item: Keys) -> str:
    return "keys in any order" + ("" if item.repeat == "end" else f", {item.repeat} of them")


def _group_title(item: Group) -> str:
    size = [f"{item.size} bytes"] if item.size is not None else []
    until = [f"up to {item.until!r}"] if item.until is not None else []
    return ", ".join([*size, *until])


_TITLES: Final[dict[type, Any]] = {
    Value: _value_title,
    LiteralItem: lambda item: item.literal if item.literal.isprintable() else repr(item.literal)[1:-1],
    Skip: lambda item: f"up to {item.until!r}" if item.until is not None else f"{item.skip}",
    Group: _group_title,
    Prefixed: lambda item: f"size ({item.prefix}), then as many bytes",
    If: lambda item: item.if_,
    Switch: lambda item: item.switch,
    Repeat: _repeat_title,
    Keys: _keys_title,
    Checksum: lambda item: item.checksum + (f", from {item.start}" if item.start else ""),
}


def _message_note(item: Any, own_message: bool) -> str:
    domain = getattr(item, "domain", None)
    if own_message:
        return f"a message of its own, of {domain}" if domain else "a message of its own"
    return f"of {domain}" if domain else ""


def joined(*texts: str) -> str:
    """The texts that say something."""
    return "; ".join(text for text in texts if text)
