"""A layout as boxes: byte maps where places are known, pieces in a line where only reading tells, boxes within boxes.

The document says what an item is for, the compiled layout where it stands; both are walked side by side.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from cli.spec_page.byte_map import ByteMap, Ink, Palette, Placed, byte_map, text_of
from udfs.bits import ByteBits, byte_bits
from udfs.layouts.base import Decoder
from udfs.layouts.block import Block
from udfs.layouts.frame_decoder import FrameDecoder
from udfs.layouts.part import CODED
from udfs.layouts.slots import Slot
from udfs.layouts.structure import Run
from udfs.meaning import Field
from udfs.model import (
    Checksum,
    CsvLayout,
    Group,
    HybridLayout,
    If,
    Item,
    JsonLayout,
    Keyed,
    KeyEntry,
    Keys,
    KeyValueLayout,
    LengthLayout,
    LiteralItem,
    Meaning,
    PayloadLayout,
    Prefixed,
    Repeat,
    Skip,
    Switch,
    Value,
)

_MAX_DRAWN: Final = 4096
"""Bytes of one map; longer stretches are told in words."""


@dataclass(frozen=True)
class FieldPlace:
    """A field of the document, compiled, and where it stands: `trail` leads to the part, `place` is within it."""

    spec: Meaning
    field: Field
    place: str
    trail: tuple[str, ...] = ()
    little: bool = False


@dataclass(frozen=True)
class Strip:
    """Bytes at known places."""

    kind: ClassVar = "strip"
    map: ByteMap


@dataclass(frozen=True)
class Piece:
    """What stands in a line with others; `extent` says how far it goes."""

    ink: Ink
    extent: str = ""


@dataclass(frozen=True)
class Pieces:
    """Pieces one after another, whose places only reading tells."""

    kind: ClassVar = "pieces"
    pieces: list[Piece]


@dataclass(frozen=True)
class Nest:
    """A box of boxes; `facts` are said beside the title."""

    kind: ClassVar = "nest"
    title: str
    boxes: list["Box"]
    facts: tuple[str, ...] = ()
    doc: str = ""
    look: str = "group"


@dataclass(frozen=True)
class KeyRow:
    """A key and the boxes of its value."""

    key: str
    boxes: list["Box"]
    facts: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True)
class KeyTable:
    """Keys in any order, each with a value."""

    kind: ClassVar = "keys"
    rows: list[KeyRow]
    facts: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True)
class NameTable:
    """Fields that are found by a path or a column's name."""

    kind: ClassVar = "names"
    heading: str
    rows: Sequence[tuple[str, Ink, str]]
    facts: tuple[str, ...] = ()


Box = Strip | Pieces | Nest | KeyTable | NameTable


@dataclass(frozen=True)
class Drawing:
    """A layout, drawn, and its fields in the document's order."""

    facts: tuple[str, ...]
    boxes: list[Box]
    fields: list[FieldPlace]


def draw_layout(layout: PayloadLayout, decoder: Decoder, palette: Palette) -> Drawing:
    """The boxes of a layout and the decoder that was compiled of it."""
    if isinstance(layout, JsonLayout):
        return _draw_json(layout, decoder, palette)
    if isinstance(layout, CsvLayout):
        return _draw_csv(layout, decoder, palette)
    assert isinstance(decoder, FrameDecoder)  # noqa: S101 - the decoder of every layout over bytes
    return _draw_frame(layout, decoder, palette)


def visible(text: str) -> str:
    """A text with its line ends and tabs as they are written in a spec."""
    return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")


def _draw_frame(
    layout: LengthLayout | KeyValueLayout | HybridLayout, decoder: FrameDecoder, palette: Palette
) -> Drawing:
    drawer = _Drawer(palette, decoder.is_text, layout.byte_order == "little")
    facts = [] if decoder.is_text else [f"{'low' if layout.byte_order == 'little' else 'high'} byte first"]
    facts += ["low bit first"] if layout.bit_order == "lsb" else []
    if isinstance(layout, KeyValueLayout):
        boxes: list[Box] = [drawer.keys(layout, decoder.root, _Where(absolute=True))]
    else:
        items = layout.fields if isinstance(layout, LengthLayout) else layout.parts
        separator = layout.separator if isinstance(layout, HybridLayout) else None
        size = layout.size if isinstance(layout, LengthLayout) else None
        boxes = drawer.run(items, decoder.root, _Where(at=0, absolute=True, separator=separator, reserved=size or 0))
        facts += [f"{size} bytes"] if size else []
        facts += [f"values end at `{visible(separator)}`"] if separator else []
        if isinstance(layout, HybridLayout) and layout.completed_by:
            facts.append(f"`{visible(layout.completed_by)}` at the end may be cut off")
    facts += [_trailing_text(layout.trailing, "bytes at the end")]
    return Drawing(tuple(facts), boxes, drawer.fields)


