"""A part: one value whose end only reading tells, by a separator, a length read before, or the end of what is there."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from udfs.contract import evaluate, expression, report_bad_value, report_missing
from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.expression import Expression
from udfs.layouts.codecs import compile_codec
from udfs.layouts.frame import Draft, Frame
from udfs.layouts.hidden import raw_value
from udfs.meaning import Field, Scope
from udfs.model import Value
from udfs.named_by_value import compile_field
from udfs.row import Row
from udfs.text_values import compile_text_field

CODED: Final = ("text", "bytes", "digits", "mac", "ip", "template")
"""Types that bytes of any length may hold; in a text format a text is just text."""

_MAX_COUNT: Final = 1 << 24


class Part:
    """A compiled part."""

    def __init__(self, spec: Value, place: Place, scope: Scope, is_text: bool, separator: str | None) -> None:
        if spec.at is not None or spec.bits is not None:
            raise place.error("`at` and `bits` are for values of fixed length in bytes")
        self._spec = spec
        self._length = spec.length if isinstance(spec.length, int) else None
        self._counted = expression(spec.length, place / "length") if isinstance(spec.length, str) else None
        self._until = None if spec.until is None else spec.until.encode()
        ends_itself = self._until is None and spec.length is None
        self._separator = separator.encode() if separator is not None and ends_itself else None
        self.size = self._length if self._until is None else None
        self.greedy = ends_itself and self._separator is None
        self._field, self._decode, self._encode = (
            _coded(spec, place, scope) if spec.type in CODED and not is_text else _text(spec, place, scope)
        )
        self.fields = (self._field,)

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        end, after = self._cut(data, at, frame)
        try:
            self._decode(data[at:end], frame.row)
        except DecodeError as error:
            error.byte_offset = at
            raise
        if frame.trace is not None:
            frame.note_field(self._field if self._field.bound is None else self._field.bound(frame.row.values), at, end)
            if after > end:
                frame.note(end, after, "separator")
        return after

    def write(self, draft: Draft) -> None:
        data = self._encode(raw_value(self._field, self._spec, draft))
        ending = self._until or self._separator or b""
        if self._length is not None and len(data) != self._length:
            raise EncodeError(f"{_shown(data)} has not {self._length} characters", field=self._spec.name)
        if ending and ending in data:
            raise EncodeError(f"{_shown(data)} holds the separator {_shown(ending)}", field=self._spec.name)
        draft.out += data + ending

    def _cut(self, data: bytes, at: int, frame: Frame) -> tuple[int, int]:
        """Where the value ends and where the next item begins."""
        name = self._spec.name
        if self._until is not None:
            end = data.find(self._until, at, frame.end)
            if end < 0:
                raise DecodeError("bad_separator", f"no {_shown(self._until)} after {name}", field=name, byte_offset=at)
            return end, end + len(self._until)
        if self._separator is not None:
            end = data.find(self._separator, at, frame.end)
            return (frame.end, frame.end) if end < 0 else (end, end + len(self._separator))
        length = self._length if self._counted is None else whole_number(self._counted, frame, at)
        end = frame.end if length is None else at + length
        if end > frame.end:
            message = f"{name} needs {length} bytes, {frame.end - at} are left"
            raise DecodeError("truncated", message, field=name, byte_offset=frame.end)
        return end, end


def whole_number(count: Expression, frame: Frame, at: int) -> int:
    """A number of bytes or times that an expression gives; raises DecodeError bad_length where it is none."""
    value = evaluate(count, frame.values(at), count.text)
    if isinstance(value, bool | str) or value is None or value != int(value) or not 0 <= value <= _MAX_COUNT:
        raise DecodeError("bad_length", f"{count.text} is {value}, no number of bytes or times", byte_offset=at)
    return int(value)


Compiled = tuple[Field, Callable[[bytes, Row], None], Callable[[Any], bytes]]


def _text(spec: Value, place: Place, scope: Scope) -> Compiled:
    if spec.digits is None and isinstance(spec.length, int) and spec.type in ("decimal", "hex"):
        spec = msgspec.structs.replace(spec, digits=spec.length)
    text_field = compile_text_field(spec.name, spec, place, scope)
    read = text_field.read

    def decode(data: bytes, row: Row) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            report_bad_value(spec.name, spec, row, f"{data[:24].hex()} is no text")
        else:
            read(text, row)

    return text_field.field, decode, lambda raw: text_field.form(raw).encode()


def _coded(spec: Value, place: Place, scope: Scope) -> Compiled:
    length = spec.length if isinstance(spec.length, int) else None
    codec = compile_codec(spec, spec.encoding, length, False, place)
    assert codec is not None  # noqa: S101 - every type of CODED has one
    field = compile_field(spec.name, spec, place, scope)

    def decode(data: bytes, row: Row) -> None:
        if not data:
            if spec.required:
                report_missing(spec.name, spec, row)
            return
        try:
            raw = codec.decode(data)
        except ValueError as fault:
            reason = f"{data[:24].hex()} is no text" if isinstance(fault, UnicodeDecodeError) else str(fault)
            report_bad_value(spec.name, spec, row, reason)
        else:
            field.read(raw, row)

    def encode(raw: Any) -> bytes:
        try:
            return b"" if raw is None else codec.encode(raw)
        except ValueError as fault:
            raise EncodeError(str(fault), field=spec.name) from None

    return field, decode, encode


def _shown(data: bytes) -> str:
    return repr(data.decode("utf-8", "backslashreplace"))
