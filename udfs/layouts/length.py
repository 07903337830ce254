"""The length layout: one block of bytes, every field at its fixed place."""

from collections.abc import Sequence

from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import parse_hex
from udfs.layouts.block import compile_block
from udfs.meaning import Scope
from udfs.model import LengthLayout
from udfs.row import Readings, Row


class LengthDecoder:
    """A compiled length layout."""

    def __init__(self, layout: LengthLayout, at: Place, scope: Scope) -> None:
        block = compile_block(layout.fields, layout.size, layout.byte_order, at, scope)
        self.fields = block.fields
        self._block = block
        self._size, self._read, self._write = block.size, block.read, block.write
        self._trailing = layout.trailing

    def decode(self, payload: str) -> list[Row]:
        data = parse_hex(payload)
        row = Row()
        if len(data) != self._size:
            self._check_size(data, row)
        self._read(data, 0, row)
        return [row]

    def encode(self, readings: Sequence[Readings]) -> str:
        if len(readings) != 1:
            raise EncodeError(f"a payload of fixed length holds one message, not {len(readings)}")
        return self._write(readings[0]).hex()

    def canonical(self, payload: str) -> str:
        return payload.lower()

    def _check_size(self, data: bytes, row: Row) -> None:
        size, length = self._size, len(data)
        if length < size:
            field = self._block.field_beyond(length)
            raise DecodeError("truncated", f"{length} bytes, expected {size}", field=field, byte_offset=length)
        if self._trailing == "reject":
            raise DecodeError("too_long", f"{length} bytes, expected {size}", byte_offset=size)
        if self._trailing == "warn":
            row.quality.append(trailing_text(data, size))


def trailing_text(data: bytes, offset: int) -> str:
    """The warning about bytes that nobody asked for."""
    rest = data[offset:]
    shown = rest[:8].hex() + ("…" if len(rest) > 8 else "")
    return f"trailing_bytes: {len(rest)} byte{'s' if len(rest) > 1 else ''} at offset {offset} ({shown})"