def _draw_json(layout: JsonLayout, decoder: Decoder, palette: Palette) -> Drawing:
    compiled = iter(decoder.fields)
    main = [(layout.each, layout.fields, None)] if layout.fields else []
    sources = [*main, *((messages.each, messages.fields, messages.domain) for messages in layout.messages)]
    boxes: list[Box] = []
    places: list[FieldPlace] = []
    for each, fields, domain in sources:
        rows = []
        for spec in fields:
            places.append(FieldPlace(spec, next(compiled), f"`{spec.path}`", (f"each of `{each}`",) if each else ()))
            rows.append((spec.path, _field_ink(spec.name, palette, spec), spec.type or ""))
        facts = (f"a message for each element of `{each}`",) if each else ("one message of the document",)
        boxes.append(NameTable("path", rows, facts + _message_facts(domain, False)))
    return Drawing((), boxes, places)


def _draw_csv(layout: CsvLayout, decoder: Decoder, palette: Palette) -> Drawing:
    places, rows = [], []
    for number, (spec, compiled) in enumerate(zip(layout.fields, decoder.fields, strict=True), 1):
        column = (spec.column or spec.name) if layout.header else f"cell {number}"
        places.append(FieldPlace(spec, compiled, f"column `{column}`" if layout.header else column))
        rows.append((column, _field_ink(spec.name, palette, spec), spec.type or ""))
    facts = (
        f"cells end at `{layout.delimiter}`",
        f"decimal sign `{layout.decimal}`",
        f"quotes `{layout.quote}`",
        "the first line names the columns, in any order" if layout.header else "no header, columns in this order",
        "each row is a message",
    )
    return Drawing(facts, [NameTable("column", rows)], places)


@dataclass(frozen=True)
class _Where:
    """Where items stand: `at` counts bytes from the begin of the part, None where only reading tells."""

    at: int | None = None
    absolute: bool = False
    trail: tuple[str, ...] = ()
    separator: str | None = None
    reserved: int = 0

    def within(self, *step: str, **changes: Any) -> "_Where":
        """What stands below, with a step of the trail; its places still count from the same begin."""
        return replace(self, trail=(*self.trail, *step), reserved=0, **changes)

    def part(self, *step: str, **changes: Any) -> "_Where":
        """What stands in a part whose places count from its own begin."""
        return self.within(*step, at=0, absolute=False, **changes)


@dataclass
class _Stretch:
    """Items at known places, one after another, that become one map; `floating` counts from the stretch's begin."""

    at: int
    floating: bool
    placed: list[Placed] = field(default_factory=list)

    def add(self, ink: Ink, size: int) -> str:
        """Puts an ink at the next bytes; gives the place in words."""
        self.placed.append(Placed(ink, byte_bits(self.at, size, False)))
        self.at += size
        return text_of(self.placed[-1].slices, True)


