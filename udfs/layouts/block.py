"""A block: values at places that are known beforehand, read at once.

A whole fixed payload is one block, so is most keys' value. The reader is generated as Python source, one line a plain
number: whole numbers come from one precompiled struct, bit slices and odd widths out of the block seen as one big
integer, scale and range stand inline, and everything with a meaning of its own is a call. docs/decisions/0010 has the
measurement. The source holds nothing of a spec but numbers and names that were checked.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any

from udfs.bits import pieces_of, place
from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import compile_placed
from udfs.layouts.frame import Draft, Frame
from udfs.layouts.hidden import raw_value
from udfs.layouts.slots import Cursor, Order, Slot
from udfs.meaning import Field, Number, Scope
from udfs.model import Value
from udfs.named_by_value import compile_field
from udfs.row import Row

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
Reader = Callable[[bytes, int, Row], None]


@dataclass(frozen=True)
class Block:
    """A compiled block. `begin` is where its first value may stand; places count from the frame's base where
    `anchored`, else from where reading has got to. `end` is what it needs, `after` where the next item stands."""

    slots: tuple[Slot, ...]
    fields: tuple[Field, ...]
    anchored: bool
    begin: int
    after: int
    end: int
    reader: Reader

    greedy = False

    @property
    def size(self) -> int | None:
        return self.after - self.begin

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        start = frame.base if self.anchored else at
        if start + self.end > frame.end:
            raise self.truncated(frame.end - start, frame.end)
        self.reader(data, start, frame.row)
        if frame.trace is not None:
            self.trace(start, frame)
        return start + self.after

    def truncated(self, available: int, offset: int) -> DecodeError:
        """The fault of a block of which only `available` bytes are there; the payload ends at `offset`."""
        field = self.field_beyond(available)
        message = f"{field} needs {self.end} bytes, {max(available, 0)} are there"
        return DecodeError("truncated", message, field=field, byte_offset=offset)

    def field_beyond(self, length: int) -> str:
        """The first field that `length` bytes are too few for."""
        ends = sorted((slot.end, slot.spec.name) for slot in self.slots)
        return next((name for end, name in ends if end > length), "")

    def trace(self, start: int, frame: Frame) -> None:
        """Notes every value's place."""
        for slot, field in zip(self.slots, self.fields, strict=True):
            known = field if field.bound is None else field.bound(frame.row.values)
            bits = None if slot.at is not None else _bits_text(slot)
            frame.note_field(known, start + slot.offset, start + slot.end, bits)

    def write(self, draft: Draft) -> None:
        start = draft.base if self.anchored else len(draft.out)
        draft.out.extend(bytes(max(0, start + self.end - len(draft.out))))
        whole = 0
        for slot, field in zip(self.slots, self.fields, strict=True):
            raw = raw_value(field, slot.spec, draft)
            if raw is not None:
                whole |= place(_fit(raw, slot, field.name), pieces_of(slot.slices, self.end))
            elif not self._overlaps(slot):
                raise EncodeError("the reading is missing, and the bytes have no value for absent", field=field.name)
        standing = int.from_bytes(draft.out[start : start + self.end], "big")
        draft.out[start : start + self.end] = (standing | whole).to_bytes(self.end, "big")

    def _overlaps(self, slot: Slot) -> bool:
        """Whether another value stands in some of the same bits, and may tell them."""
        return any(other is not slot and slot.bits & other.bits for other in self.slots)


def compile_block(
    specs: list[tuple[Value, Place]], begin: int | None, order: Order, scope: Scope, reserved: int = 0
) -> Block:
    """The block of these values; `begin` counts from the base, None where only reading tells. Raises SpecErrors."""
    cursor = Cursor(begin or 0, order)
    slots = compile_placed(specs, cursor.lay_out)
    fields = compile_placed(specs, lambda spec, place: _compile_field(spec, place, scope))
    end = max(max(slot.end for slot in slots), reserved)
    anchored = begin is not None or any(_is_placed(spec) for spec, _ in specs)
    reader = _compile_reader(slots, fields, end, order)
    return Block(tuple(slots), tuple(fields), anchored, begin or 0, cursor.byte, end, reader)


def _is_placed(spec: Value) -> bool:
    return spec.at is not None or isinstance(spec.bits, str)


def _compile_field(spec: Value, place: Place, scope: Scope) -> Field:
    if spec.digits is not None and spec.type != "digits":
        raise place.error("`digits` is for numbers written as text")
    if spec.decimals is not None:
        raise place.error("`decimals` is for numbers written as text")
    return compile_field(spec.name, spec, place, scope)


def _compile_reader(slots: list[Slot], fields: list[Field], size: int, order: Order) -> Reader:
    """The generated function (data, start, row): it stores every reading, or raises DecodeError with its place."""
    direct = _direct(slots)
    names: dict[str, Any] = {"DecodeError": DecodeError, "from_bytes": int.from_bytes}
    lines = ["measurements = row.measurements"]
    if direct:
        names["unpack_from"] = struct.Struct(_format(direct, size, order)).unpack_from
        lines.append(f"({''.join(f'raw{slots.index(slot)}, ' for slot in direct)}) = unpack_from(data, start)")
    if len(direct) < len(slots):
        lines.append(f"whole = from_bytes(data[start:start + {size}], 'big')")
    for index, (slot, field) in enumerate(zip(slots, fields, strict=True)):
        raw = f"raw{index}" if slot in direct else _take_source(slot, size)
        lines += _field_source(index, raw, slot, field, names)
    names["places"] = {field.name: (slot.offset, slot.bit_offset) for slot, field in zip(slots, fields, strict=True)}
    body = "".join(f"        {line}\n" for line in lines)
    source = (
        f"def read(data, start, row):\n    try:\n{body}"
        "    except DecodeError as error:\n"
        "        byte, bit = places.get(error.field, (0, None))\n"
        "        error.byte_offset = start + byte\n"
        "        error.bit_offset = None if bit is None else start * 8 + bit\n"
        "        raise\n"
    )
    exec(compile(source, "<block>", "exec"), names)  # noqa: S102 - the lines above are all there is in it
    reader: Reader = names["read"]
    return reader


