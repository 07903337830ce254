"""The key-value layout: keys in any order, each followed by a value of the length that the key implies."""

from collections.abc import Sequence

from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import compile_each, parse_hex
from udfs.layouts.block import Block, compile_block
from udfs.layouts.length import trailing_text
from udfs.meaning import Scope
from udfs.model import KeyEntry, KeyValueLayout
from udfs.row import Readings, Row


class KeyValueDecoder:
    """A compiled key-value layout; it is strict: an unknown key ends nothing silently."""

    def __init__(self, layout: KeyValueLayout, at: Place, scope: Scope) -> None:
        _check_keys(layout.keys, at / "keys")

        def compile_entry(entry: KeyEntry, where: Place) -> Block:
            return compile_block(entry.fields, entry.size, layout.byte_order, where, scope)

        blocks = compile_each(layout.keys, at / "keys", compile_entry)
        self.fields = tuple(field for block in blocks for field in block.fields)
        keys = [bytes.fromhex(entry.key) for entry in layout.keys]
        self._key_size = len(keys[0])
        self._trailing = layout.trailing
        self._values = {key: (block.size, block.read) for key, block in zip(keys, blocks, strict=True)}
        self._blocks = dict(zip(keys, blocks, strict=True))

    def decode(self, payload: str) -> list[Row]:
        data = parse_hex(payload)
        row = Row()
        values, key_size, end, offset = self._values, self._key_size, len(data), 0
        if not data:
            raise DecodeError("truncated", "the payload is empty", byte_offset=0)
        while offset < end:
            start = offset + key_size
            value = values.get(data[offset:start])
            if value is None:
                self._no_key(data, offset, row)
                break
            size, read = value
            offset = start + size
            if offset > end:
                raise self._truncated_value(data[start - key_size : start], end - start, end)
            read(data, start, row)
        return [row]

    def encode(self, readings: Sequence[Readings]) -> str:
        if len(readings) != 1:
            raise EncodeError(f"a key-value payload holds one message, not {len(readings)}")
        wanted = {name for name, value in readings[0].items() if value is not None}
        payload = b""
        for key, block in self._blocks.items():
            names = {field.name for field in block.fields}
            if names & wanted:
                payload += key + block.write(readings[0])
                wanted -= names
        if wanted:
            raise EncodeError("no key holds this reading", field=min(wanted))
        if not payload:
            raise EncodeError("a payload needs at least one reading")
        return payload.hex()

    def canonical(self, payload: str) -> str:
        return payload.lower()

    def _truncated_value(self, key: bytes, got: int, end: int) -> DecodeError:
        block = self._blocks[key]
        message = f"key {key.hex()} needs {block.size} bytes of value, {got} are left"
        return DecodeError("truncated", message, field=block.field_beyond(got), byte_offset=end)

    def _no_key(self, data: bytes, offset: int, row: Row) -> None:
        rest = data[offset : offset + self._key_size]
        if len(rest) == self._key_size:
            raise DecodeError("unknown_key", f"no key {rest.hex()} in the spec", byte_offset=offset)
        if self._trailing == "reject":
            message = f"{len(rest)} of the {self._key_size} bytes of a key ({rest.hex()})"
            raise DecodeError("truncated", message, byte_offset=offset)
        if self._trailing == "warn":
            row.quality.append(trailing_text(data, offset))


def _check_keys(keys: list[KeyEntry], at: Place) -> None:
    seen: dict[str, int] = {}
    for index, entry in enumerate(keys):
        where = at / index / "key"
        if len(entry.key) != len(keys[0].key):
            raise where.error(f"key `{entry.key}` has another length than `{keys[0].key}`: all keys have the same")
        if entry.key in seen:
            raise where.error(f"key `{entry.key}` stands at keys[{seen[entry.key]}] already")
        seen[entry.key] = index
