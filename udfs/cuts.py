"""Where a frame ends in a stream of bytes: by a size in it, by its end, by a separator, or by a pause behind it."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from udfs.document import Place
from udfs.layouts.framing import literal_bytes
from udfs.model import FrameForm, FrameSize

_SIZES: Final = {"u8": 1, "u16": 2, "u24": 3, "u32": 4, "decimal": None}
_MAX_DIGITS: Final = 6


class Cut(NamedTuple):
    """A frame of `size` bytes; with what separates it from the next one it takes `taken` bytes."""

    size: int
    taken: int


NO_FRAME: Final = Cut(-1, 0)
"""What begins here is no frame, whatever follows."""


@dataclass(frozen=True)
class SizeField:
    """Where a frame says its size; `length` is None for decimal digits."""

    at: int
    length: int | None
    order: Literal["big", "little"]
    adjust: int


@dataclass(frozen=True)
class FrameCutter:
    """A compiled form of frames; texts are bytes here, and empty where the spec has none. `pause` is in seconds."""

    start: bytes
    max_bytes: int
    size: SizeField | None = None
    after: bytes = b""
    end: bytes = b""
    separator: bytes = b""
    pause: float = 0.0

    def cut(self, data: bytearray, at: int) -> Cut | None:
        """The frame that begins at `at`; None while only further bytes can tell, NO_FRAME where none begins."""
        if self.size is not None:
            return self._by_size(data, at, self.size)
        if self.separator:
            return self._by_mark(data, at, at + len(self.start), self.separator, 0)
        if self.pause:
            return None if len(data) - at < self.max_bytes else Cut(self.max_bytes, self.max_bytes)
        begin = at + len(self.start)
        if self.after:
            found = data.find(self.after, begin, at + self.max_bytes)
            if found < 0:
                return None if len(data) < at + self.max_bytes else NO_FRAME
            begin = found + len(self.after)
        return self._by_mark(data, at, begin, self.end, len(self.end))

    def _by_size(self, data: bytearray, at: int, field: SizeField) -> Cut | None:
        begin = at + field.at
        if field.length is None:
            behind = _behind_digits(data, begin)
            if behind >= len(data) and behind - begin < _MAX_DIGITS:
                return None
            if behind == begin:
                return NO_FRAME
            stated = int(data[begin:behind])
        else:
            behind = begin + field.length
            if behind > len(data):
                return None
            stated = int.from_bytes(data[begin:behind], field.order)
        size = behind - at + stated + field.adjust
        if not behind - at <= size <= self.max_bytes:
            return NO_FRAME
        if at + size > len(data):
            return None
        is_whole = not self.end or data.startswith(self.end, at + size - len(self.end))
        return Cut(size, size) if is_whole else NO_FRAME

    def _by_mark(self, data: bytearray, at: int, begin: int, mark: bytes, of_frame: int) -> Cut | None:
        """The frame up to a mark, of which `of_frame` bytes belong to it."""
        limit = at + self.max_bytes + len(mark) - of_frame
        found = data.find(mark, begin, limit)
        if found < 0:
            return None if len(data) < limit else NO_FRAME
        return Cut(found + of_frame - at, found + len(mark) - at)


def compile_cutter(form: FrameForm, place: Place, is_text: bool) -> FrameCutter:
    """The form of frames that stands at `place`; raises SpecError."""
    _refuse_contradictions(form, place)

    def stated(key: str) -> bytes:
        text = getattr(form, key)
        return b"" if text is None else literal_bytes(text, place / key, is_text)

    return FrameCutter(
        start=stated("start"),
        max_bytes=form.max_bytes,
        size=None if form.size is None else _size_field(form.size),
        after=stated("after"),
        end=stated("end"),
        separator=stated("separator"),
        pause=(form.pause_ms or 0) / 1000,
    )


def _refuse_contradictions(form: FrameForm, place: Place) -> None:
    ways = {"size": form.size, "separator": form.separator, "pause_ms": form.pause_ms}
    told = [key for key, value in ways.items() if value is not None]
    if form.end is not None and form.size is None:
        told.append("end")
    if len(told) != 1:
        found = f", not {' and '.join(told)}" if told else ""
        raise place.error(f"a frame ends by one of size, end, separator or pause_ms{found}")
    if form.after is not None and told != ["end"]:
        raise (place / "after").error("`after` says behind what `end` is looked for: it needs an `end` and no `size`")


def _size_field(size: FrameSize) -> SizeField:
    return SizeField(size.at, _SIZES[size.type], size.byte_order, size.adjust)


def _behind_digits(data: bytearray, begin: int) -> int:
    at = begin
    while at < len(data) and at - begin < _MAX_DIGITS and 48 <= data[at] <= 57:
        at += 1
    return at
