"""A block: fields at fixed places in a known number of bytes. A whole length payload is one, so is a key's value.

Whole numbers of the block's byte order are read by one precompiled struct.Struct; everything else (24-bit numbers, bit
slices, the other byte order, overlaps) comes out of the block seen as one big integer.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from typing import Any

from udfs.bits import ByteBits, Piece, byte_bits, compile_take, parse_bits, pieces_of, place
from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import compile_each, refuse_repeated_names
from udfs.meaning import Field, Scope, compile_meaning
from udfs.model import BinaryField, ByteOrder
from udfs.row import Readings, Row
from udfs.text_values import check_text

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_DEFAULT_LENGTH = {"bool": 1, "unix_s": 4, "unix_ms": 8}
_BIT_TYPES = ("unsigned", "signed", "bool", "unix_s", "unix_ms")


@dataclass(frozen=True)
class Slot:
    """A field and the bits it stands in; `at` and `length` are set where these are whole bytes in a row."""

    spec: BinaryField
    slices: list[ByteBits]
    signed: bool
    little: bool
    at: int | None
    length: int

    @property
    def end(self) -> int:
        return max(bits.byte for bits in self.slices) + 1

    @property
    def offset(self) -> int:
        return min(bits.byte for bits in self.slices)


@dataclass(frozen=True)
class Block:
    """A compiled block of `size` bytes."""

    size: int
    fields: tuple[Field, ...]
    read: Callable[[bytes, int, Row], None]
    write: Callable[[Readings], bytes]
    ends: tuple[tuple[int, str], ...]

    def field_beyond(self, length: int) -> str:
        """The first field that `length` bytes are too few for."""
        return next((name for end, name in self.ends if end > length), "")


def compile_block(fields: list[BinaryField], size: int | None, order: ByteOrder, at: Place, scope: Scope) -> Block:
    """The block of these fields at the document's place `at`; raises SpecErrors."""
    refuse_repeated_names([spec.name for spec in fields], at / "fields")
    slots = _lay_out(fields, order, at / "fields")
    needed = max(slot.end for slot in slots)
    if size is not None and needed > size:
        late = next(index for index, slot in enumerate(slots) if slot.end > size)
        raise (at / "fields" / late).error(f"{fields[late].name} ends at byte {slots[late].end}, the size is {size}")
    size = needed if size is None else size
    compiled = compile_each(fields, at / "fields", lambda spec, where: _compile_field(spec, where, scope))
    ends = sorted((slot.end, spec.name) for slot, spec in zip(slots, fields, strict=True))
    read, write = _reader(slots, compiled, size, order), _writer(slots, compiled, size)
    return Block(size, tuple(compiled), read, write, tuple(ends))


def _lay_out(fields: list[BinaryField], order: ByteOrder, at: Place) -> list[Slot]:
    cursor = 0

    def lay_out(spec: BinaryField, where: Place) -> Slot:
        nonlocal cursor
        slot = _bit_slot(spec, where) if spec.bits is not None else _byte_slot(spec, cursor, order, where)
        cursor = slot.end
        return slot

    return compile_each(fields, at, lay_out)


def _bit_slot(spec: BinaryField, where: Place) -> Slot:
    kind = spec.type or "unsigned"
    if kind not in _BIT_TYPES:
        raise (where / "type").error(f"a bit slice has type {', '.join(_BIT_TYPES)}, not {kind}")
    if spec.at is not None or spec.length is not None or spec.byte_order is not None:
        raise where.error("`bits` says where the value stands: leave out at, length and byte_order")
    try:
        slices = parse_bits(spec.bits or "")
    except ValueError as fault:
        raise (where / "bits").error(str(fault)) from None
    return Slot(spec, slices, kind == "signed", False, None, 0)


def _byte_slot(spec: BinaryField, cursor: int, order: ByteOrder, where: Place) -> Slot:
    if spec.type is None:
        raise where.error("missing key `type`, for example u16, or `bits`")
    length = _length(spec, where)
    start = cursor if spec.at is None else spec.at
    little = (spec.byte_order or order) == "little"
    slices = byte_bits(start, length, little and spec.type != "text")
    return Slot(spec, slices, spec.type[0] == "i" and spec.type[1:].isdigit(), little, start, length)


def _length(spec: BinaryField, where: Place) -> int:
    kind = spec.type or ""
    if kind[1:].isdigit():
        if spec.length is not None:
            raise (where / "length").error(f"type {kind} has its own length")
        return int(kind[1:]) // 8
    if kind == "text" and spec.length is None:
        raise where.error("a text in bytes needs its `length`")
    if kind not in ("text", *_DEFAULT_LENGTH):
        raise (where / "type").error(f"type {kind} is written as text, bytes need u8, i16, text and the like")
    return spec.length or _DEFAULT_LENGTH[kind]


