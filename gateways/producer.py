"""Lines → records on Kinesis: batched, each device's in order, and on disk while Kinesis does not take them.

A line's future is done when Kinesis or the spool has it. While something is spooled all goes through the spool, so
order holds; when it is empty again records go directly. Memory is bounded: where neither Kinesis nor the spool takes
more, `offer` waits, and so do the sources. What is put twice after a crash is the same bytes: the job knows them.
"""

import asyncio
import random
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
import structlog
from msgspec import Meta

from gateways.batches import NUM_GROUPS, Batch, Batches, partition_key
from gateways.errors import Unavailable
from gateways.metrics import Metrics
from gateways.spool import Spool, SpooledRecord
from gateways.stream import MAX_CALL_BYTES, MAX_RECORDS, Stream

TICK_SECONDS: Final = 0.02
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 5.0
FLUSH_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)
_Waiting = TypeVar("_Waiting", Batch, SpooledRecord)


class ProducerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How lines are batched, and what waits where; `spool` is a folder, beside the gateway file unless absolute."""

    linger_ms: Annotated[int, Meta(ge=1, le=10_000, description="how long a line waits for others")] = 100
    record_kib: Annotated[int, Meta(ge=1, le=1000, description="size of a full record")] = 64
    memory_mib: Annotated[int, Meta(ge=1, description="what may wait in memory")] = 64
    spool: Annotated[str, Meta(min_length=1, description="folder of what waits on disk")] = "spool"
    spool_mib: Annotated[int, Meta(ge=1, description="what may wait on disk")] = 1024
    spool_after_s: Annotated[float, Meta(ge=0, description="Kinesis refuses for so long: to disk")] = 2.0


class Producer:
    """Puts the lines of all sources on one stream. `run` it as a task, `close` it when the sources have ended."""

    def __init__(self, stream: Stream, spool: Spool, config: ProducerConfig, metrics: Metrics) -> None:
        self._stream, self._spool, self._metrics = stream, spool, metrics
        self._batches = Batches(config.record_kib << 10, config.linger_ms / 1000)
        self._memory, self._spool_after = config.memory_mib << 20, config.spool_after_s
        self._pauses = [0.0] * NUM_GROUPS
        self._not_before = [0.0] * NUM_GROUPS
        self._failing_since: float | None = None
        self._errors: set[str] = set()
        """Of the newest call that was not taken whole."""
        self._is_spooling = spool.size > 0
        self._ends_at: float | None = None
        self._room = asyncio.Event()
        metrics.pending_bytes.set_function(lambda: self._batches.size)
        metrics.spool_bytes.set_function(lambda: spool.size)

    async def offer(self, device_id: str, line: bytes) -> "asyncio.Future[None]":
        """Takes a line of a device over, waiting while there is no room; raises Unavailable when it is closing.

        The future is done when the line is durable, and fails with Unavailable where it will not be.
        """
        while self._batches.size >= self._memory and self._ends_at is None:
            self._room.clear()
            await self._room.wait()
        if self._ends_at is not None:
            raise Unavailable("the gateway is stopping")
        return self._batches.add(device_id, line, _now())

    @property
    def has_room(self) -> bool:
        """Whether `offer` would not wait."""
        return self._batches.size < self._memory and self._ends_at is None

    def refuse(self, patience: float = FLUSH_SECONDS) -> None:
        """From now on `offer` raises Unavailable, also where it waits; `run` ends within `patience` seconds."""
        self._ends_at = _now() + patience
        self._room.set()

    async def run(self) -> None:
        """Sends until `close`."""
        while self._ends_at is None or (self._batches.size and _now() < self._ends_at):
            busy = await (self._through_spool() if self._is_spooling else self._directly())
            if self._batches.size < self._memory:
                self._room.set()
            if not busy:
                await asyncio.sleep(TICK_SECONDS)

    async def close(self, running: "asyncio.Task[None]", patience: float = FLUSH_SECONDS) -> None:
        """Sends or spools all that waits in memory, at most `patience` seconds long, and ends `running`.

        What is left then was never told to be durable: its senders hear so and still have it.
        """
        self.refuse(patience)
        await asyncio.wait([running])
        left = list(self._batches.all())
        if left and not await self._to_spool(left):
            for batch in left:
                batch.settle(Unavailable("the gateway stopped before Kinesis or the spool took it"))
        self._spool.close()

    async def _directly(self) -> bool:
        """Puts what is due; True where Kinesis took some of it."""
        now = _now()
        due = _fitting([batch for batch in self._batches.due(now) if self._not_before[batch.group] <= now])
        outcomes = await self._put(due)
        for batch, error in zip(due, outcomes, strict=True):
            if error is None:
                self._batches.remove(batch)
                batch.settle()
        if self._failing_since is not None and (
            _now() - self._failing_since > self._spool_after or self._batches.size > self._memory // 2
        ):
            _log.warning(
                "Kinesis does not take all: records go to the spool",
                stream=self._stream.name,
                errors=sorted(self._errors),
            )
            self._is_spooling = True
        return any(error is None for error in outcomes)

    async def _through_spool(self) -> bool:
        """Spools what is due, then puts the oldest of what is spooled; True where some of it went on."""
        due = self._batches.due(_now())
        spooled = bool(due) and await self._to_spool(due)
        now = _now()
        heads = await asyncio.to_thread(self._spool.heads, MAX_RECORDS)
        ready = _fitting([record for record in heads if self._not_before[record.group] <= now])
        outcomes = await self._put(ready)
        taken = [record for record, error in zip(ready, outcomes, strict=True) if error is None]
        if taken:
            await self._remove(taken)
        if not self._spool.size:
            _log.info("the spool is empty: records go to Kinesis directly", stream=self._stream.name)
            self._is_spooling = False
        return spooled or bool(taken)

    async def _remove(self, taken: Sequence[SpooledRecord]) -> None:
        """Forgets what Kinesis has. Where the disk is full that fails, too: then it goes again, which the job knows."""
        try:
            await asyncio.to_thread(self._spool.remove, taken)
        except sqlite3.Error as error:
            _log.error("the spool cannot be written, what Kinesis has of it goes again", error=str(error))
            for record in taken:
                self._pause(record.group, _now())

    async def _to_spool(self, batches: Sequence[Batch]) -> bool:
        if self._spool.is_full:
            return False
        try:
            await asyncio.to_thread(self._spool.append, [(batch.group, batch.data) for batch in batches])
        except sqlite3.Error as error:
            _log.error("the spool cannot be written, senders have to wait", error=str(error))
            return False
        for batch in batches:
            self._batches.remove(batch)
            batch.settle()
        return True

    async def _put(self, records: "Sequence[Batch | SpooledRecord]") -> list[str | None]:
        if not records:
            return []
        with self._metrics.put_seconds.time():
            keyed = [(partition_key(record.group), record.data) for record in records]
            outcomes = await asyncio.to_thread(self._stream.put, keyed)
        now = _now()
        for record, error in zip(records, outcomes, strict=True):
            if error is None:
                self._pauses[record.group] = 0.0
            else:
                self._metrics.refusals.labels(error).inc()
                self._pause(record.group, now)
        refused = {error for error in outcomes if error is not None}
        self._metrics.records.inc(len(outcomes) - sum(error is not None for error in outcomes))
        if refused:
            self._errors, self._failing_since = refused, self._failing_since or now
        else:
            self._failing_since = None
        return outcomes

    def _pause(self, group: int, now: float) -> None:
        """Twice as long each time, and at random, so that groups do not come back all at once."""
        pause = min(max(FIRST_PAUSE_SECONDS, self._pauses[group] * 2), LONGEST_PAUSE_SECONDS)
        self._pauses[group] = pause
        self._not_before[group] = now + pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def open_spool(config: ProducerConfig, folder: Path) -> Spool:
    """The spool of a gateway whose file stands in `folder`; raises GatewayConfigError."""
    return Spool(folder / config.spool / "records.sqlite", config.spool_mib << 20)


def _fitting(records: Iterable[_Waiting]) -> list[_Waiting]:
    """As many of them as a call may hold."""
    chosen: list[_Waiting] = []
    size = 0
    for record in records:
        size += len(record.data)
        if len(chosen) == MAX_RECORDS or (chosen and size > MAX_CALL_BYTES):
            break
        chosen.append(record)
    return chosen


def _now() -> float:
    return asyncio.get_running_loop().time()
