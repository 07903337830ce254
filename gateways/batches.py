"""Lines that wait in memory, batched into records: one record of a group at a time is under way, so a device's lines,
which are all in one group, cannot overtake one another."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

NUM_GROUPS: Final = 64
"""Partition keys of the records; Kinesis spreads them over its shards. Changed, a device's lines may overtake those
that wait in a spool."""

MAX_LINES: Final = 500


def group_of(device_id: str) -> int:
    return crc32(device_id.encode()) % NUM_GROUPS


def partition_key(group: int) -> str:
    return f"group-{group:02d}"


@dataclass(slots=True)
class Batch:
    """Lines of one group that become one record; `since` is when the first of them came, by the loop's clock."""

    group: int
    since: float
    lines: list[bytes] = field(default_factory=list)
    durable: "list[asyncio.Future[None]]" = field(default_factory=list)
    size: int = 0
    is_closed: bool = False

    @property
    def data(self) -> bytes:
        return b"\n".join(self.lines)

    def settle(self, error: Exception | None = None) -> None:
        """Tells whoever waits that the lines are durable, or why they will not be."""
        for future in self.durable:
            if future.done():
                continue  # its sender is gone
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


class Batches:
    """All that waits in memory. A batch is due when it is full or `linger` seconds old."""

    def __init__(self, record_bytes: int, linger: float) -> None:
        self._record_bytes, self._linger = record_bytes, linger
        self._groups: list[deque[Batch]] = [deque() for _ in range(NUM_GROUPS)]
        self.size = 0

    def add(self, device_id: str, line: bytes, now: float) -> "asyncio.Future[None]":
        """Appends a line of a device; the future is done when it is durable."""
        group = group_of(device_id)
        waiting = self._groups[group]
        last = waiting[-1] if waiting else None
        if last is None or last.is_closed or last.size + len(line) > self._record_bytes:
            if last is not None:
                last.is_closed = True
            last = Batch(group, now)
            waiting.append(last)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        last.lines.append(line)
        last.durable.append(future)
        last.size += len(line) + 1
        self.size += len(line) + 1
        last.is_closed = len(last.lines) >= MAX_LINES
        return future

    def due(self, now: float) -> list[Batch]:
        """The oldest batch of each group where it is due; from now on no line is added to these."""
        heads = [waiting[0] for waiting in self._groups if waiting and self._is_due(waiting, now)]
        for batch in heads:
            batch.is_closed = True
        return heads

    def next_due(self) -> float | None:
        """When the next batch is due; None while none waits."""
        return min((self._due_at(waiting) for waiting in self._groups if waiting), default=None)

    def all(self) -> Iterator[Batch]:
        """Every batch, those of a group in their order; they are closed."""
        for waiting in self._groups:
            for batch in waiting:
                batch.is_closed = True
                yield batch

    def remove(self, batch: Batch) -> None:
        """Forgets the oldest batch of its group."""
        waiting = self._groups[batch.group]
        if waiting[0] is not batch:
            raise ValueError("only the oldest batch of a group can be removed")
        waiting.popleft()
        self.size -= batch.size

    def _is_due(self, waiting: "deque[Batch]", now: float) -> bool:
        return self._due_at(waiting) <= now

    def _due_at(self, waiting: "deque[Batch]") -> float:
        return waiting[0].since if waiting[0].is_closed or len(waiting) > 1 else waiting[0].since + self._linger
