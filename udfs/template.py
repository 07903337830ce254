"""A text made of the bits of a few bytes, such as the version `v{0[7:4]}.{0[3:0]}`, both ways.

In braces stand bits as udfs.bits reads them and, behind a colon, how their number is written: `d` (which may be left
out), `x` or `X`, with `02` and the like before it for leading zeros.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from udfs.bits import Piece, compile_take, parse_bits, pieces_of, place

_PART = re.compile(r"(?P<literal>[^{}]+)|\{(?P<bits>(?:[^{}:\[]|\[[^{}\]]*\])*)(?::(?P<form>[^{}]*))?\}")
_FORM = re.compile(r"(?:0(?P<digits>[1-9][0-9]?))?(?P<base>[dxX]?)\Z")
_DIGITS = {"d": "0123456789", "x": "0123456789abcdef", "X": "0123456789ABCDEF"}


class Number(NamedTuple):
    """A number in the text: its bits, its base and the fewest and most digits it has."""

    pieces: tuple[Piece, ...]
    base: str
    least: int
    most: int


@dataclass(frozen=True)
class Template:
    """A compiled text over blocks of `length` bytes."""

    text: str
    length: int
    _numbers: list[Number] = field(repr=False)
    _takes: list[Callable[[int], int]] = field(repr=False, compare=False)
    _written: str = field(repr=False)
    _pattern: re.Pattern[str] = field(repr=False)

    def read(self, data: bytes) -> str:
        """The text of a block."""
        whole = int.from_bytes(data, "big")
        return self._written.format(*[take(whole) for take in self._takes])

    def write(self, text: str) -> bytes:
        """The block that reads as the text, bits that are not named 0; raises ValueError where there is none."""
        match = self._pattern.match(text)
        if match is not None:
            whole = 0
            for number, digits in zip(self._numbers, match.groups(), strict=True):
                whole |= place(int(digits, 10 if number.base == "d" else 16), number.pieces)
            data = whole.to_bytes(self.length, "big")
            # Reading back also finds numbers that need more bits, needless zeros and bits named twice.
            if self.read(data) == text:
                return data
        raise ValueError(f"{text[:40]!r} does not fit {self.text}")

    def __reduce__(self) -> tuple[object, ...]:
        return compile_template, (self.text, self.length)


def compile_template(text: str, length: int) -> Template:
    """The template of a text over `length` bytes; raises ValueError."""
    parts = _split(text, length)
    numbers = [part for part in parts if isinstance(part, Number)]
    if not numbers:
        raise ValueError("the text names no byte: write for example `v{0}.{1}`")
    _check_separated(parts)
    return Template(
        text=text,
        length=length,
        _numbers=numbers,
        _takes=[compile_take(number.pieces, signed=False) for number in numbers],
        _written="".join(part if isinstance(part, str) else f"{{:0{part.least}{part.base}}}" for part in parts),
        _pattern=re.compile("".join(map(_pattern, parts)) + r"\Z"),
    )


def _split(text: str, length: int) -> list[str | Number]:
    parts: list[str | Number] = []
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(f"the braces in `{text[at:]}` do not match")
        parts.append(part["literal"] or _number(part["bits"], part["form"], length))
        at = part.end()
    return parts


def _number(bits: str, form: str | None, length: int) -> Number:
    slices = parse_bits(bits)
    beyond = next((piece.byte for piece in slices if piece.byte >= length), None)
    if beyond is not None:
        raise ValueError(f"byte {beyond} is beyond the {length} of the field: bytes count from 0")
    match = _FORM.match(form or "d") if form != "" else None
    if match is None:
        raise ValueError(f"`:{form}` is no way to write a number: expected :d, :x, :X, :03d, :02x or the like")
    base, least = match["base"] or "d", int(match["digits"] or 1)
    greatest = (1 << sum(piece.width for piece in slices)) - 1
    return Number(pieces_of(slices, length), base, least, max(least, len(format(greatest, base))))


def _check_separated(parts: list[str | Number]) -> None:
    """Raises ValueError where a number without a fixed width runs into what follows."""
    running = ""
    for part in parts:
        variable = isinstance(part, Number) and part.least < part.most
        if running and (variable or (isinstance(part, str) and part[0] in running)):
            raise ValueError(
                "two numbers run into each other: put a sign between them or fix their width, as in {0:03d}"
            )
        if isinstance(part, str):
            running = ""
        elif variable or running:
            running += _DIGITS[part.base]


def _pattern(part: str | Number) -> str:
    if isinstance(part, str):
        return re.escape(part)
    return f"([{_DIGITS[part.base]}]{{{part.least},{part.most}}})"
