"""What frames are held together by: literals, bytes to read over, and checksums."""

from udfs.checksums import CHECKSUMS
from udfs.contract import expression
from udfs.document import Place, suggest
from udfs.errors import DecodeError
from udfs.layouts.frame import Draft, Frame
from udfs.layouts.part import whole_number
from udfs.meaning import Field
from udfs.model import Checksum, LiteralItem, Skip


class Literal:
    """Bytes that must stand here, unless they are optional."""

    fields: tuple[Field, ...] = ()
    greedy = False

    def __init__(self, spec: LiteralItem, place: Place, is_text: bool) -> None:
        self._data = literal_bytes(spec.literal, place / "literal", is_text)
        self._is_text, self._optional, self._doc = is_text, spec.optional, spec.doc
        self.size = None if spec.optional else len(self._data)

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        end = at + len(self._data)
        if end <= frame.end and data.startswith(self._data, at):
            frame.note(at, end, "literal", doc=self._doc)
            return end
        if self._optional:
            return at
        got = data[at : min(end, frame.end)]
        if self._data.startswith(got):
            message = f"the payload ends before {self._shown(self._data)}"
            raise DecodeError("truncated", message, byte_offset=frame.end)
        message = f"expected {self._shown(self._data)}, got {self._shown(got)}"
        raise DecodeError("bad_separator", message, byte_offset=at)

    def write(self, draft: Draft) -> None:
        draft.out += self._data

    def _shown(self, data: bytes) -> str:
        return repr(data.decode("utf-8", "backslashreplace")) if self._is_text else data.hex()


def literal_bytes(text: str, place: Place, is_text: bool) -> bytes:
    """The bytes that a literal stands for; raises SpecError."""
    if is_text:
        return text.encode()
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise place.error(f"`{text}` is no hex: a literal of a binary payload is written as hex digits") from None


class Skipped:
    """Bytes that are read over."""

    fields: tuple[Field, ...] = ()

    def __init__(self, spec: Skip, place: Place) -> None:
        if (spec.skip is True) != (spec.until is not None) or spec.skip is False:
            raise (place / "skip").error("skip takes a number of bytes, `rest`, or true with `until`")
        self._until = None if spec.until is None else spec.until.encode()
        self.greedy = spec.skip == "rest"
        self.size = spec.skip if isinstance(spec.skip, int) and self._until is None else None
        counted = isinstance(spec.skip, str) and not self.greedy
        self._counted = expression(str(spec.skip), place / "skip") if counted else None
        self._fill, self._doc = bytes.fromhex(spec.fill), spec.doc

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        end = self._end(data, at, frame)
        if end > frame.end:
            message = f"{end - at} bytes to read over, {frame.end - at} are left"
            raise DecodeError("truncated", message, byte_offset=frame.end)
        frame.note(at, end, "skipped", doc=self._doc)
        return end

    def write(self, draft: Draft) -> None:
        draft.out += self._fill * (self.size or 0) + (self._until or b"")

    def _end(self, data: bytes, at: int, frame: Frame) -> int:
        if self._until is not None:
            end = data.find(self._until, at, frame.end)
            if end < 0:
                raise DecodeError("bad_separator", f"no {self._until.decode()!r} from here on", byte_offset=at)
            return end + len(self._until)
        if self._counted is not None:
            return at + whole_number(self._counted, frame, at)
        return frame.end if self.size is None else at + self.size


class Seal:
    """A checksum over the bytes from the mark `start` (else the payload's begin) to the mark `end` (else here)."""

    fields: tuple[Field, ...] = ()
    greedy = False

    def __init__(self, spec: Checksum, place: Place, is_text: bool, little: bool) -> None:
        if spec.checksum not in CHECKSUMS:
            hint = suggest(spec.checksum, CHECKSUMS) or f": expected one of {', '.join(CHECKSUMS)}"
            raise (place / "checksum").error(f"unknown checksum `{spec.checksum}`{hint}")
        self._spec, self._algorithm = spec, CHECKSUMS[spec.checksum]
        self._is_hex = spec.coding == "hex" or (spec.coding is None and is_text)
        self._bytes = spec.size or (self._algorithm.bits + 7) // 8
        self._order = "little" if little else "big"
        self._length = self._bytes * (2 if self._is_hex else 1)
        self.size = None if spec.optional else self._length

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        end = at + self._length
        if end > frame.end:
            if self._spec.optional:
                return at
            what = "hex digits" if self._is_hex else "bytes"
            message = f"the checksum needs {self._length} {what}, {frame.end - at} are left"
            raise DecodeError("truncated", message, field="checksum", byte_offset=frame.end)
        stated, expected = data[at:end], self._compute(data, at, frame.marks)
        if stated.upper() != expected.upper():
            self._report(stated, expected, at, frame)
        frame.note(at, end, "checksum", self._spec.checksum, stated.decode() if self._is_hex else stated.hex())
        return end

    def write(self, draft: Draft) -> None:
        draft.out += self._compute(draft.out, len(draft.out), draft.marks)

    def _compute(self, data: bytes | bytearray, at: int, marks: dict[str, int]) -> bytes:
        start = 0 if self._spec.start is None else marks.get(self._spec.start, 0)
        end = at if self._spec.end is None else marks.get(self._spec.end, at)
        number = self._algorithm.compute(bytes(data[start:end]))
        if self._is_hex:
            return f"{number:0{self._length}X}".encode()
        return number.to_bytes(self._bytes, "little" if self._order == "little" else "big")

    def _report(self, stated: bytes, expected: bytes, at: int, frame: Frame) -> None:
        shown = [
            text.decode("ascii", "backslashreplace") if self._is_hex else text.hex() for text in (stated, expected)
        ]
        message = f"{self._spec.checksum} is {shown[0]}, {shown[1]} expected"
        if self._spec.on_violation == "reject":
            raise DecodeError("bad_checksum", message, field="checksum", byte_offset=at)
        frame.row.quality.append(f"bad_checksum: {message}")
