"""Rows → payloads: of a CSV several rows of a device together, always the same ones, whatever the file is read in."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from gateways.files.rows import Row

MAX_CHARACTERS: Final = 8 << 10
"""Of a payload of several rows: the id of each of its messages is a hash over the whole of it."""

MAX_WAITING: Final = 10_000
"""Rows that wait for others of their device; then the device that has waited longest goes."""


class Payload(NamedTuple):
    """Rows of one device; `number` counts the payloads of a file, `row` the rows before them."""

    number: int
    row: int
    rows: tuple[Row, ...]

    @property
    def device(self) -> str:
        return self.rows[0].device

    @property
    def text(self) -> str:
        return self.rows[0].head + "".join(row.text for row in self.rows)


def payloads(rows: Iterable[Row], rows_per_payload: int) -> Iterator[Payload]:
    """Each device's rows in their order, up to so many in a payload."""
    for number, (first, group) in enumerate(_groups(rows, rows_per_payload)):
        yield Payload(number, first, tuple(group))


def _groups(rows: Iterable[Row], at_most: int) -> Iterator[tuple[int, list[Row]]]:
    waiting: dict[tuple[str, str], _Group] = {}
    held = 0
    for number, row in enumerate(rows):
        key = row.device, row.head
        group = waiting.get(key)
        if group is not None and group.characters + len(row.text) > MAX_CHARACTERS:
            held -= len(group.rows)
            yield waiting.pop(key).out()
            group = None
        if group is None:
            group = waiting[key] = _Group(number, len(row.head))
        group.add(row)
        held += 1
        if len(group.rows) >= at_most or held >= MAX_WAITING:
            oldest = key if len(group.rows) >= at_most else next(iter(waiting))
            held -= len(waiting[oldest].rows)
            yield waiting.pop(oldest).out()
    for group in waiting.values():
        yield group.out()


class _Group:
    def __init__(self, first: int, characters: int) -> None:
        self.first, self.characters = first, characters
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.characters += len(row.text)

    def out(self) -> tuple[int, list[Row]]:
        return self.first, self.rows
