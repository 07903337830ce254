"""Payloads of bytes: the layouts length, key_value and hybrid, each a run of nodes over one frame."""

from collections.abc import Sequence
from dataclasses import replace

from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import parse_hex, utf8
from udfs.layouts.block import Block
from udfs.layouts.frame import Draft, Frame, Node, Span, present
from udfs.layouts.framing import literal_bytes
from udfs.layouts.items import Context, compile_items, compile_keys
from udfs.layouts.keys import KeyLoop
from udfs.layouts.slots import Order
from udfs.layouts.structure import Grouped, Repeated, Run, check_trailing, strip_separator
from udfs.meaning import Field, Scope
from udfs.model import HybridLayout, KeyValueLayout, LengthLayout, Trailing
from udfs.row import Readings, Row


class FrameDecoder:
    """A compiled layout over bytes."""

    def __init__(
        self, layout: LengthLayout | KeyValueLayout | HybridLayout, at: Place, scope: Scope, is_text: bool
    ) -> None:
        self.root = _compile(layout, at, scope, is_text)
        self.fields: Sequence[Field] = self.root.fields
        self.trailing: Trailing = layout.trailing
        self.size = layout.size if isinstance(layout, LengthLayout) else None
        self.block = _only_block(self.root)
        self._loop = self.root if isinstance(self.root, KeyLoop) and self.root.blocks else None
        self._derivations = scope.derivations
        self.is_text = is_text
        separator = layout.separator if isinstance(layout, HybridLayout) else None
        self._separator = None if separator is None else separator.encode()
        completed_by = layout.completed_by if isinstance(layout, HybridLayout) else None
        self._ending = literal_bytes(completed_by, at / "completed_by", is_text) if completed_by else b""

    def decode(self, payload: str) -> list[Row]:
        data = self.payload_bytes(payload)
        block = self.block
        if block is not None and len(data) == block.end:
            row = Row()
            block.reader(data, 0, row)
            return [row]
        if self._loop is not None and data:
            row = Row()
            if self._loop.read_plain(data, 0, len(data), row) == len(data):
                return [row]
        frame = Frame(self._completed(data))
        self._read(frame)
        rows = frame.rows
        return rows if len(rows) == 1 else [row for row in rows if says_something(row)] or rows[:1]

    def explain(self, payload: str, spans: list[Span]) -> None:
        self._read(Frame(self._completed(self.payload_bytes(payload)), spans))

    def encode(self, readings: Sequence[Readings]) -> str:
        main, queue = self._split(readings)
        draft = Draft(main, queue, self._derivations)
        self.root.write(draft)
        strip_separator(draft, 0, self._separator)
        if draft.queue:
            raise EncodeError(
                "the layout has no place for this message", field=min(present(draft.queue[0]), default="")
            )
        if self.size is not None:
            draft.out.extend(bytes(max(0, self.size - len(draft.out))))
        if not draft.out:
            raise EncodeError("a payload needs at least one reading")
        data = bytes(draft.out)
        return data.decode("utf-8") if self.is_text else data.hex()

    def canonical(self, payload: str) -> str:
        data = self._completed(self.payload_bytes(payload))
        return data.decode("utf-8") if self.is_text else data.hex()

    def payload_bytes(self, payload: str) -> bytes:
        """The payload's bytes; raises DecodeError bad_hex, or bad_value for what is no text."""
        return utf8(payload) if self.is_text else parse_hex(payload)

    def _completed(self, data: bytes) -> bytes:
        return data + self._ending if data and not data.endswith(self._ending) else data

    def _read(self, frame: Frame) -> None:
        data, needed = frame.data, self.size or (self.block.end if self.block else 1)
        if len(data) < needed:
            field = self.block.field_beyond(len(data)) if self.block else ""
            message = f"{len(data)} bytes, expected {needed}" if data else "the payload is empty"
            raise DecodeError("truncated", message, field=field, byte_offset=len(data))
        at = max(self.root.read(data, 0, frame), needed)
        if at < len(data):
            check_trailing(data, at, len(data), self.trailing, frame)

    def _split(self, readings: Sequence[Readings]) -> tuple[Readings, list[Readings]]:
        """The readings outside of any message of its own, and the messages of their own."""
        inside = _own_message_fields(self.root)
        outside = [field for field in self.fields if all(field is not other for other in inside)]
        main: dict[str, object] = {}
        queue: list[Readings] = []
        for message in readings:
            names = present(message)
            if {name for field in outside for name in field.readings_in(message)} >= names and not (
                queue or self._is_own(message, inside, main)
            ):
                _merge(main, message)
            elif {name for field in inside for name in field.readings_in(message)} >= names:
                queue.append(message)
            else:
                known = {name for field in self.fields for name in field.readings_in(message)}
                raise EncodeError("no field holds this reading", field=min(names - known or names))
        return main, queue  # type: ignore[return-value]

    def _is_own(self, message: Readings, inside: Sequence[Field], main: dict[str, object]) -> bool:
        """Whether a message that fits both outside and inside has all that one of its own must have."""
        needed = [field for field in inside if not field.optional and not field.hidden]
        return bool(needed) and all(field.stands_in(message) for field in needed)


def says_something(row: Row) -> bool:
    """Whether a record has readings or warnings."""
    return bool(row.measurements or row.attributes or row.others or row.quality)


def _merge(main: dict[str, object], message: Readings) -> None:
    for name, value in message.items():
        if name in main:
            raise EncodeError("this payload holds one message, and two have this reading", field=name)
        main[name] = value


def _own_message_fields(node: Node) -> list[Field]:
    """The fields that stand in messages of their own."""
    if isinstance(node, Grouped | Repeated) and node.own_message:
        return list(node.fields)
    found: list[Field] = []
    if isinstance(node, KeyLoop):
        for entry in node.entries.values():
            found += entry.node.fields if entry.own_message else _own_message_fields(entry.node)
        return found
    for child in _children(node):
        found += _own_message_fields(child)
    return found


def _children(node: Node) -> list[Node]:
    nodes = list(getattr(node, "nodes", ()))
    if not nodes:
        nodes = [child for name in ("run", "then", "otherwise") if (child := getattr(node, name, None)) is not None]
    return nodes


def _only_block(root: Node) -> Block | None:
    """The block that is all there is to a layout."""
    only = root.nodes[0] if isinstance(root, Run) and len(root.nodes) == 1 else None
    return only if isinstance(only, Block) else None


def _compile(layout: LengthLayout | KeyValueLayout | HybridLayout, at: Place, scope: Scope, is_text: bool) -> Node:
    context = Context(scope, Order(layout.byte_order, layout.bit_order), is_text)
    if isinstance(layout, KeyValueLayout):
        return compile_keys(layout, at, context, None, None, layout.trailing != "reject")
    if isinstance(layout, LengthLayout):
        run = compile_items(layout.fields, at / "fields", replace(context, reserved=layout.size or 0))
        if layout.size is not None and run.size is not None and run.size > layout.size:
            raise (at / "size").error(f"the items take {run.size} bytes, the size is {layout.size}")
        return run
    return compile_items(layout.parts, at / "parts", replace(context, separator=layout.separator))
