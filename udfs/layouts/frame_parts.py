"""The parts of a hybrid frame, each compiled to a step that reads at a position and gives the next, and to a writer.

The frame is read as a byte view (one character a byte), so every index is a byte offset.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from udfs.checksums import CHECKSUMS, Checksum
from udfs.document import Place, suggest
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import byte_view, compile_each, from_view
from udfs.meaning import Scope
from udfs.model import Part, SplitField
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


def compile_part(part: Part, where: Place, scope: Scope) -> FramePart:
    """The part that stands at `where`; raises SpecError."""
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
        if part.length is not None and len(byte_view(text)) != part.length:
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
    digits = checksum_digits(checksum)

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


def compile_marked_step(part: FramePart) -> Step:
    """The part's step, which also keeps the place of its mark and checks the count that begins there."""
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


def checksum_digits(checksum: Checksum) -> int:
    """How many hex digits the checksum is written with."""
    return checksum.bits // 4
