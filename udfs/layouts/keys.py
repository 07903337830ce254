"""Keys in any order, each followed by its value: of the length that the key implies, or with its size before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from udfs.errors import DecodeError, EncodeError
from udfs.expression import Expression
from udfs.layouts.block import Block
from udfs.layouts.frame import Draft, Frame, Node
from udfs.layouts.part import whole_number
from udfs.layouts.structure import Extent, needed_fields, read_within, write_within
from udfs.meaning import Field
from udfs.named_by_value import bindings, names_in
from udfs.row import Row

Key = bytes
_UNLISTED = "key"
_OCCURRENCE = "occurrence"
_WRITTEN = "unlisted keys written"


@dataclass(frozen=True)
class Entry:
    """A key's value. `block` is set where the value is one block and nothing else, which is read without a detour."""

    node: Node
    extent: Extent
    own_message: bool
    domain: str
    block: Block | None

    @property
    def is_counted(self) -> bool:
        """Whether a name below holds which occurrence of the key it is of."""
        return any(_OCCURRENCE in names_in(field.name) for field in self.node.fields)

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        outer = frame.begin_message(self.domain) if self.own_message else frame.row
        limit, behind = self.extent.limits(data, at, frame)
        at = read_within(self.node, data, at, limit, self.extent.trailing, frame) + behind
        frame.row = outer
        return at

    def write(self, draft: Draft) -> None:
        begin = len(draft.out)
        write_within(self.node, draft)
        if isinstance(self.extent.size, int):
            draft.out.extend(bytes(max(0, self.extent.size - (len(draft.out) - begin))))


@dataclass(frozen=True)
class KeyForm:
    """How keys are written: `size` bytes, or a text up to `until`."""

    size: int
    order: Literal["big", "little"]
    until: bytes | None = None

    def shown(self, key: Key) -> str:
        return key.hex() if self.until is None else repr(key.decode("utf-8", "backslashreplace"))

    def value(self, key: Key) -> int | str:
        """What `{key}` stands for in a name."""
        return int.from_bytes(key, "big") if self.until is None else key.decode("utf-8", "backslashreplace")

    def key(self, value: Any) -> Key:
        return int(value).to_bytes(self.size, "big") if self.until is None else str(value).encode()