class _Drawer:
    """Draws the items of one layout, and notes its fields on the way."""

    def __init__(self, palette: Palette, is_text: bool, little: bool) -> None:
        self.fields: list[FieldPlace] = []
        self._palette, self._is_text, self._little = palette, is_text, little

    def run(self, items: Sequence[Item], node: Any, where: _Where) -> list[Box]:
        """The boxes of items one after another; `node` is the run that was compiled of them."""
        boxes: list[Box] = []
        stretch: _Stretch | None = None
        for chunk, child in _side_by_side(items, node):
            if self._is_drawn(chunk[0], child):
                if stretch is None or (isinstance(child, Block) and child.anchored and stretch.floating):
                    boxes += _strips(stretch, where)
                    stretch = self._stretch(child, where)
                self._place(chunk, child, stretch, where)
                where = replace(where, at=None if stretch.floating else stretch.at)
                continue
            boxes += _strips(stretch, where)
            stretch = None
            _join(boxes, _DRAWERS[type(chunk[0])](self, chunk[0], child, where))
            known = None if where.at is None or child.size is None else where.at + child.size
            where = replace(where, at=known)
        return boxes + list(_strips(stretch, where))

    def keys(self, item: Keyed, loop: Any, where: _Where) -> KeyTable:
        """The table of keys that a loop reads."""
        rows = [self._key_row(entry, node, item, where) for entry, node in zip(item.keys, loop.nodes, strict=False)]
        if item.unknown is not None:
            boxes = self._key_value(item, item.unknown, loop.nodes[-1], where.part("any other key"))
            rows.append(KeyRow("any other", boxes))
        facts = [f"keys end at `{visible(item.key_until)}`"] if item.key_until else []
        facts += [f"keys of {item.key_size} bytes"] if item.key_size else []
        facts += [f"a {item.prefix} size before each value"] if item.prefix else []
        facts += [] if item.unknown is not None else ["a key not listed refuses the payload"]
        return KeyTable(rows, tuple(facts))

    def _key_row(self, entry: KeyEntry, node: Any, item: Keyed, where: _Where) -> KeyRow:
        key = visible(entry.key)
        inner = replace(where.part(f"key `{key}`"), reserved=entry.size or 0)
        facts = (*([f"{entry.size} bytes"] if entry.size else []), *_message_facts(entry.domain, entry.own_message))
        return KeyRow(key, self._key_value(item, entry.fields, node, inner), facts, entry.doc)

    def _key_value(self, item: Keyed, items: Sequence[Item], node: Any, where: _Where) -> list[Box]:
        if item.prefix is None:
            return self.run(items, node, where)
        return [_size_piece(item.prefix, self._little), *self.run(items, node.run, where)]

    def keys_item(self, item: Keys, node: Any, where: _Where) -> Box:
        facts = [] if item.repeat == "end" else [f"`{item.repeat}` times"]
        facts += [f"up to `{visible(item.stop)}`"] if item.stop else []
        facts += ["to the end"] if item.repeat == "end" and not item.stop else []
        return Nest("keys", [self.keys(item, node, where)], tuple(facts) + _mark(item), item.doc, "keys")

    def group(self, item: Group, node: Any, where: _Where) -> Box:
        facts = [f"{_amount(item.size)} bytes"] if item.size is not None else []
        facts += (
            [f"up to `{visible(item.until)}`{'' if item.consume else ', which is not part of it'}"]
            if item.until
            else []
        )
        facts += [f"values end at `{visible(item.separator)}`"] if item.separator else []
        facts += [_trailing_text(item.trailing, "what is left over")] if item.trailing != "reject" else []
        inner = where.part(**({"separator": item.separator} if item.separator else {}))
        reserved = item.size if isinstance(item.size, int) else 0
        boxes = self.run(item.fields, node.run, replace(inner, reserved=reserved))
        return Nest("group", boxes, (*facts, *_message_facts(item.domain, item.own_message), *_mark(item)), item.doc)

    def prefixed(self, item: Prefixed, node: Any, where: _Where) -> Box:
        sign = "−" if item.adjust < 0 else "+"
        facts = [f"items take size {sign} {abs(item.adjust)} bytes"] if item.adjust else []
        little = item.byte_order == "little" if item.byte_order else self._little
        boxes = [_size_piece(item.prefix, little), *self.run(item.fields, node.run, where.part())]
        return Nest("size, then so many bytes", boxes, (*facts, *_mark(item)), item.doc, "size")

    def conditional(self, item: If, node: Any, where: _Where) -> Box:
        boxes: list[Box] = [
            Nest(f"if `{item.if_}`", self.run(item.fields, node.then, where.within(f"if `{item.if_}`")), look="case")
        ]
        if item.else_ is not None:
            otherwise = self.run(item.else_, node.otherwise, where.within(f"if not `{item.if_}`"))
            boxes.append(Nest("else", otherwise, look="case"))
        if len(boxes) == 1 and isinstance(boxes[0], Nest):
            return replace(boxes[0], facts=_mark(item), doc=item.doc)
        return Nest("either", boxes, _mark(item), item.doc, "choice")

    def switch(self, item: Switch, node: Any, where: _Where) -> Box:
        cases = [(f"`{item.switch}` is `{case}`", items) for case, items in item.cases.items()]
        cases += [(f"`{item.switch}` is anything else", item.else_)] if item.else_ is not None else []
        boxes: list[Box] = [
            Nest(title, self.run(items, child, where.within(title)), look="case")
            for (title, items), child in zip(cases, node.nodes, strict=True)
        ]
        facts = () if item.else_ is not None else ("any other value refuses the payload",)
        return Nest(f"one of, by `{item.switch}`", boxes, facts + _mark(item), item.doc, "choice")

    def repeat(self, item: Repeat, node: Any, where: _Where) -> Box:
        title = "repeated to the end" if item.repeat == "end" else f"repeated {_amount(item.repeat)} times"
        facts = [f"up to the element after which `{item.until}`"] if item.until else []
        facts += ["each element is a message of its own"] if item.own_message else []
        facts += _message_facts(item.domain, False)
        boxes = self.run(item.fields, node.run, where.part("element"))
        return Nest(title, boxes, (*facts, *_mark(item)), item.doc, "repeat")

    def piece(self, item: Any, node: Any, where: _Where) -> Box:
        """An item of a size that only reading tells, or any simple one of a text."""
        if isinstance(item, Value):
            extent = self._extent(item, where)
            self.fields.append(FieldPlace(item, node.fields[0], extent, where.trail))
            return Pieces([Piece(self._ink(item), extent)])
        return Pieces([Piece(self._ink(item), _skip_extent(item) if isinstance(item, Skip) else "")])

    def _is_drawn(self, item: Item, node: Any) -> bool:
        """Whether it goes into a map: in bytes, of a known size that is no wall of cells."""
        simple = isinstance(item, Value | LiteralItem | Skip | Checksum)
        return simple and not self._is_text and node.size is not None and node.size <= _MAX_DRAWN

    def _stretch(self, node: Any, where: _Where) -> _Stretch:
        known = where.at if where.at is not None else (0 if isinstance(node, Block) and node.anchored else None)
        return _Stretch(known or 0, floating=known is None)

    def _place(self, items: Sequence[Any], node: Any, stretch: _Stretch, where: _Where) -> None:
        relative = stretch.floating or not where.absolute
        if not isinstance(node, Block):
            place = stretch.add(self._ink(items[0]), node.size)
            if isinstance(items[0], Value):
                self.fields.append(FieldPlace(items[0], node.fields[0], place, where.trail))
            return
        shift = 0 if node.anchored else stretch.at
        for spec, slot, compiled in zip(items, node.slots, node.fields, strict=True):
            slices = [ByteBits(bits.byte + shift, bits.high, bits.low) for bits in slot.slices]
            stretch.placed += self._placed(spec, slices)
            little = slot.little and slot.length > 1 and spec.type not in (*CODED, "datetime")
            self.fields.append(
                FieldPlace(spec, compiled, text_of(_in_order(slices, slot), relative), where.trail, little)
            )
        stretch.at = node.after if node.anchored else shift + node.end

    def _placed(self, spec: Value, slices: list[ByteBits]) -> Iterator[Placed]:
        """The value's bits: those of each flag, and what is left, or all of them."""
        flags = {int(bit): name for bit, name in (spec.flags or {}).items()}
        bits = [ByteBits(part.byte, bit, bit) for part in slices for bit in range(part.high, part.low - 1, -1)][::-1]
        if not flags or max(flags) >= len(bits):
            yield Placed(self._ink(spec), slices)
            return
        for number, name in sorted(flags.items(), reverse=True):
            yield Placed(_field_ink(name, self._palette, spec, note=f"bit {number}"), [bits[number]])

    def _ink(self, item: Any) -> Ink:
        if isinstance(item, Value):
            return _field_ink(item.name, self._palette, item, _noted(item))
        if isinstance(item, LiteralItem):
            return Ink(visible(item.literal), "literal", _noted(item), title=item.doc or "must stand here")
        if isinstance(item, Skip):
            return Ink(item.doc or "read over", "skipped", _noted(item), title="read over")
        covered = (
            f"over {f'`{item.start}`' if item.start else 'the begin'} to {f'`{item.end}`' if item.end else 'here'}"
        )
        note = "; ".join(filter(None, (covered, _noted(item))))
        return Ink(item.checksum, "checksum", note, title=item.doc)

    def _extent(self, item: Value, where: _Where) -> str:
        unit = "characters" if self._is_text else "bytes"
        if item.until is not None:
            return f"up to `{visible(item.until)}`"
        if item.length is not None:
            return f"{_amount(item.length)} {unit if item.length != 1 else unit[:-1]}"
        return "to the end" if where.separator is None else f"up to `{visible(where.separator)}`"


