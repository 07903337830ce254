"""A payload being read, and one being written: what the nodes of a compiled layout hand to each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from udfs.meaning import Field
from udfs.row import Readings, Row


class Span(NamedTuple):
    """What a part of a payload is: `bits` are (high, low) within it, None for whole bytes."""

    start: int
    end: int
    bits: str | None
    what: str
    name: str
    value: Any
    unit: str = ""
    doc: str = ""


class Frame:
    """A payload being read: `end` is where the innermost group ends, `base` where its places count from."""

    __slots__ = ("base", "data", "end", "marks", "row", "rows", "trace")

    def __init__(self, data: bytes, trace: list[Span] | None = None) -> None:
        self.data, self.base, self.end = data, 0, len(data)
        self.row = Row()
        self.rows = [self.row]
        self.marks: dict[str, int] = {}
        self.trace = trace

    def begin_message(self, domain: str) -> Row:
        """A record of its own begins; gives the one that goes on after it. It knows what was read before."""
        outer = self.row
        self.row = Row(values=dict(outer.values), domain=domain)
        self.rows.append(self.row)
        return outer

    def values(self, at: int) -> dict[str, Any]:
        """What an expression at `at` may ask for."""
        values = self.row.values
        values["remaining"], values["size"] = self.end - at, len(self.data)
        return values

    def note(self, start: int, end: int, what: str, name: str = "", value: Any = None, doc: str = "") -> None:
        """Remembers what these bytes are, for a reader who asked to have the payload explained."""
        if self.trace is not None and end > start:
            self.trace.append(Span(start, end, None, what, name, value, doc=doc))

    def note_field(self, field: Field, start: int, end: int, bits: str | None = None) -> None:
        """As `note`, for a field that has just been read."""
        if self.trace is None:
            return
        row, column = self.row, field.columns[0] if field.columns else None
        value = row.values.get(field.name)
        for message in (row, *(row.others or {}).values()):
            value = message.readings().get(field.name, value)
        unit, doc = (column.unit, column.doc) if column else ("", "")
        self.trace.append(Span(start, end, bits, "field", field.name, value, unit, doc))


class Draft:
    """A payload being written from `readings`; `queue` holds the messages that own-message nodes take.

    `derivations` tell hidden values, such as a count, from what is going to be written.
    """

    __slots__ = ("base", "derivations", "marks", "out", "queue", "readings", "values")

    def __init__(self, readings: Readings, queue: list[Readings], derivations: Mapping[str, "Derive"]) -> None:
        self.out = bytearray()
        self.base = 0
        self.marks: dict[str, int] = {}
        self.values: dict[str, Any] = {}
        self.readings, self.queue, self.derivations = readings, queue, derivations

    def trial(self) -> "Draft":
        """A draft of the same readings in which something can be written to see how long it gets."""
        draft = Draft(self.readings, list(self.queue), self.derivations)
        draft.out, draft.base, draft.marks = bytearray(self.out), self.base, dict(self.marks)
        draft.values = dict(self.values)
        return draft

    @contextmanager
    def message(self, readings: Readings) -> Iterator[None]:
        """While it lasts, `readings` are written: a message of its own, which knows what was written before."""
        outer = self.readings, self.values
        self.readings, self.values = readings, dict(self.values)
        yield
        self.readings, self.values = outer

    def next_message(self, fields: Sequence[Field], needed: Sequence[Field]) -> Readings | None:
        """The next message of the queue if it is made of these fields and has those needed; it is taken."""
        if not self.queue:
            return None
        readings = self.queue[0]
        names = {name for field in fields for name in field.readings_in(readings)}
        complete = all(field.stands_in(readings) for field in needed)
        return self.queue.pop(0) if complete and names == present(readings) else None

    def has_any(self, fields: Iterable[Field]) -> bool:
        """Whether some reading belongs to one of these fields."""
        return any(field.stands_in(self.readings) for field in fields)


Derive = Callable[[Draft], Any]


def present(readings: Readings) -> set[str]:
    """The names of the readings that are there."""
    return {name for name, value in readings.items() if value is not None}


class Node(Protocol):
    """A compiled item. `size` is None where the payload decides it; a `greedy` one takes all that is there."""

    @property
    def greedy(self) -> bool:
        """Whether it reads to the end of what it is given."""

    @property
    def fields(self) -> Sequence[Field]:
        """Every field below, in the spec's order."""

    @property
    def size(self) -> int | None:
        """Bytes that it always takes."""

    def read(self, data: bytes, at: int, frame: Frame) -> int:
        """Reads at `at` and gives where it ended; raises DecodeError."""

    def write(self, draft: Draft) -> None:
        """Appends its bytes; raises EncodeError."""
