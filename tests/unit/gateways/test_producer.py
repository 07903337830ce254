"""Lines reach Kinesis: in order for each device, by the spool while it refuses, with bounded memory."""

import asyncio
import resource
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import Unavailable
from gateways.metrics import Metrics
from gateways.producer import Producer, ProducerConfig
from gateways.spool import Spool
from gateways.stream import Keyed

THROTTLED = "ProvisionedThroughputExceededException"
QUICK = ProducerConfig(linger_ms=1, record_kib=1, memory_mib=1, spool_after_s=0.2)


class ScriptedStream:
    """Kinesis as `judge` has it: which error a record gets. The embedded one never throttles."""

    name = "device-data"

    def __init__(self, judge: Callable[[Keyed], str | None] = lambda record: None) -> None:
        self.judge = judge
        self.taken: list[Keyed] = []

    def put(self, records: Sequence[Keyed]) -> list[str | None]:
        keys = [key for key, _ in records]
        assert len(keys) == len(set(keys)), "two records of a key in one call may overtake one another"
        outcomes = [self.judge(record) for record in records]
        self.taken += [record for record, error in zip(records, outcomes, strict=True) if error is None]
        return outcomes

    def lines(self) -> list[bytes]:
        return [line for _, data in self.taken for line in data.split(b"\n")]