def _side_by_side(items: Sequence[Item], node: Run) -> Iterator[tuple[Sequence[Item], Any]]:
    """Each node of a run with the items that it was compiled of: a block has one for each slot."""
    index = 0
    for child in node.nodes:
        count = len(child.slots) if isinstance(child, Block) else 1
        yield items[index : index + count], child
        index += count


def _strips(stretch: _Stretch | None, where: _Where) -> Iterator[Box]:
    if stretch is None or not stretch.placed:
        return
    stood = [bits.byte for placed in stretch.placed for bits in placed.slices]
    begin = 0 if where.reserved else min(stood)
    end = max(*stood, where.reserved - 1, begin) + 1
    yield Strip(byte_map(stretch.placed, begin, end, relative=stretch.floating or not where.absolute))


def _join(boxes: list[Box], box: Box) -> None:
    """Adds a box; pieces go on with the pieces before them."""
    last = boxes[-1] if boxes else None
    if isinstance(last, Pieces) and isinstance(box, Pieces):
        boxes[-1] = Pieces(last.pieces + box.pieces)
    else:
        boxes.append(box)


def _size_piece(prefix: str, little: bool) -> Pieces:
    order = ", low byte first" if little and prefix not in ("u8", "decimal") else ""
    return Pieces([Piece(Ink("size", "size"), "digits" if prefix == "decimal" else prefix + order)])