class KeyLoop:
    """Reads keys `count` times, up to `stop`, or to the end of what there is."""

    size = None

    def __init__(
        self,
        form: KeyForm,
        entries: Mapping[Key, Entry],
        unlisted: Entry | None,
        count: int | Expression | None,
        stop: bytes | None,
        tolerates_rest: bool,
    ) -> None:
        self._form, self._entries, self._unlisted = form, dict(entries), unlisted
        self._count, self._stop, self._tolerates_rest = count, stop, tolerates_rest
        values = [*entries.values(), *([unlisted] if unlisted else [])]
        self.nodes: tuple[Node, ...] = tuple(entry.node for entry in values)
        self.fields: tuple[Field, ...] = tuple(field for node in self.nodes for field in node.fields)
        self.greedy = count is None and stop is None
        self.entries: Mapping[Key, Entry] = self._entries
        blocks = {key: entry.block for key, entry in self._entries.items() if entry.block is not None}
        is_plain = form.until is None and count is None and stop is None
        self.blocks: Mapping[Key, Block] = blocks if is_plain else {}
        self._plain = {key: (block.end, block.reader) for key, block in self.blocks.items()}

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        if self._plain and frame.trace is None:
            at = self.read_plain(data, at, frame.end, frame.row)
            if at == frame.end:
                return at
        times = whole_number(self._count, frame, at) if isinstance(self._count, Expression) else self._count
        entries, key_size, number = self._entries, self._form.size, 0
        while (number < times if times is not None else at < frame.end) and not self._stops(data, at):
            if self._form.until is None:
                begin = at + key_size
                key = data[at:begin] if begin <= frame.end else b""
            else:
                key, begin = self._text_key(data, at, frame)
            entry = entries.get(key, self._unlisted)
            if entry is None or not key:
                if not key and self._tolerates_rest and begin > frame.end:
                    return at
                raise self._unknown(data[at : min(begin, frame.end)], at)
            at = self._value(entry, key, data, at, begin, frame)
            number += 1
        return at

    def read_plain(self, data: bytes, at: int, end: int, row: Row) -> int:
        """Reads keys whose values are blocks, up to the first that is anything else; gives where that stands."""
        known, key_size = self._plain, self._form.size
        while at < end:
            begin = at + key_size
            value = known.get(data[at:begin])
            if value is None:
                return at
            size, read = value
            after = begin + size
            if after > end:
                return at
            read(data, begin, row)
            at = after
        return at

    def _value(self, entry: Entry, key: Key, data: bytes, at: int, begin: int, frame: Frame) -> int:
        if frame.trace is not None:
            frame.note(at, begin, "key", self._form.shown(key))
        if entry is self._unlisted:
            frame.row.values[_UNLISTED] = self._form.value(key)
        block = entry.block
        if block is not None:
            end = begin + block.end
            if end > frame.end:
                raise self._truncated(block, key, begin, frame.end)
            block.reader(data, begin, frame.row)
            if frame.trace is not None:
                block.trace(begin, frame)
            return end
        if entry.is_counted:
            counter = f"{_OCCURRENCE} of {self._form.shown(key)}"
            values = frame.row.values
            values[_OCCURRENCE] = values[counter] = values.get(counter, -1) + 1
        end = entry.read(data, begin, frame)
        if end == at:
            raise DecodeError("bad_length", f"key {self._form.shown(key)} takes no bytes", byte_offset=at)
        return end

    def write(self, draft: Draft) -> None:
        self._write(draft)

    def occurrences(self, draft: Draft) -> int:
        """How many keys the readings make."""
        return self._write(draft.trial())

    def _write(self, draft: Draft) -> int:
        number, chosen = 0, self._chosen(draft)
        for key, entry in self._entries.items():
            if entry.own_message:
                number += self._write_messages(key, entry, draft)
            elif key in chosen:
                number += self._write_named(key, entry, draft)
        return number + (self._write_unlisted(self._unlisted, draft) if self._unlisted else 0)

    def _chosen(self, draft: Draft) -> set[Key]:
        """The keys that hold the readings: of several that could, those that are complete and say most."""
        names = {
            key: {name for field in entry.node.fields for name in field.readings_in(draft.readings)}
            for key, entry in self._entries.items()
            if not entry.own_message
        }

        def rank(key: Key) -> tuple[bool, int]:
            needed = needed_fields(self._entries[key].node)
            return not all(field.stands_in(draft.readings) for field in needed), -len(names[key])

        chosen: set[Key] = set()
        held: set[str] = set()
        for key in sorted(names, key=rank):
            if names[key] - held:
                chosen.add(key)
                held |= names[key]
        return chosen

    def _write_messages(self, key: Key, entry: Entry, draft: Draft) -> int:
        """The next messages that this key can hold; what does not fit is left to the keys behind it."""
        number = 0
        while self._write_message(key, entry, draft.trial()):
            self._write_message(key, entry, draft)
            number += 1
        return number

    def _write_message(self, key: Key, entry: Entry, draft: Draft) -> bool:
        readings = draft.next_message(entry.node.fields, needed_fields(entry.node))
        if readings is None:
            return False
        try:
            with draft.message(readings):
                self._write_key(key, entry, draft)
        except EncodeError:
            return False
        return True

    def _write_named(self, key: Key, entry: Entry, draft: Draft) -> int:
        found = bindings(entry.node.fields, draft.readings)
        for values in found:
            draft.values.update(values)
            self._write_key(key, entry, draft)
            for name in values:
                draft.values.pop(name, None)
        return len(found)

    def _write_unlisted(self, entry: Entry, draft: Draft) -> int:
        """Each reading goes to the first loop whose values can hold it."""
        number, written = 0, draft.values.get(_WRITTEN, frozenset())
        for values in bindings(entry.node.fields, draft.readings):
            value = values.get(_UNLISTED)
            if (
                value is None
                or (self._form.until is None and not isinstance(value, int))
                or value in written
                or self._form.key(value) in self._entries
            ):
                continue
            trial = draft.trial()
            trial.values.update(values)
            try:
                self._write_key(self._form.key(value), entry, trial)
            except (EncodeError, OverflowError):
                continue
            draft.out[:] = trial.out
            number, written = number + 1, written | {value}
        draft.values[_WRITTEN] = written
        return number

    def _write_key(self, key: Key, entry: Entry, draft: Draft) -> None:
        draft.out += key + (self._form.until or b"")
        entry.write(draft)

    def _stops(self, data: bytes, at: int) -> bool:
        return self._stop is not None and data.startswith(self._stop, at)

    def _text_key(self, data: bytes, at: int, frame: Frame) -> tuple[Key, int]:
        until = self._form.until or b""
        end = data.find(until, at, frame.end)
        if end <= at:
            raise DecodeError("bad_separator", f"no key before {until.decode()!r}", byte_offset=at)
        return data[at:end], end + len(until)

    def _truncated(self, block: Block, key: Key, begin: int, end: int) -> DecodeError:
        error = block.truncated(end - begin, end)
        error.message = f"key {self._form.shown(key)} needs {block.end} bytes of value, {end - begin} are left"
        return error

    def _unknown(self, rest: bytes, at: int) -> DecodeError:
        if self._form.until is None and len(rest) < self._form.size:
            message = f"{len(rest)} of the {self._form.size} bytes of a key ({rest.hex()})"
            return DecodeError("truncated", message, byte_offset=at)
        key = rest if self._form.until is None else rest.removesuffix(self._form.until)
        return DecodeError("unknown_key", f"no key {self._form.shown(key)} in the spec", byte_offset=at)
