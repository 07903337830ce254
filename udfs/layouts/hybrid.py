"""The hybrid layout: a frame of literals, fixed lengths, separators, a counted length and a checksum, part by part.

Reading runs the parts' steps one after another; writing fills counts in when the other parts stand, and checksums last.
"""

from collections.abc import Sequence

from udfs.checksums import CHECKSUMS
from udfs.document import Place, suggest
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import byte_view, compile_each, from_view, refuse_repeated_names
from udfs.layouts.frame_parts import Frame, checksum_digits, compile_marked_step, compile_part
from udfs.meaning import Scope
from udfs.model import HybridLayout, Part
from udfs.row import Readings, Row


class HybridDecoder:
    """A compiled hybrid layout over text."""

    def __init__(self, layout: HybridLayout, at: Place, scope: Scope) -> None:
        parts_at = at / "parts"
        _check_marks(layout.parts, parts_at)
        self._parts = compile_each(layout.parts, parts_at, lambda part, where: compile_part(part, where, scope))
        self.fields = tuple(text.field for part in self._parts for text in part.fields)
        refuse_repeated_names([text.name for text in self.fields], parts_at)
        self._steps = [compile_marked_step(part) for part in self._parts]
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
        pieces = [byte_view(part.write(readings[0])) if part.write else "" for part in self._parts]
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
                pieces[index] = "0" * checksum_digits(CHECKSUMS[part.part.checksum])

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
                pieces[index] = f"{checksum.compute(covered.encode('latin-1')):0{checksum_digits(checksum)}X}"


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
