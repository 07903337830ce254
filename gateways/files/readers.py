"""The reading processes of a source: started when they are needed, asked over pipes, whose fullness holds them back."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from gateways.files.errors import BadFile, ReaderDied
from gateways.files.frames import (
    BLOCK,
    HEAD_BYTES,
    Answer,
    Bad,
    Block,
    Inspect,
    Inspected,
    Read,
    Reading,
    Request,
    pack,
)

MAX_READERS: Final = 4
SMALL_FILE: Final = 4 << 20
"""Bytes that one process reads alone."""


class Readers:
    """Processes that know the specs of `texts`; `close` ends them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._running: list[asyncio.subprocess.Process] = []
        self._turn = asyncio.Lock()
        """One question at a time; what becomes of an answer goes on meanwhile."""

    async def inspect(self, reading: Reading) -> Inspected | Bad:
        """Whether the file can be read as a whole, and by which content it is known."""
        async with self._turn, self._whole_answers():
            process = await self._reader(0)
            await _ask(process, Inspect(reading), reading)
            answer = await _answer(process, reading)
            assert isinstance(answer, Inspected | Bad)  # noqa: S101 - the protocol of frames
            return answer

    async def blocks(self, request: Read, processes: int) -> AsyncGenerator[Block, None]:
        """The file's payloads in their order, read by so many processes; raises BadFile."""
        async with self._turn, self._whole_answers():
            readers = [await self._reader(index) for index in range(processes)]
            for index, reader in enumerate(readers):
                await _ask(reader, msgspec.structs.replace(request, index=index, of=processes), request.reading)
            turn, ended = request.begin // BLOCK, 0
            while ended < processes:  # each block is the next reader's, so the first that ends is followed by all
                answer = await _answer(readers[turn % processes], request.reading)
                turn += 1
                if isinstance(answer, Block):
                    yield answer
                elif isinstance(answer, Bad):
                    raise BadFile(answer.reason, answer.message, answer.offset)
                else:
                    ended += 1

    async def close(self) -> None:
        """Ends them, also in the middle of a file."""
        running, self._running = self._running, []
        for process in running:
            if process.returncode is None:
                process.kill()
            await process.communicate()  # a full pipe would keep it from being waited for

    @asynccontextmanager
    async def _whole_answers(self) -> AsyncIterator[None]:
        """What is left of an answer would be taken for the next one: then the processes end."""
        try:
            yield
        except BaseException:
            await self.close()
            raise

    async def _reader(self, index: int) -> asyncio.subprocess.Process:
        while len(self._running) <= index:
            pipe = asyncio.subprocess.PIPE
            # -P: the module is ours, whatever lies in the working directory.
            command = [sys.executable, "-P", "-m", "gateways.files.reading"]
            process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
            await _write(process, pack(self._texts))
            self._running.append(process)
        return self._running[index]


def processes_for(size: int, is_in_order: bool) -> int:
    """How many are worth their start; one where each payload is judged by those before it."""
    return 1 if size < SMALL_FILE or is_in_order else min(MAX_READERS, os.cpu_count() or 1)


async def _ask(process: asyncio.subprocess.Process, request: Request, reading: Reading) -> None:
    try:
        await _write(process, pack(request))
    except (BrokenPipeError, ConnectionResetError) as error:
        raise ReaderDied(reading.name, await process.wait()) from error


async def _write(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    process.stdin.write(data)
    await process.stdin.drain()


async def _answer(process: asyncio.subprocess.Process, reading: Reading) -> Answer:
    assert process.stdout is not None  # noqa: S101 - a pipe
    try:
        head = await process.stdout.readexactly(HEAD_BYTES)
        body = await process.stdout.readexactly(int.from_bytes(head, "big"))
    except asyncio.IncompleteReadError as error:
        raise ReaderDied(reading.name, await process.wait()) from error
    answer: Answer = msgspec.msgpack.decode(body, type=Answer)
    return answer
