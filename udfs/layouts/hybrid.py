"""The hybrid layout: a frame of literals, fixed lengths, separators, a counted length and a checksum, part by part.

The frame is read as a byte view (one character a byte), so every index is a byte offset. Each part is compiled to a
step that reads at a position and gives the next one, and to a writer; counts and checksums are filled in last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from udfs.checksums import CHECKSUMS, Checksum
from udfs.document import Place, suggest
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import byte_view, compile_each, from_view, refuse_repeated_names
from udfs.meaning import Scope
from udfs.model import HybridLayout, Part, SplitField
from udfs.row import Readings, Row
from udfs.text_values import TextField, compile_text_field, parse_decimal


@dataclass
class Frame:
    """A payload being read: parts stand before `end`, counts include the trailer up to `full`."""

    view: str
    end: int
    full: int
    row: Row
    marks: dict[str, int] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)


Step = Callable[[Frame, int], int]


@dataclass(frozen=True)
class FramePart:
    """A compiled part; count and checksum parts have no writer of their own."""

    part: Part
    step: Step
    write: Callable[[Readings], str] | None
    fields: tuple[TextField, ...] = ()


class HybridDecoder:
    """A compiled hybrid layout over text."""

    def __init__(self, layout: HybridLayout, at: Place, scope: Scope) -> None:
        parts_at = at / "parts"
        _check_marks(layout.parts, parts_at)
        self._parts = compile_each(layout.parts, parts_at, lambda part, where: _compile_part(part, where, scope))
        self.fields = tuple(text.field for part in self._parts for text in part.fields)
        refuse_repeated_names([text.name for text in self.fields], parts_at)
        self._steps = [_marked(part) for part in self._parts]
        self._trailer, self._trailer_optional = layout.trailer, layout.trailer_optional

    def decode(self, payload: str) -> list[Row]:
        frame = self._frame(byte_view(payload))
        at = 0
        for step in self._steps:
            at = step(frame, at)
        if at != frame.end:
            raise DecodeError("too_long", f"{frame.end - at} characters after the last part", byte_offset=at)
        return [frame.row]

    def encode(self, readings: Sequence[Readings]) -> str:
        if len(readings) != 1:
            raise EncodeError(f"a frame holds one message, not {len(readings)}")
        pieces = [_view_of(part.write(readings[0])) if part.write else "" for part in self._parts]
        self._fill_checksum_width(pieces)
        self._fill_counts(pieces)
        self._fill_checksums(pieces)
        return from_view("".join(pieces) + self._trailer)

    def canonical(self, payload: str) -> str:
        has_trailer = not self._trailer_optional or payload.endswith(self._trailer)
        return payload if has_trailer else payload + self._trailer

    def _frame(self, view: str) -> Frame:
        end, trailer = len(view), self._trailer
        if view.endswith(trailer):
            return Frame(view, end - len(trailer), end, Row())
        if not self._trailer_optional:
            raise DecodeError("truncated", f"the frame does not end with {trailer!r}", byte_offset=end)
        return Frame(view, end, end + len(trailer), Row())

    def _begin(self, mark: str | None, pieces: list[str]) -> int:
        before = 0
        for part, piece in zip(self._parts, pieces, strict=True):
            if mark is None or part.part.mark == mark:
                return before
            before += len(piece)
        return before

    def _fill_checksum_width(self, pieces: list[str]) -> None:
        for index, part in enumerate(self._parts):
            if part.part.checksum:
                pieces[index] = "0" * _digits(CHECKSUMS[part.part.checksum])

    def _fill_counts(self, pieces: list[str]) -> None:
        for index, part in enumerate(self._parts):
            if part.part.count:
                after = "".join(pieces[self._index(part.part.start) :])
                pieces[index] = str(len(after) + len(self._trailer)) + (part.part.until or "")

    def _index(self, mark: str | None) -> int:
        return next(index for index, part in enumerate(self._parts) if part.part.mark == mark)

    def _fill_checksums(self, pieces: list[str]) -> None:
        for index, part in enumerate(self._parts):
            if part.part.checksum:
                checksum = CHECKSUMS[part.part.checksum]
                covered = "".join(pieces[:index])[self._begin(part.part.start, pieces) :]
                pieces[index] = f"{checksum.compute(covered.encode('latin-1')):0{_digits(checksum)}X}"


def _compile_part(part: Part, where: Place, scope: Scope) -> FramePart:
    if part.literal is not None:
        literal = part.literal
        return FramePart(part, _literal_step(literal), lambda readings: literal)
    if part.count:
        return FramePart(part, _count_step(part), None)
    if part.checksum is not None:
        return FramePart(part, _checksum_step(part, where), None)
    if part.split is not None:
        return _compile_split(part, where, scope)
    if part.skip:
        return FramePart(
            part, _cut_step(part, "skipped part", lambda text, at, frame: None), lambda _: part.until or ""
        )
    if part.name is None:
        raise where.error("a part is a literal, count, checksum, split, skip, or has a `name`")
    return _compile_named(part, part.name, where, scope)


def _compile_named(part: Part, name: str, where: Place, scope: Scope) -> FramePart:
    if part.length is not None and part.digits is None and part.type in ("decimal", "hex"):
        part = msgspec.structs.replace(part, digits=part.length)
    text = compile_text_field(name, part, where, scope)

    def read(piece: str, at: int, frame: Frame) -> None:
        _read_at(text, piece, at, frame.row)

    step = _cut_step(part, name, read) if part.until is None else _separated_step(text, name, part.until)
    return FramePart(part, step, _cut_writer(part, name, text.write), (text,))


def _separated_step(text: TextField, name: str, until: str) -> Step:
    """As `_cut_step` for a field up to a separator, the most frequent part by far, with no call in between."""
    read, width = text.read, len(until)

    def step(frame: Frame, at: int) -> int:
        end = frame.view.find(until, at, frame.end)
        if end < 0:
            raise DecodeError("bad_separator", f"no {until!r} after {name}", field=name, byte_offset=at)
        piece = frame.view[at:end]
        if not piece.isascii():
            _read_at(text, piece, at, frame.row)
            return end + width
        try:
            read(piece, frame.row)
        except DecodeError as error:
            error.byte_offset = at
            raise
        return end + width

    return step


def _compile_split(part: Part, where: Place, scope: Scope) -> FramePart:
    separator = part.split or ""
    if not part.fields:
        raise where.error("a `split` part needs its `fields`")

    def compile_one(spec: SplitField, place: Place) -> TextField:
        return compile_text_field(spec.name, spec, place, scope)

    texts = compile_each(part.fields, where / "fields", compile_one)
    names = ", ".join(text.field.name for text in texts)

    def read(piece: str, at: int, frame: Frame) -> None:
        words = piece.split(separator)
        if len(words) != len(texts):
            message = f"{len(words)} values between {separator!r}, expected {len(texts)}: {names}"
            raise DecodeError("bad_separator", message, byte_offset=at)
        for text, word in zip(texts, words, strict=True):
            _read_at(text, word, at, frame.row)
            at += len(word) + len(separator)

    def write(readings: Readings) -> str:
        return separator.join(_without(separator, text.write(readings), text.field.name) for text in texts)

    return FramePart(part, _cut_step(part, names, read), _cut_writer(part, names, write), tuple(texts))


def _literal_step(literal: str) -> Step:
    def step(frame: Frame, at: int) -> int:
        if frame.view.startswith(literal, at, frame.end):
            return at + len(literal)
        got = frame.view[at : min(at + len(literal), frame.end)]
        if literal.startswith(got):
            raise DecodeError("truncated", f"the frame ends before {literal!r}", byte_offset=frame.end)
        raise DecodeError("bad_separator", f"expected {literal!r}, got {got!r}", byte_offset=at)

    return step


def _cut_step(part: Part, name: str, read: Callable[[str, int, Frame], None]) -> Step:
    length, until = part.length, part.until

    def fixed(frame: Frame, at: int) -> int:
        end = at + (length or 0)
        if end > frame.end:
            message = f"{name} needs {length} characters, {frame.end - at} are left"
            raise DecodeError("truncated", message, field=name, byte_offset=frame.end)
        read(frame.view[at:end], at, frame)
        return end

    def separated(frame: Frame, at: int) -> int:
        end = frame.view.find(until or "", at, frame.end)
        if end < 0:
            raise DecodeError("bad_separator", f"no {until!r} after {name}", field=name, byte_offset=at)
        read(frame.view[at:end], at, frame)
        return end + len(until or "")

    def rest(frame: Frame, at: int) -> int:
        read(frame.view[at : frame.end], at, frame)
        return frame.end

    if length is not None:
        return fixed
    return rest if until is None else separated


def _cut_writer(part: Part, name: str, write: Callable[[Readings], str]) -> Callable[[Readings], str]:
    def write_cut(readings: Readings) -> str:
        text = write(readings)
        if part.length is not None and len(_view_of(text)) != part.length:
            raise EncodeError(f"{text!r} has not {part.length} characters", field=name)
        return text if part.until is None else _without(part.until, text, name) + part.until

    return write_cut


def _count_step(part: Part) -> Step:
    mark = part.start or ""

    def read(piece: str, at: int, frame: Frame) -> None:
        if not piece.isdigit() or not piece.isascii() or len(piece) > 9:
            raise DecodeError("bad_length", f"{piece[:24]!r} is no length", field="length", byte_offset=at)
        frame.counts[mark] = (int(parse_decimal(piece)), at)

    def digits(frame: Frame, at: int) -> int:
        end = at
        while end < frame.end and frame.view[end] in "0123456789":
            end += 1
        read(frame.view[at:end], at, frame)
        return end

    return digits if part.until is None and part.length is None else _cut_step(part, "length", read)


def _checksum_step(part: Part, where: Place) -> Step:
    name, mark = part.checksum or "", part.start
    if name not in CHECKSUMS:
        hint = suggest(name, CHECKSUMS) or f": expected one of {', '.join(CHECKSUMS)}"
        raise (where / "checksum").error(f"unknown checksum `{name}`{hint}")
    checksum = CHECKSUMS[name]
    digits = _digits(checksum)

    def step(frame: Frame, at: int) -> int:
        stated = frame.view[at : min(at + digits, frame.end)]
        if len(stated) < digits:
            raise DecodeError("truncated", f"the checksum needs {digits} hex digits", byte_offset=frame.end)
        covered = frame.view[frame.marks[mark] if mark else 0 : at]
        expected = f"{checksum.compute(covered.encode('latin-1')):0{digits}X}"
        if stated.upper() != expected:
            message = f"{name} is {stated!r}, {expected} expected"
            raise DecodeError("bad_checksum", message, field="checksum", byte_offset=at)
        return at + digits

    return step


def _marked(part: FramePart) -> Step:
    mark, step = part.part.mark, part.step
    if mark is None:
        return step

    def marked_step(frame: Frame, at: int) -> int:
        frame.marks[mark] = at
        if mark in frame.counts:
            _check_count(frame, mark, at)
        return step(frame, at)

    return marked_step


def _check_count(frame: Frame, mark: str, at: int) -> None:
    count, offset = frame.counts[mark]
    if count != frame.full - at:
        message = f"the length says {count} characters from byte {at} on, there are {frame.full - at}"
        raise DecodeError("bad_length", message, field="length", byte_offset=offset)


def _check_marks(parts: list[Part], at: Place) -> None:
    marks = {part.mark: index for index, part in enumerate(parts) if part.mark is not None}
    for index, part in enumerate(parts):
        if part.start is not None and part.start not in marks:
            raise (at / index / "start").error(f"no part has the mark `{part.start}`{suggest(part.start, marks)}")
        if part.count and (part.start is None or marks[part.start] <= index):
            raise (at / index).error("a `count` needs as `start` the mark of a part that comes after it")
        if part.checksum and part.start is not None and marks[part.start] >= index:
            raise (at / index / "start").error("a `checksum` covers parts before it: its mark must come earlier")
        if _reads_rest(part) and index != len(parts) - 1:
            raise (at / index).error("only the last part may take the rest: give `until` or `length`")


def _reads_rest(part: Part) -> bool:
    open_ended = part.length is None and part.until is None
    return open_ended and part.literal is None and part.checksum is None and not part.count


def _read_at(text: TextField, piece: str, at: int, row: Row) -> None:
    try:
        text.read(from_view(piece), row)
    except DecodeError as error:
        error.byte_offset = at
        raise
    except UnicodeDecodeError:
        name = text.field.name
        raise DecodeError("bad_value", f"{name} is cut through a character", field=name, byte_offset=at) from None


def _without(separator: str, text: str, name: str) -> str:
    if separator in text:
        raise EncodeError(f"{text!r} holds the separator {separator!r}", field=name)
    return text


def _view_of(text: str) -> str:
    return text if text.isascii() else text.encode().decode("latin-1")


def _digits(checksum: Checksum) -> int:
    return checksum.bits // 4
