"""Bytes drawn sixteen a row: what stands where becomes cells, bits of a byte become cells within it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from udfs.bits import ByteBits

ROW: Final = 16
"""Bytes in a row."""

NUM_COLOURS: Final = 12

Kind = Literal["field", "literal", "size", "key", "checksum", "skipped", "separator", "trailing"]


@dataclass(frozen=True)
class Ink:
    """What a stretch of bytes is drawn as; `colour` is None for what is no field, `title` is shown on pointing."""

    name: str
    kind: Kind = "field"
    note: str = ""
    colour: int | None = None
    title: str = ""


class Palette:
    """A colour for each field name, the same all over a page, given out in order of asking."""

    def __init__(self) -> None:
        self._colours: dict[str, int] = {}

    def colour(self, name: str) -> int:
        return self._colours.setdefault(name, len(self._colours) % NUM_COLOURS)


class Placed(NamedTuple):
    """An ink and the bits that it takes, the most significant part first."""

    ink: Ink
    slices: Sequence[ByteBits]


class BitCell(NamedTuple):
    """Bits high..low of a byte; `note` says which bits of the value they are, if not all of them. No ink: a gap."""

    ink: Ink | None
    high: int
    low: int
    note: str = ""

    @property
    def width(self) -> int:
        return self.high - self.low + 1


class BitByte(NamedTuple):
    """A byte that is more than one thing: lanes of cells that fill bits 7 to 0, each lane all of them."""

    byte: int
    lanes: list[list[BitCell]]


@dataclass(frozen=True)
class Cell:
    """Whole bytes from `start` before `end`: of one ink, of none (a gap), or one byte of several in `bits`."""

    start: int
    end: int
    ink: Ink | None = None
    note: str = ""
    bits: BitByte | None = None
    begins: bool = True
    ends: bool = True

    @property
    def width(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Row:
    """Up to sixteen bytes; each lane fills them. `left_out` counts the rows of nothing new before it."""

    start: int
    end: int
    lanes: list[list[Cell]]
    left_out: int = 0

    @property
    def bytes(self) -> range:
        return range(self.start, self.end)


@dataclass(frozen=True)
class ByteMap:
    """Rows of bytes. Where `relative`, numbers count from the begin of the part that is drawn."""

    rows: list[Row]
    bit_bytes: list[BitByte] = field(default_factory=list)
    relative: bool = False

    @property
    def width(self) -> int:
        return max((row.end - row.start for row in self.rows), default=0)


def byte_map(
    placed: Iterable[Placed], begin: int, end: int, *, relative: bool = False, complete: bool = False
) -> ByteMap:
    """The map of the bytes from `begin` before `end`; `complete` draws also the rows that hold nothing new."""
    whole, parts = _cells(placed)
    bit_bytes = [BitByte(byte, _bit_lanes(cells)) for byte, cells in sorted(parts.items())]
    cells = sorted(
        [*whole, *(Cell(part.byte, part.byte + 1, bits=part) for part in bit_bytes)],
        key=lambda cell: (cell.start, -cell.end),
    )
    rows = [
        Row(start, stop, _lanes(_within(cells, start, stop), start, stop))
        for start in range(begin, end, ROW)
        for stop in [min(start + ROW, end)]
    ]
    return ByteMap(rows if complete else list(_telling(rows)), bit_bytes, relative)


def text_of(slices: Sequence[ByteBits], relative: bool = False) -> str:
    """Where bits stand, in words: `bytes 3–4`, `byte 0 and byte 2 bits 7–4`; with `+` where places are relative."""
    words = []
    for run in _runs(slices):
        first, last = run[0], run[-1]
        low, high = sorted((first.byte, last.byte))
        if len(run) > 1:
            words.append(f"bytes {_number(low, relative)}–{high}")
        elif first.width == 8:
            words.append(f"byte {_number(first.byte, relative)}")
        else:
            bits = f"bit {first.high}" if first.width == 1 else f"bits {first.high}–{first.low}"
            words.append(f"byte {_number(first.byte, relative)} {bits}")
    return " and ".join(words)


def _number(byte: int, relative: bool) -> str:
    return f"+{byte}" if relative else str(byte)


def _runs(slices: Sequence[ByteBits]) -> list[list[ByteBits]]:
    """Slices that are neighbouring whole bytes together, all others alone."""
    runs: list[list[ByteBits]] = []
    for bits in slices:
        last = runs[-1][-1] if runs else None
        if last is not None and last.width == bits.width == 8 and abs(last.byte - bits.byte) == 1:
            runs[-1].append(bits)
        else:
            runs.append([bits])
    return runs


def _cells(placed: Iterable[Placed]) -> tuple[list[Cell], dict[int, list[BitCell]]]:
    """Cells of whole bytes, and by byte what takes a part of one."""
    whole: list[Cell] = []
    parts: dict[int, list[BitCell]] = defaultdict(list)
    for ink, slices in placed:
        left = sum(bits.width for bits in slices)
        runs = _runs(slices)
        for run in runs:
            width = sum(bits.width for bits in run)
            note = "" if len(runs) == 1 else _value_bits(left - 1, left - width)
            left -= width
            start = min(bits.byte for bits in run)
            if run[0].width == 8:
                whole.append(Cell(start, start + len(run), ink, note))
            else:
                parts[start].append(BitCell(ink, run[0].high, run[0].low, note))
    return whole, parts


def _value_bits(high: int, low: int) -> str:
    return f"bit {high}" if high == low else f"bits {high}–{low}"


def _bit_lanes(cells: Sequence[BitCell]) -> list[list[BitCell]]:
    """The cells in lanes in which none overlaps, gaps filled."""
    lanes: list[list[BitCell]] = []
    for cell in sorted(cells, key=lambda cell: (-cell.high, cell.low)):
        lane = next((lane for lane in lanes if lane[-1].low > cell.high), None)
        if lane is None:
            lanes.append([cell])
        else:
            lane.append(cell)
    return [list(_filled_bits(lane)) for lane in lanes]


def _filled_bits(lane: Sequence[BitCell]) -> Iterator[BitCell]:
    above = 8
    for cell in lane:
        if cell.high < above - 1:
            yield BitCell(None, above - 1, cell.high + 1)
        yield cell
        above = cell.low
    if above > 0:
        yield BitCell(None, above - 1, 0)


def _within(cells: Sequence[Cell], start: int, stop: int) -> list[Cell]:
    """What of the cells lies in a row."""
    return [
        replace(
            cell,
            start=max(cell.start, start),
            end=min(cell.end, stop),
            begins=cell.start >= start,
            ends=cell.end <= stop,
        )
        for cell in cells
        if cell.start < stop and cell.end > start
    ]


def _lanes(cells: Sequence[Cell], start: int, stop: int) -> list[list[Cell]]:
    """The cells of a row in lanes in which none overlaps, gaps filled; at least one lane."""
    lanes: list[list[Cell]] = []
    for cell in cells:
        lane = next((lane for lane in lanes if lane[-1].end <= cell.start), None)
        if lane is None:
            lanes.append([cell])
        else:
            lane.append(cell)
    return [list(_filled(lane, start, stop)) for lane in lanes or [[]]]


def _filled(lane: Sequence[Cell], start: int, stop: int) -> Iterator[Cell]:
    at = start
    for cell in lane:
        if cell.start > at:
            yield Cell(at, cell.start)
        yield cell
        at = cell.end
    if at < stop:
        yield Cell(at, stop)


def _telling(rows: Sequence[Row]) -> Iterator[Row]:
    """The first row, the last, and of those between the ones that do not only go on with what stands before."""
    left_out = 0
    for index, row in enumerate(rows):
        if 0 < index < len(rows) - 1 and _only_goes_on(row):
            left_out += 1
            continue
        yield Row(row.start, row.end, row.lanes, left_out)
        left_out = 0


def _only_goes_on(row: Row) -> bool:
    only = row.lanes[0][0]
    is_gap = only.ink is None and only.bits is None
    return only.width == ROW and len(row.lanes) == 1 and (is_gap or not (only.begins or only.ends))
