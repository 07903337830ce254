"""Where values stand in a block of bytes: whole bytes one after another, at a byte, or in bits."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from udfs.bits import ByteBits, byte_bits, parse_bits
from udfs.document import Place
from udfs.layouts.codecs import DEFAULT_LENGTHS, NEEDS_LENGTH, Codec, compile_codec, datetime_length
from udfs.model import BitOrder, ByteOrder, Value

_BIT_TYPES: Final = ("unsigned", "signed", "sign_magnitude", "bool", "unix_s", "unix_ms")


class Order(NamedTuple):
    """The order of bytes and of bits that the layout states."""

    byte_order: ByteOrder = "big"
    bit_order: BitOrder = "msb"


@dataclass(frozen=True)
class Slot:
    """A field and the bits it stands in; `at` and `length` are set where these are whole bytes in a row."""

    spec: Value
    slices: list[ByteBits]
    signed: bool
    little: bool
    at: int | None
    length: int
    codec: Codec | None = None

    @property
    def end(self) -> int:
        return max(bits.byte for bits in self.slices) + 1

    @property
    def offset(self) -> int:
        return min(bits.byte for bits in self.slices)

    @property
    def width(self) -> int:
        return sum(bits.width for bits in self.slices)

    @property
    def bits(self) -> frozenset[tuple[int, int]]:
        """Every bit as (byte, bit)."""
        return frozenset((part.byte, bit) for part in self.slices for bit in range(part.low, part.high + 1))

    @property
    def bit_offset(self) -> int | None:
        """Bits from the block's begin, most significant first; None where the slot is whole bytes."""
        return None if self.at is not None else self.slices[0].byte * 8 + 7 - self.slices[0].high


class Cursor:
    """Where the next value of a block stands, in bits."""

    def __init__(self, begin: int, order: Order) -> None:
        self.bit, self.order = begin * 8, order

    @property
    def byte(self) -> int:
        """The next byte that no bit has been taken of."""
        return (self.bit + 7) // 8

    def lay_out(self, spec: Value, place: Place) -> Slot:
        """The slot of the next value; raises SpecError."""
        if spec.bits is None:
            slot = _byte_slot(spec, self.byte, self.order.byte_order, place)
        else:
            _check_bits(spec, place)
            kind = spec.type or "unsigned"
            slot = Slot(spec, self._slices(spec, place), kind in ("signed", "sign_magnitude"), False, None, 0)
        if not isinstance(spec.bits, int):
            self.bit = slot.end * 8
        return slot

    def _slices(self, spec: Value, place: Place) -> list[ByteBits]:
        if isinstance(spec.bits, int):
            if not 1 <= spec.bits <= 64:
                raise (place / "bits").error("a number of bits is 1 to 64")
            slices = _consecutive(self.bit, spec.bits, self.order.bit_order == "lsb")
            self.bit += spec.bits
            return slices
        try:
            return parse_bits(spec.bits or "")
        except ValueError as fault:
            raise (place / "bits").error(str(fault)) from None


def _consecutive(bit: int, width: int, lsb_first: bool) -> list[ByteBits]:
    slices = []
    while width:
        byte, used = divmod(bit, 8)
        taken = min(width, 8 - used)
        low = used if lsb_first else 8 - used - taken
        slices.append(ByteBits(byte, low + taken - 1, low))
        bit, width = bit + taken, width - taken
    return slices[::-1] if lsb_first else slices


def _check_bits(spec: Value, place: Place) -> None:
    kind = spec.type or "unsigned"
    if kind not in _BIT_TYPES:
        raise (place / "type").error(f"a bit slice has type {', '.join(_BIT_TYPES)}, not {kind}")
    if spec.at is not None or spec.length is not None or spec.byte_order is not None:
        raise place.error("`bits` says where the value stands: leave out at, length and byte_order")


def _byte_slot(spec: Value, cursor: int, order: ByteOrder, place: Place) -> Slot:
    if spec.type is None:
        raise place.error("missing key `type`, for example u16, or `bits`")
    length = _length(spec, place)
    start = cursor if spec.at is None else spec.at
    little = (spec.byte_order or order) == "little"
    codec = compile_codec(spec, spec.encoding, length, little, place)
    slices = byte_bits(start, length, little and codec is None)
    signed = spec.type[0] == "i" and spec.type[1:].isdigit()
    return Slot(spec, slices, signed, little, start, length, codec)


def _length(spec: Value, place: Place) -> int:
    kind = spec.type or ""
    if kind[0] in "ui" and kind[1:].isdigit():
        if spec.length is not None:
            raise (place / "length").error(f"type {kind} has its own length")
        return int(kind[1:]) // 8
    if kind == "datetime":
        return datetime_length(spec, place)
    if kind in NEEDS_LENGTH and spec.length is None:
        raise place.error(f"a {kind} in bytes needs its `length`")
    if kind not in (*NEEDS_LENGTH, *DEFAULT_LENGTHS):
        hint = "stands in `bits`" if kind in _BIT_TYPES else "is written as text"
        raise (place / "type").error(f"type {kind} {hint}, bytes need u8, i16, bcd, text and the like")
    if kind == "ip" and spec.length not in (4, 16):
        raise (place / "length").error("an ip has length 4 or 16")
    return spec.length if isinstance(spec.length, int) else DEFAULT_LENGTHS[kind]
