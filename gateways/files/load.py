"""One file's rows onto the stream: what is durable is stored as done, so that a load that was killed goes on there."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from gateways.errors import Refused
from gateways.files.config import FilesConfig
from gateways.files.errors import BadFile
from gateways.files.frames import Bad, Block, Read, Reading
from gateways.files.places import Found
from gateways.files.progress import FileLoad, Progress, RefusedPayload, State
from gateways.files.readers import Readers, processes_for
from gateways.files.reading import PROTOCOL
from gateways.intake import Intake
from gateways.metrics import Metrics
from udfs.product import ProductSpec

STORE_SECONDS: Final = 1.0

Advanced = Callable[[FileLoad, int], None]
"""Is told the load as it stands, and the bytes of the file that are read."""


@dataclass
class _Sent:
    """A block on its way: payloads up to `end`, and what is in them."""

    end: int
    durable: "Sequence[asyncio.Future[None]]"
    refused: list[RefusedPayload] = field(default_factory=list)
    rows: int = 0
    messages: int = 0
    dead_letters: int = 0
    rows_refused: int = 0


class RowsLoader:
    """Loads files of rows of one product."""

    def __init__(
        self,
        config: FilesConfig,
        spec: ProductSpec,
        intake: Intake,
        progress: Progress,
        readers: Readers,
        metrics: Metrics,
    ) -> None:
        self._config, self._spec, self._intake = config, spec, intake
        self._progress, self._readers, self._metrics = progress, readers, metrics
        # Where a reading is judged by the one before, each has a payload of its own: one bad step is one dead letter.
        self._rows = config.rows if spec.format == "csv" and not spec.steps else 1

    async def load(self, path: Path, found: Found, is_again: bool, stop: asyncio.Event, advanced: Advanced) -> FileLoad:
        """The load as it ends: loaded, quarantined, or still loading where `stop` was set.

        The end is not stored yet: the file may prove to have changed meanwhile.
        """
        inspected = await self._readers.inspect(self._reading(path, found, self._rows))
        load = await self._begin(found, inspected.content, is_again)
        if load.is_finished:
            return load
        if isinstance(inspected, Bad):
            return quarantined(load, BadFile(inspected.reason, inspected.message, inspected.offset))
        try:
            await self._send(load, path, found, stop, advanced)
        except BadFile as error:
            return quarantined(load, error)
        return load

    async def _begin(self, found: Found, content: str, is_again: bool) -> FileLoad:
        devices = self._config.devices or found.location
        before = await asyncio.to_thread(self._progress.find, self._config.product_name, content, devices)
        load = new_load(self._config, found, content, self._rows if before is None else before.rows_per_payload)
        if before is None or is_again:
            return load
        if before.is_finished:
            return before
        return msgspec.structs.replace(before, location=found.location, version=found.version)

    async def _send(self, load: FileLoad, path: Path, found: Found, stop: asyncio.Event, advanced: Advanced) -> None:
        sending = _Sending(load, self._progress, self._metrics)
        await sending.store()
        try:
            async with aclosing(self._blocks(load, path, found)) as blocks:
                async for block in blocks:
                    sending.add(await self._accept(block))
                    await sending.store_now_and_then()
                    advanced(load, block.consumed)
                    if stop.is_set():
                        return
            await sending.wait()
        finally:
            await sending.store()
        load.state = "loaded"
        advanced(load, found.bytes)

    def _blocks(self, load: FileLoad, path: Path, found: Found) -> AsyncGenerator[Block, None]:
        request = Read(
            reading=self._reading(path, found, load.rows_per_payload),
            content=load.content,
            # Rows of an unknown time are as old as the file; none is from the future, whatever its clock said.
            event_time=max(0, min(found.modified_at, time.time_ns() // 1_000_000)),
            begin=load.payloads,
        )
        return self._readers.blocks(request, processes_for(found.bytes, bool(self._spec.steps)))

    async def _accept(self, block: Block) -> _Sent:
        durable: list[asyncio.Future[None]] = []
        sent = _Sent(block.end, durable)
        for judged in block.judged:
            sent.rows += judged.rows
            try:
                durable.append(await self._intake.accept(judged.envelope))
            except Refused as error:
                sent.rows_refused += judged.rows
                device, payload = judged.envelope.device, judged.envelope.payload
                sent.refused.append(RefusedPayload(judged.row + 1, device, error.reason, error.message, payload))
            else:
                sent.messages += judged.messages
                sent.dead_letters += not judged.messages
        return sent

    def _reading(self, path: Path, found: Found, rows_per_payload: int) -> Reading:
        config = self._config
        return Reading(
            path=str(path),
            name=found.location,
            product=config.product_name,
            device=config.device,
            device_column=config.device_column,
            device_from=config.device_from,
            rows_per_payload=rows_per_payload,
        )


class _Sending:
    """What of a load is on its way, and what has arrived: that is stored."""

    def __init__(self, load: FileLoad, progress: Progress, metrics: Metrics) -> None:
        self._load, self._progress, self._acknowledged = load, progress, metrics.acknowledged.labels(PROTOCOL)
        self._under_way: deque[_Sent] = deque()
        self._refused: list[RefusedPayload] = []
        self._clock = asyncio.get_running_loop().time
        self._began, self._stored, self._seconds = self._clock(), self._clock(), load.seconds

    def add(self, sent: _Sent) -> None:
        self._under_way.append(sent)

    async def wait(self) -> None:
        """Returns when all is durable; raises Unavailable where something will not be."""
        for sent in tuple(self._under_way):
            await asyncio.gather(*sent.durable)
            await self.store_now_and_then()

    async def store_now_and_then(self) -> None:
        if self._clock() - self._stored >= STORE_SECONDS:
            await self.store()

    async def store(self) -> None:
        """The blocks that are durable, up to the first that is not."""
        load = self._load
        while self._under_way and all(map(_is_durable, self._under_way[0].durable)):
            sent = self._under_way.popleft()
            load.payloads = sent.end
            load.rows += sent.rows
            load.messages += sent.messages
            load.dead_letters += sent.dead_letters
            load.refused += sent.rows_refused
            self._refused += sent.refused
            self._acknowledged.inc(len(sent.durable))
        load.seconds = self._seconds + self._clock() - self._began
        await asyncio.to_thread(self._progress.write, load, self._refused)
        self._refused, self._stored = [], self._clock()


def new_load(config: FilesConfig, found: Found, content: str, rows_per_payload: int) -> FileLoad:
    """A load that has not begun."""
    return FileLoad(
        product=config.product_name,
        content=content,
        devices=config.devices or found.location,
        location=found.location,
        version=found.version,
        bytes=found.bytes,
        rows_per_payload=rows_per_payload,
    )


def quarantined(load: FileLoad, error: BadFile) -> FileLoad:
    """The load of a file that is put aside."""
    state: State = "quarantined"
    return msgspec.structs.replace(
        load, state=state, reason=error.reason, message=error.message, byte_offset=error.offset
    )


def _is_durable(future: "asyncio.Future[None]") -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
