"""Bytes in any pieces → frames, and what stands between them and is none.

What comes out depends on the bytes alone, not on how they were cut into segments; memory is bounded by whoever feeds.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from udfs.cuts import NO_FRAME, Cut, FrameCutter

MAX_NOISE: Final = 4096
"""Bytes that are no frame go on in pieces of this size."""


class Piece(NamedTuple):
    """A frame of the form number `form`; None for bytes that are none."""

    data: bytes
    form: int | None


class Framer:
    """Cuts frames of several forms. Bytes of `filler` between frames say nothing and are dropped."""

    def __init__(self, forms: Sequence[FrameCutter], filler: bytes = b"") -> None:
        self._data = bytearray()
        self._begin = 0
        """Where the next piece begins; what is before is done with."""
        self._at = 0
        """Where a frame may begin; what stands between is noise."""
        self._is_over = False
        self.use(forms, filler)

    def use(self, forms: Sequence[FrameCutter], filler: bytes = b"") -> None:
        """From the next piece on it cuts these forms."""
        self._forms, self._filler = tuple(forms), filler
        self._longest = max(len(form.start) for form in self._forms)
        self._at = self._begin

    @property
    def waiting(self) -> int:
        """Bytes that are fed and no piece yet."""
        return len(self._data) - self._begin

    @property
    def pause(self) -> float:
        """Seconds without a byte that end a frame, 0 where none does."""
        return max(form.pause for form in self._forms)

    def feed(self, data: bytes) -> None:
        if self._begin:
            del self._data[: self._begin]
            self._at -= self._begin
            self._begin = 0
        self._data += data
        self._is_over = False

    def finish(self) -> None:
        """No byte came for a pause, or none will come: what is there is all there is, until more is fed."""
        self._is_over = True

    @property
    def amiss(self) -> int:
        """Bytes that wait and are known to be no frame."""
        return self._at - self._begin

    def next(self) -> Piece | None:
        """The next piece, None while only further bytes can tell."""
        while self._skip_filler() < len(self._data):
            number, at = self._nearest()
            if at - self._begin >= MAX_NOISE:
                return self._noise(MAX_NOISE)
            self._at = at
            if number is None:
                return self._noise(min(self.waiting, MAX_NOISE)) if self._is_over else None
            cut = self._cut(self._forms[number], at)
            if cut is None:
                return None
            if cut is NO_FRAME:
                self._at = at + 1
            elif at > self._begin:
                return self._noise(at - self._begin)
            else:
                self._begin = self._at = at + cut.taken
                if cut.size:  # there may be nothing between two separators
                    return Piece(bytes(self._data[at : at + cut.size]), number)
        return None

    def _skip_filler(self) -> int:
        while self._at == self._begin < len(self._data) and self._data[self._begin] in self._filler:
            some = self._data[self._begin : self._begin + 64]
            self._begin = self._at = self._begin + len(some) - len(some.lstrip(self._filler))
        return self._begin

    def _nearest(self) -> tuple[int | None, int]:
        """The form whose start stands nearest, of several there the longest; else as far as none can begin any more."""
        # Not further than noise is let grow: whatever the bytes, a step looks at a few KiB.
        number, nearest = None, min(len(self._data), self._begin + MAX_NOISE)
        for index, form in enumerate(self._forms):
            found = self._data.find(form.start, self._at, nearest + len(form.start))
            if found >= 0 and (found < nearest or number is None or self._is_longer(form, number)):
                number, nearest = index, found
        undecided = max(self._at, len(self._data) - self._longest + 1)
        return (number, nearest) if nearest < undecided or self._is_over else (None, min(nearest, undecided))

    def _is_longer(self, form: FrameCutter, number: int) -> bool:
        return len(form.start) > len(self._forms[number].start)

    def _cut(self, form: FrameCutter, at: int) -> Cut | None:
        cut = form.cut(self._data, at)
        if cut is not None or not self._is_over:
            return cut
        return Cut(len(self._data) - at, len(self._data) - at) if form.pause else NO_FRAME

    def _noise(self, size: int) -> Piece:
        piece = Piece(bytes(self._data[self._begin : self._begin + size]), None)
        self._begin += size
        self._at = max(self._at, self._begin)
        return piece