def _field_source(index: int, raw: str, slot: Slot, field: Field, names: dict[str, Any]) -> list[str]:
    number = field.plain
    if slot.codec is not None or not isinstance(number, Number) or number.absent:
        names[f"read{index}"] = field.read if slot.codec is None else _read_coded(field, slot)
        return [f"read{index}({raw}, row)"]
    names[f"violated{index}"] = number.violated
    limits, scaling = number.limits, number.scaling
    value = f"{raw} + 0.0"
    if scaling is not None:
        times = "" if scaling.multiplier == 1 else f" * {scaling.multiplier}"
        plus = "" if scaling.shift == 0 else f" + {scaling.shift}"
        value = f"({raw}{times}{plus}) / {scaling.divisor}"
    key = f"measurements[{field.name!r}]"
    if limits.low == -inf and limits.high == inf:
        return [f"{key} = {value}"]
    below = "" if limits.low == -inf else f"{limits.low!r} <= "
    above = "" if limits.high == inf else f" <= {limits.high!r}"
    return [f"value = {value}", f"{key} = value if {below}value{above} else violated{index}(value, row)"]


def _read_coded(field: Field, slot: Slot) -> Callable[[bytes, Row], None]:
    codec, store, name = slot.codec, field.read, field.name
    assert codec is not None  # noqa: S101 - only called for slots with one

    def read(data: bytes, row: Row) -> None:
        try:
            raw = codec.decode(data)
        except ValueError as fault:
            reason = str(fault) if not isinstance(fault, UnicodeDecodeError) else f"{data.hex()} is no text"
            raise DecodeError("bad_value", f"{name}: {reason}", field=name) from None
        store(raw, row)

    return read


def _direct(slots: list[Slot]) -> list[Slot]:
    """The slots that one struct can read, by offset, none overlapping."""
    chosen: list[Slot] = []
    end = 0
    for slot in sorted(slots, key=lambda slot: slot.at or 0):
        plain = slot.codec is not None or slot.length in _CODES
        if slot.at is not None and slot.at >= end and plain:
            chosen.append(slot)
            end = slot.at + slot.length
    little = {slot.little for slot in chosen if slot.codec is None and slot.length > 1}
    if len(little) > 1:
        chosen = [slot for slot in chosen if slot.codec is not None or slot.length == 1 or not slot.little]
    return chosen


def _format(direct: list[Slot], size: int, order: Order) -> str:
    little = any(slot.little for slot in direct if slot.codec is None and slot.length > 1)
    text, cursor = "<" if little else ">", 0
    for slot in direct:
        at = slot.at or 0
        code = f"{slot.length}s" if slot.codec is not None else _CODES[slot.length]
        text += f"{at - cursor}x" + (code.lower() if slot.signed else code)
        cursor = at + slot.length
    return f"{text}{size - cursor}x"


def _take_source(slot: Slot, size: int) -> str:
    """The expression that takes the slot out of `whole`."""
    pieces = pieces_of(slot.slices, size)
    parts, behind = [], sum(piece.width for piece in pieces)
    width = behind
    for piece in pieces:
        behind -= piece.width
        part = f"(whole >> {piece.shift} & {(1 << piece.width) - 1})"
        parts.append(f"{part} << {behind}" if behind else part)
    raw = parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"
    half = 1 << (width - 1)
    if slot.codec is not None:
        return f"({raw}).to_bytes({slot.length}, 'big')"
    if slot.spec.type == "sign_magnitude":
        return f"(-({raw} & {half - 1}) if {raw} & {half} else {raw})"
    return f"(({raw} ^ {half}) - {half})" if slot.signed else raw


def _fit(raw: Any, slot: Slot, name: str) -> int:
    if slot.codec is not None:
        return _coded(raw, slot, name)
    width = slot.width
    number = round(raw) if isinstance(raw, float | Fraction) else int(raw)
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if slot.signed else (0, (1 << width) - 1)
    if not low <= number <= high:
        raise EncodeError(f"the raw value {number} does not fit {width} bits ({low} to {high})", field=name)
    if slot.spec.type == "sign_magnitude" and number < 0:
        return (1 << width - 1) - number
    return number & ((1 << width) - 1)


def _coded(raw: Any, slot: Slot, name: str) -> int:
    assert slot.codec is not None  # noqa: S101 - only called for slots with one
    try:
        data = slot.codec.encode(raw)
    except ValueError as fault:
        raise EncodeError(str(fault), field=name) from None
    if len(data) != slot.length:
        raise EncodeError(f"{raw!r} gives {len(data)} bytes, not {slot.length}", field=name)
    return int.from_bytes(data, "big")


def _bits_text(slot: Slot) -> str:
    return " ".join(
        f"{bits.byte - slot.offset}[{bits.high}:{bits.low}]"
        if bits.high != bits.low
        else f"{bits.byte - slot.offset}[{bits.high}]"
        for bits in slot.slices
    )