class Bench:
    """A producer at work on a scripted stream."""

    def __init__(
        self, stream: ScriptedStream, folder: Path, config: ProducerConfig = QUICK, limit: int = 1 << 20
    ) -> None:
        self.stream, self.metrics = stream, Metrics()
        self.spool = Spool(folder / "records.sqlite", limit)
        self.producer = Producer(stream, self.spool, config, self.metrics)  # type: ignore[arg-type]

    async def __aenter__(self) -> "Bench":
        self.running = asyncio.create_task(self.producer.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.running.done():
            await self.producer.close(self.running, patience=0.2)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@contextmanager
def no_file_grows(beyond: int) -> Iterator[None]:
    """As if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def offer_for_ever(producer: Producer) -> None:
    number = 0
    while True:
        number += 1
        await producer.offer(f"device-{number}", b"x" * 50_000)


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(body)


def test_a_line_is_durable_when_kinesis_has_it(tmp_path: Path) -> None:
    async def body() -> None:
        stream = ScriptedStream()
        async with Bench(stream, tmp_path) as bench:
            await (await bench.producer.offer("device-1", b"line"))
            assert stream.lines() == [b"line"]
            assert bench.count("sluice_gateway_kinesis_records_total") == 1

    run(body())


def test_while_kinesis_is_away_lines_are_durable_on_disk_and_go_on_in_order(tmp_path: Path) -> None:
    async def body() -> None:
        stream = ScriptedStream(lambda record: "EndpointConnectionError")
        async with Bench(stream, tmp_path) as bench:
            for number in range(20):
                await (await bench.producer.offer("device-1", str(number).encode()))
            assert stream.taken == []
            assert bench.spool.size > 0
            stream.judge = lambda record: None
            late = await bench.producer.offer("device-1", b"20")
            await late
            await eventually(lambda: len(stream.lines()) == 21)
            assert stream.lines() == [str(number).encode() for number in range(21)]
            await eventually(lambda: bench.spool.size == 0)
            await (await bench.producer.offer("device-1", b"directly again"))
            assert stream.lines()[-1] == b"directly again"

    run(body())


def test_where_the_disk_is_full_what_was_spooled_goes_again_until_it_can_be_forgotten(tmp_path: Path) -> None:
    async def body() -> None:
        stream = ScriptedStream(lambda record: "EndpointConnectionError")
        async with Bench(stream, tmp_path) as bench:
            await (await bench.producer.offer("device-1", b"line"))
            with no_file_grows(beyond=(tmp_path / "records.sqlite-wal").stat().st_size):
                stream.judge = lambda record: None
                await eventually(lambda: len(stream.lines()) >= 3)
                assert bench.spool.size > 0
            await eventually(lambda: bench.spool.size == 0)
            assert set(stream.lines()) == {b"line"}

    run(body())


def test_what_a_gateway_left_in_the_spool_goes_first(tmp_path: Path) -> None:
    async def body() -> None:
        away = ScriptedStream(lambda record: "EndpointConnectionError")
        async with Bench(away, tmp_path) as bench:
            await (await bench.producer.offer("device-1", b"before"))
        stream = ScriptedStream()
        async with Bench(stream, tmp_path) as bench:
            await (await bench.producer.offer("device-1", b"after"))
            await eventually(lambda: len(stream.lines()) == 2)
            assert stream.lines() == [b"before", b"after"]

    run(body())


def test_where_nothing_takes_more_senders_wait_and_memory_is_bounded(tmp_path: Path) -> None:
    async def body() -> None:
        stream = ScriptedStream(lambda record: THROTTLED)
        config = ProducerConfig(linger_ms=1, record_kib=100, memory_mib=1, spool_after_s=0.0)
        async with Bench(stream, tmp_path, config, limit=100_000) as bench:
            offering = asyncio.create_task(offer_for_ever(bench.producer))
            await eventually(lambda: not bench.producer.has_room)
            assert bench.count("sluice_gateway_pending_bytes") < 2 << 20
            assert bench.spool.size < 200_000
            offering.cancel()
            stream.judge = lambda record: None
            async with asyncio.timeout(60):
                await (await bench.producer.offer("device-1", b"room again"))

    run(body())


def test_who_waits_for_room_hears_that_there_will_be_none(tmp_path: Path) -> None:
    async def body() -> None:
        away = ScriptedStream(lambda record: THROTTLED)
        full = ProducerConfig(linger_ms=1, memory_mib=1, spool_after_s=60)
        async with Bench(away, tmp_path, full) as bench:
            offering = asyncio.create_task(offer_for_ever(bench.producer))
            await eventually(lambda: not bench.producer.has_room)
            bench.producer.refuse()
            with pytest.raises(Unavailable, match="stopping"):
                await offering

    run(body())


def test_stopping_flushes_what_waits(tmp_path: Path) -> None:
    async def body() -> None:
        stream = ScriptedStream()
        slow = ProducerConfig(linger_ms=300)
        async with Bench(stream, tmp_path, slow) as bench:
            durable = await bench.producer.offer("device-1", b"last words")
            await bench.producer.close(bench.running)
            await durable
            assert stream.lines() == [b"last words"]
            with pytest.raises(Unavailable, match="stopping"):
                await bench.producer.offer("device-1", b"too late")

    run(body())


def test_stopping_while_kinesis_is_away_spools_what_waits(tmp_path: Path) -> None:
    async def body() -> None:
        away = ScriptedStream(lambda record: "EndpointConnectionError")
        patient = ProducerConfig(linger_ms=1, spool_after_s=60)
        async with Bench(away, tmp_path, patient) as bench:
            durable = await bench.producer.offer("device-1", b"kept")
            await bench.producer.close(bench.running, patience=0.1)
            await durable
        [kept] = Spool(tmp_path / "records.sqlite", 1 << 20).heads(10)
        assert kept.data == b"kept"

    run(body())


def test_stopping_where_nothing_takes_more_tells_the_senders(tmp_path: Path) -> None:
    async def body() -> None:
        away = ScriptedStream(lambda record: "EndpointConnectionError")
        async with Bench(away, tmp_path, ProducerConfig(linger_ms=1, spool_after_s=0), limit=1) as bench:
            await (await bench.producer.offer("device-1", b"fills the spool"))
            durable = await bench.producer.offer("device-1", b"has no place")
            await bench.producer.close(bench.running, patience=0.1)
            with pytest.raises(Unavailable, match="before Kinesis or the spool took it"):
                await durable

    run(body())