def _compile_field(spec: BinaryField, where: Place, scope: Scope) -> Field:
    if spec.digits is not None or spec.decimals is not None:
        raise where.error("`digits` and `decimals` are for numbers written as text")
    return compile_meaning(spec.name, spec, where, scope)


def _reader(slots: list[Slot], fields: list[Field], size: int, order: ByteOrder) -> Callable[[bytes, int, Row], None]:
    direct = _direct(slots, order)
    unpack_from = struct.Struct(_format([slots[index] for index in direct], size, order)).unpack_from
    sliced = [index for index in range(len(slots)) if index not in direct]
    takes = [_take(slots[index], size) for index in sliced]
    arrange = _arrangement([*direct, *sliced])
    reads = tuple(
        _read_text(field) if _is_text(slot) else field.read for slot, field in zip(slots, fields, strict=True)
    )
    offsets = {field.name: slot.offset for slot, field in zip(slots, fields, strict=True)}

    if len(slots) == 1 and direct:
        (store_one,) = reads

        def read_one(data: bytes, start: int, row: Row) -> None:
            try:
                store_one(unpack_from(data, start)[0], row)
            except DecodeError as error:
                error.byte_offset = start + slots[0].offset
                raise

        return read_one

    def read(data: bytes, start: int, row: Row) -> None:
        raws = unpack_from(data, start)
        if takes:
            whole = int.from_bytes(data[start : start + size], "big")
            raws += tuple([take(whole) for take in takes])
        try:
            for store, raw in zip(reads, arrange(raws), strict=True):
                store(raw, row)
        except DecodeError as error:
            error.byte_offset = start + offsets[error.field]
            raise

    return read


def _direct(slots: list[Slot], order: ByteOrder) -> list[int]:
    """The fields that one struct can read, by offset, none overlapping."""
    chosen: list[int] = []
    end = 0
    for index in sorted(range(len(slots)), key=lambda index: slots[index].at or 0):
        slot = slots[index]
        fits = slot.length in _CODES and (slot.length == 1 or slot.little == (order == "little"))
        if slot.at is not None and slot.at >= end and (fits or _is_text(slot)):
            chosen.append(index)
            end = slot.at + slot.length
    return chosen


def _format(slots: list[Slot], size: int, order: ByteOrder) -> str:
    text, cursor = "<" if order == "little" else ">", 0
    for slot in slots:
        at = slot.at or 0
        code = f"{slot.length}s" if _is_text(slot) else _CODES[slot.length]
        text += f"{at - cursor}x" + (code.lower() if slot.signed else code)
        cursor = at + slot.length
    return f"{text}{size - cursor}x"


def _arrangement(order: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if order == list(range(len(order))):
        return lambda raws: raws
    return itemgetter(*[order.index(index) for index in range(len(order))])


def _take(slot: Slot, size: int) -> Callable[[int], Any]:
    take = compile_take(pieces_of(slot.slices, size), slot.signed)
    if not _is_text(slot):
        return take
    return lambda whole: take(whole).to_bytes(slot.length, "big")


def _is_text(slot: Slot) -> bool:
    return slot.spec.type == "text"


def _read_text(field: Field) -> Callable[[bytes, Row], None]:
    def read(raw: bytes, row: Row) -> None:
        try:
            text = check_text(raw.rstrip(b"\0").decode("ascii"))
        except ValueError:
            raise DecodeError("bad_value", f"{field.name}: {raw.hex()} is no ASCII text", field=field.name) from None
        field.read(text, row)

    return read


def _writer(slots: list[Slot], fields: list[Field], size: int) -> Callable[[Readings], bytes]:
    plan = [(slot, field, pieces_of(slot.slices, size)) for slot, field in zip(slots, fields, strict=True)]

    def write(readings: Readings) -> bytes:
        whole = 0
        for slot, field, pieces in plan:
            raw = field.write(readings)
            if raw is None:
                raise EncodeError("the reading is missing, and the bytes have no value for absent", field=field.name)
            whole |= place(_fit(raw, slot, pieces, field.name), pieces)
        return whole.to_bytes(size, "big")

    return write


def _fit(raw: Any, slot: Slot, pieces: tuple[Piece, ...], name: str) -> int:
    width = sum(piece.width for piece in pieces)
    if _is_text(slot):
        return _text_number(str(raw), slot.length, name)
    number = round(raw) if isinstance(raw, float | Fraction) else int(raw)
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if slot.signed else (0, (1 << width) - 1)
    if not low <= number <= high:
        raise EncodeError(f"the raw value {number} does not fit {width} bits ({low} to {high})", field=name)
    return number & ((1 << width) - 1)


def _text_number(text: str, length: int, name: str) -> int:
    data = text.encode("ascii", "replace")
    if len(data) > length or not text.isascii():
        raise EncodeError(f"{text!r} is no ASCII text of at most {length} characters", field=name)
    return int.from_bytes(data.ljust(length, b"\0"), "big")