def _field_ink(name: str, palette: Palette, spec: Meaning, note: str = "") -> Ink:
    said = f"{spec.type or ''} {spec.doc}".strip()
    return Ink(name, "field", "hidden" if spec.hidden and not note else note, palette.colour(name), said)


def _in_order(slices: list[ByteBits], slot: Slot) -> list[ByteBits]:
    """The slices in the order of the bytes where they are whole bytes: which is the low one is said elsewhere."""
    return sorted(slices) if slot.at is not None else slices


def _noted(item: Any) -> str:
    return "; ".join((*(["may be missing"] if getattr(item, "optional", False) else []), *_mark(item)))


def _mark(item: Any) -> tuple[str, ...]:
    return (f"`{item.mark}` begins here",) if item.mark else ()


def _amount(size: int | str) -> str:
    return str(size) if isinstance(size, int) else f"`{size}`"


def _skip_extent(item: Skip) -> str:
    if item.until is not None:
        return f"up to `{visible(item.until)}`"
    return "the rest" if item.skip == "rest" else f"{_amount(item.skip)} bytes"


def _message_facts(domain: str | None, own_message: bool) -> tuple[str, ...]:
    facts = ["a message of its own"] if own_message else []
    return (*facts, *([f"domain {domain}"] if domain else []))


def _trailing_text(trailing: str, what: str) -> str:
    done = {"reject": "refuse the payload", "warn": "are passed with a warning", "ignore": "are read over"}
    return f"{what.replace('bytes', 'more bytes')} {done[trailing]}"


_DRAWERS: Final[Mapping[type, Callable[[_Drawer, Any, Any, _Where], Box]]] = {
    Value: _Drawer.piece,
    LiteralItem: _Drawer.piece,
    Skip: _Drawer.piece,
    Checksum: _Drawer.piece,
    Group: _Drawer.group,
    Prefixed: _Drawer.prefixed,
    If: _Drawer.conditional,
    Switch: _Drawer.switch,
    Repeat: _Drawer.repeat,
    Keys: _Drawer.keys_item,
}
