"""Bit slices of a block of bytes, such as `0[7:0] 2[7:4]`: most significant slice first, across bytes.

A slice becomes (shift, width) pieces of the block seen as one big-endian integer.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

_SLICE = re.compile(r"([0-9]{1,5})(?:\[([0-7])(?::([0-7]))?\])?\Z")


class ByteBits(NamedTuple):
    """Bits high..low of one byte."""

    byte: int
    high: int
    low: int

    @property
    def width(self) -> int:
        return self.high - self.low + 1


class Piece(NamedTuple):
    """`width` bits at `shift` from the right of the block's integer."""

    shift: int
    width: int


def parse_bits(text: str) -> list[ByteBits]:
    """The slices of `0[7:0] 2[7:4]`; `3` is a whole byte, `3[5]` one bit; raises ValueError."""
    slices = [_parse_slice(word) for word in text.split()]
    if not slices:
        raise ValueError("no bits: write for example `0[7:0] 2[7:4]`")
    return slices


def byte_bits(at: int, length: int, little: bool) -> list[ByteBits]:
    """All bits of `length` bytes from `at`, the most significant byte first."""
    order = range(at + length - 1, at - 1, -1) if little else range(at, at + length)
    return [ByteBits(byte, 7, 0) for byte in order]


def pieces_of(slices: list[ByteBits], size: int) -> tuple[Piece, ...]:
    """The slices as pieces of a block of `size` bytes, neighbours joined."""
    joined: list[Piece] = []
    for bits in slices:
        shift = (size - 1 - bits.byte) * 8 + bits.low
        if joined and joined[-1].shift == shift + bits.width:
            joined[-1] = Piece(shift, joined[-1].width + bits.width)
        else:
            joined.append(Piece(shift, bits.width))
    return tuple(joined)


def compile_take(pieces: tuple[Piece, ...], signed: bool) -> Callable[[int], int]:
    """A function from the block's integer to the field's raw number."""
    take = _take_unsigned(pieces)
    if not signed:
        return take
    half = 1 << (sum(piece.width for piece in pieces) - 1)
    return lambda whole: (take(whole) ^ half) - half


def place(raw: int, pieces: tuple[Piece, ...]) -> int:
    """The inverse of taking: the bits of a non-negative `raw` at their places in the block's integer."""
    whole = 0
    for piece in reversed(pieces):
        whole |= (raw & ((1 << piece.width) - 1)) << piece.shift
        raw >>= piece.width
    return whole


def _take_unsigned(pieces: tuple[Piece, ...]) -> Callable[[int], int]:
    (shift, width), *rest = pieces
    mask = (1 << width) - 1
    if not rest:
        return lambda whole: whole >> shift & mask
    if len(rest) == 1:
        (shift2, width2) = rest[0]
        mask2 = (1 << width2) - 1
        return lambda whole: (whole >> shift & mask) << width2 | whole >> shift2 & mask2

    def take(whole: int) -> int:
        raw = 0
        for shift, width in pieces:
            raw = raw << width | whole >> shift & ((1 << width) - 1)
        return raw

    return take


def _parse_slice(word: str) -> ByteBits:
    match = _SLICE.match(word)
    if match is None:
        raise ValueError(f"`{word}` is no bit slice: write byte[high:low], for example `2[7:4]`")
    byte, high, low = match.groups()
    if high is None:
        return ByteBits(int(byte), 7, 0)
    bits = ByteBits(int(byte), int(high), int(high if low is None else low))
    if bits.low > bits.high:
        raise ValueError(f"`{word}` runs backwards: the higher bit comes first")
    return bits
