"""How items stand to one another: in sequence, grouped, with a size before them, conditional, chosen, repeated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from udfs.contract import evaluate
from udfs.errors import DecodeError, EncodeError
from udfs.expression import Expression
from udfs.layouts.block import Block
from udfs.layouts.frame import Draft, Frame, Node
from udfs.layouts.part import whole_number
from udfs.meaning import Field, shown
from udfs.model import Trailing
from udfs.named_by_value import INDEX, bindings, names_in

MAX_ELEMENTS: Final = 65536
"""Elements of one repeat; a payload that wants more is refused."""


class Run:
    """Items one after another. A greedy item leaves the bytes that the fixed ones behind it need."""

    def __init__(self, nodes: Sequence[Node], marks: Mapping[int, str]) -> None:
        self.nodes = tuple(nodes)
        self.fields: tuple[Field, ...] = tuple(field for node in nodes for field in node.fields)
        self.size = _sum([node.size for node in nodes])
        self.greedy = any(node.greedy for node in nodes)
        tails = [_sum([node.size for node in nodes[index + 1 :]]) or 0 for index in range(len(nodes))]
        self._steps = [(node, marks.get(index), tails[index] if node.greedy else 0) for index, node in enumerate(nodes)]

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        for node, mark, tail in self._steps:
            if mark is not None:
                frame.marks[mark] = at
            frame.end -= tail
            at = node.read(data, at, frame)
            frame.end += tail
        return at

    def write(self, draft: Draft) -> None:
        for node, mark, _ in self._steps:
            if mark is not None:
                draft.marks[mark] = len(draft.out)
            node.write(draft)


@dataclass(frozen=True)
class Extent:
    """How far a group goes: `size` bytes, up to `until`, or as far as its items do."""

    size: int | Expression | None = None
    until: bytes | None = None
    trailing: Trailing = "reject"
    consumes: bool = True

    @property
    def separator(self) -> bytes:
        """What stands behind the group and belongs to it."""
        return (self.until or b"") if self.consumes else b""

    def limits(self, data: bytes, at: int, frame: Frame) -> tuple[int | None, int]:
        """Where the group ends, None where its items tell, and how long the separator behind it is."""
        if self.until is not None:
            end = data.find(self.until, at, frame.end)
            if end < 0:
                shown_until = self.until.decode("utf-8", "backslashreplace")
                raise DecodeError("bad_separator", f"no {shown_until!r} from here on", byte_offset=at)
            return end, len(self.separator)
        if self.size is None:
            return None, 0
        size = self.size if isinstance(self.size, int) else whole_number(self.size, frame, at)
        if at + size > frame.end:
            message = f"a group needs {size} bytes, {frame.end - at} are left"
            raise DecodeError("truncated", message, byte_offset=frame.end)
        return at + size, 0


@dataclass(frozen=True)
class Grouped:
    """Items with places, a size, or a message of their own."""

    run: Node
    extent: Extent
    own_message: bool
    domain: str
    size: int | None
    separator: bytes | None = None

    @property
    def fields(self) -> Sequence[Field]:
        return self.run.fields

    @property
    def greedy(self) -> bool:
        return self.size is None and self.extent.size is None and self.extent.until is None and self.run.greedy

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        outer = frame.begin_message(self.domain) if self.own_message else frame.row
        limit, behind = self.extent.limits(data, at, frame)
        at = read_within(self.run, data, at, limit, self.extent.trailing, frame) + behind
        frame.row = outer
        return at

    def write(self, draft: Draft) -> None:
        if not self.own_message:
            self._write(draft)
            return
        readings = draft.next_message(self.fields, needed_fields(self.run))
        if readings is None:
            raise EncodeError("no message is left for this group of its own")
        with draft.message(readings):
            self._write(draft)

    def _write(self, draft: Draft) -> None:
        begin = len(draft.out)
        write_within(self.run, draft)
        if isinstance(self.extent.size, int):
            draft.out.extend(bytes(max(0, self.extent.size - (len(draft.out) - begin))))
        strip_separator(draft, begin, self.separator)
        draft.out += self.extent.separator


def needed_fields(node: Node) -> list[Field]:
    """The fields without whose readings a node cannot be written, whatever is chosen or repeated below."""
    if isinstance(node, Run):
        return [field for child in node.nodes for field in needed_fields(child)]
    if isinstance(node, Grouped | SizePrefix):
        return needed_fields(node.run)
    if not isinstance(node, Block):
        return []
    return [field for field in node.fields if not field.optional and not field.hidden and field.bound is None]


def read_within(node: Node, data: bytes, at: int, limit: int | None, trailing: Trailing, frame: Frame) -> int:
    """Reads a node whose places count from `at`, up to `limit` if there is one; gives where to go on."""
    base, end = frame.base, frame.end
    frame.base = at
    if limit is None:
        at = node.read(data, at, frame)
    else:
        frame.end = limit
        at = node.read(data, at, frame)
        if at < limit:
            check_trailing(data, at, limit, trailing, frame)
            at = limit
    frame.base, frame.end = base, end
    return at


def write_within(node: Node, draft: Draft) -> None:
    """Writes a node whose places count from here."""
    base, draft.base = draft.base, len(draft.out)
    node.write(draft)
    draft.base = base


def strip_separator(draft: Draft, begin: int, separator: bytes | None) -> None:
    """Takes the separator off that stands behind the last value written since `begin`."""
    if separator is not None and len(draft.out) > begin and draft.out.endswith(separator):
        del draft.out[-len(separator) :]


def check_trailing(data: bytes, at: int, end: int, trailing: Trailing, frame: Frame) -> None:
    """What becomes of bytes that no item asked for; raises DecodeError too_long."""
    count = end - at
    frame.note(at, end, "trailing")
    if trailing == "reject":
        message = f"{count} byte{'s' if count > 1 else ''} more than the spec reads"
        raise DecodeError("too_long", message, byte_offset=at)
    if trailing == "warn":
        rest = data[at:end]
        start = rest[:8].hex() + ("…" if count > 8 else "")
        text = f"trailing_bytes: {count} byte{'s' if count > 1 else ''} at offset {at} ({start})"
        frame.row.quality.append(text)


@dataclass(frozen=True)
class SizePrefix:
    """Items behind their size, a number in bytes or in decimal digits; items take size + adjust bytes."""

    run: Node
    length: int | None
    little: bool
    adjust: int
    trailing: Trailing
    size: int | None = None
    greedy: bool = False

    @property
    def fields(self) -> Sequence[Field]:
        return self.run.fields

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        begin = at + self.length if self.length is not None else _digits_end(data, at, frame.end)
        if begin > frame.end or begin == at:
            raise DecodeError("truncated", "the size is missing", field="size", byte_offset=min(at, frame.end))
        stated = int.from_bytes(data[at:begin], self._order) if self.length is not None else int(data[at:begin])
        limit = begin + stated + self.adjust
        if limit > frame.end or limit < begin:
            message = f"the size {stated} asks for {stated + self.adjust} bytes, {frame.end - begin} are there"
            raise DecodeError("bad_length", message, field="size", byte_offset=at)
        frame.note(at, begin, "size", value=stated)
        return read_within(self.run, data, begin, limit, self.trailing, frame)

    def write(self, draft: Draft) -> None:
        trial = draft.trial()
        write_within(self.run, trial)
        stated = len(trial.out) - len(draft.out) - self.adjust
        try:
            draft.out += str(stated).encode() if self.length is None else stated.to_bytes(self.length, self._order)
        except OverflowError:
            raise EncodeError(f"the size {stated} does not fit {self.length} bytes") from None
        write_within(self.run, draft)

    @property
    def _order(self) -> Any:
        return "little" if self.little else "big"


def _digits_end(data: bytes, at: int, end: int) -> int:
    start = at
    while at < end and at - start < 9 and 48 <= data[at] <= 57:
        at += 1
    return at


@dataclass(frozen=True)
class Conditional:
    """Items that are there where a condition holds, else others or none."""

    condition: Expression
    then: Node
    otherwise: Node | None
    size: int | None

    @property
    def fields(self) -> Sequence[Field]:
        return (*self.then.fields, *(self.otherwise.fields if self.otherwise else ()))

    @property
    def greedy(self) -> bool:
        return self.then.greedy or (self.otherwise is not None and self.otherwise.greedy)

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        if evaluate(self.condition, frame.values(at), "if"):
            return self.then.read(data, at, frame)
        return at if self.otherwise is None else self.otherwise.read(data, at, frame)

    def write(self, draft: Draft) -> None:
        if self.holds(draft):
            self.then.write(draft)
        elif self.otherwise is not None:
            self.otherwise.write(draft)

    def holds(self, draft: Draft) -> bool:
        """Whether the items are written: as the condition says, or where it asks for bytes, if there are readings."""
        if "remaining" in self.condition.names or "size" in self.condition.names:
            return draft.has_any(self.then.fields)
        return bool(evaluate(self.condition, draft.values, "if"))

    def is_wanted(self, draft: Draft) -> bool:
        """What the readings imply of a hidden condition: where both ways have them, the one that they fit."""
        if not draft.has_any(self.then.fields):
            return False
        if self.otherwise is None or not draft.has_any(self.otherwise.fields):
            return True
        try:
            self.then.write(draft.trial())
        except EncodeError:
            return False
        return True


@dataclass(frozen=True)
class Choice:
    """Items chosen by a value."""

    subject: Expression
    cases: Mapping[Any, Node]
    otherwise: Node | None
    size: int | None

    @property
    def nodes(self) -> list[Node]:
        """What may stand here, each once even where several cases share it."""
        nodes = [*self.cases.values(), *([self.otherwise] if self.otherwise else [])]
        return list({id(node): node for node in nodes}.values())

    @property
    def fields(self) -> Sequence[Field]:
        return tuple(field for node in self.nodes for field in node.fields)

    @property
    def greedy(self) -> bool:
        return any(node.greedy for node in self.nodes)

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        subject = evaluate(self.subject, frame.values(at), "switch")
        node = self.cases.get(subject, self.otherwise)
        if node is None:
            known = ", ".join(shown(case) for case in self.cases)
            message = f"{self.subject.text} is {'absent' if subject is None else shown(subject)}, the spec has {known}"
            raise DecodeError("not_allowed", message, field=self.subject.text, byte_offset=at)
        return node.read(data, at, frame)

    def write(self, draft: Draft) -> None:
        node = self.cases.get(evaluate(self.subject, draft.values, "switch"), self.otherwise)
        if node is None:
            raise EncodeError("no case has this value", field=self.subject.text)
        node.write(draft)

    def implied(self, draft: Draft) -> Any:
        """Of the cases that can be written, the one that says most: messages of its own, then readings."""
        return max(self.cases, key=lambda case: self._worth(case, draft))

    def _worth(self, case: Any, draft: Draft) -> tuple[bool, int, int]:
        node, trial = self.cases[case], draft.trial()
        trial.values[self.subject.text] = case
        num_readings = sum(field.stands_in(draft.readings) for field in node.fields)
        try:
            node.write(trial)
        except EncodeError:
            return False, 0, num_readings
        return True, len(draft.queue) - len(trial.queue), num_readings


@dataclass(frozen=True)
class Repeated:
    """Items again and again: `count` times, or to the end; after an element for which `until` holds no more."""

    run: Node
    count: int | Expression | None
    until: Expression | None
    own_message: bool
    domain: str
    size: int | None

    @property
    def fields(self) -> Sequence[Field]:
        return self.run.fields

    @property
    def greedy(self) -> bool:
        return self.count is None and self.until is None

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        times = whole_number(self.count, frame, at) if isinstance(self.count, Expression) else self.count
        outer, index = frame.row, 0
        while index < (MAX_ELEMENTS if times is None else times) and (times is not None or at < frame.end):
            begin, frame.row = at, outer
            if self.own_message:
                frame.begin_message(self.domain)
            frame.row.values["index"] = index
            at = read_within(self.run, data, at, None, "reject", frame)
            if at == begin or index == MAX_ELEMENTS:
                raise DecodeError("bad_length", "elements that take no bytes, or too many of them", byte_offset=at)
            index += 1
            if self.until is not None and evaluate(self.until, frame.values(at), "until"):
                break
        frame.row = outer
        return at

    def write(self, draft: Draft) -> None:
        for index, values in enumerate(self._elements(draft)):
            readings = draft.next_message(self.fields, needed_fields(self.run)) if self.own_message else draft.readings
            with draft.message(readings or {}):
                draft.values.update(values, index=index)
                write_within(self.run, draft)

    def occurrences(self, draft: Draft) -> int:
        """How many elements the readings make."""
        return len(self._elements(draft))

    def _elements(self, draft: Draft) -> list[dict[str, Any]]:
        """For each element the values that only the names of its readings tell."""
        found: list[dict[str, Any]] = []
        if self.own_message:
            trial = draft.trial()
            while trial.next_message(self.fields, needed_fields(self.run)) is not None:
                found.append({})
        elif self._asks_names(draft):
            found = [
                values
                for values in bindings(self.fields, draft.readings)
                if all(draft.values.get(name, value) == value for name, value in values.items())
            ]
        else:
            while self._stands_in(draft, len(found)):
                found.append({})
        if isinstance(self.count, int):
            found = (found + [{}] * self.count)[: self.count]
        return found

    def _asks_names(self, draft: Draft) -> bool:
        """Whether a name holds a value that nothing before it tells, such as a channel number in the element."""
        names = {name for field in self.fields for name in names_in(field.name)}
        return bool(names - {INDEX} - draft.values.keys())

    def _stands_in(self, draft: Draft, index: int) -> bool:
        values = {**draft.values, "index": index}
        return any(field.bound is not None and field.bound(values).stands_in(draft.readings) for field in self.fields)


def _sum(sizes: Sequence[int | None]) -> int | None:
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total
