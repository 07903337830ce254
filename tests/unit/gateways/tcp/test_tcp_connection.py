"""A connection over a real socket, with an intake whose payloads become durable when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from gateways.errors import Refused, Unavailable
from gateways.metrics import Metrics
from gateways.rates import Rates
from gateways.tcp.config import TcpConfig
from gateways.tcp.connection import MAX_IN_FLIGHT, Connection
from gateways.tcp.session import Session
from udfs.catalog import compile_catalog, read_specs
from udfs.checksums import CHECKSUMS
from udfs.message import Envelope

STREAM = compile_catalog(read_specs(Path(__file__).parents[4] / "specs")).products["concox-gt06"].stream
CONFIG = TcpConfig(port=0, products=["concox-gt06"])
LOGIN = bytes.fromhex("78780d01012345678901234500018cdd0d0a")
LOGIN_REPLY = bytes.fromhex("787805010001d9dc0d0a")


@dataclass
class HeldIntake:
    """Takes all that comes; what is durable the test decides."""

    taken: list[Envelope] = field(default_factory=list)
    durable: "list[asyncio.Future[None]]" = field(default_factory=list)
    refusal: Refused | None = None

    async def accept(self, envelope: Envelope) -> "asyncio.Future[None]":
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(envelope)
        self.durable.append(asyncio.get_running_loop().create_future())
        return self.durable[-1]


@dataclass
class Served:
    intake: HeldIntake
    connection: Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    metrics: Metrics

    async def taken(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.intake.taken) < count:
                await asyncio.sleep(0)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"protocol": "tcp", **labels}) or 0.0


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    intake, metrics, made = HeldIntake(), Metrics(), []

    def connect() -> Connection:
        assert STREAM is not None
        session = Session([STREAM], lambda device: None)
        rates: Any = (session, CONFIG, intake, Rates(1e6), metrics, "127.0.0.1", 1, lambda connection: None)
        made.append(Connection(*rates))
        return made[0]

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    while not made:
        await asyncio.sleep(0)
    try:
        yield Served(intake, made[0], reader, writer, metrics)
    finally:
        writer.close()
        server.close()


def in_a_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 30))

    return run


def sealed(content: bytes) -> bytes:
    return b"\x78\x78" + content + CHECKSUMS["crc16_x25"].compute(content).to_bytes(2, "big") + b"\x0d\x0a"


def heartbeat(serial: int) -> bytes:
    return sealed(bytes.fromhex(f"0a134406040002{serial:04x}"))


def reply(serial: int) -> bytes:
    return sealed(bytes.fromhex(f"0513{serial:04x}"))


@in_a_loop
async def test_replies_wait_until_what_came_before_is_durable_too() -> None:
    async with served() as served_:
        served_.writer.write(LOGIN + heartbeat(1) + heartbeat(2))
        await served_.taken(3)
        login, first, second = served_.intake.durable
        second.set_result(None)
        first.set_result(None)
        await asyncio.sleep(0.05)
        assert served_.reader._buffer == b""  # type: ignore[attr-defined]
        login.set_result(None)
        assert await served_.reader.readexactly(30) == LOGIN_REPLY + reply(1) + reply(2)
        assert served_.count("sluice_gateway_acknowledged_total") == 3


@in_a_loop
async def test_what_does_not_become_durable_is_not_acknowledged_nor_is_anything_after_it() -> None:
    async with served() as served_:
        served_.writer.write(LOGIN + heartbeat(1) + heartbeat(2))
        await served_.taken(3)
        served_.intake.durable[0].set_result(None)
        served_.intake.durable[1].set_exception(Unavailable("no room"))
        served_.intake.durable[2].set_result(None)
        assert await served_.reader.read() == LOGIN_REPLY
        assert served_.count("sluice_gateway_connections_closed_total", reason="unavailable") == 1


@in_a_loop
async def test_a_bounded_number_is_in_flight_and_the_rest_stays_with_the_sender() -> None:
    async with served() as served_:
        served_.writer.write(LOGIN + b"".join(heartbeat(serial) for serial in range(3000)))
        await served_.taken(MAX_IN_FLIGHT)
        await asyncio.sleep(0.05)
        assert len(served_.intake.taken) == MAX_IN_FLIGHT
        assert served_.connection.overdue(1e12) is None  # it is the gateway that keeps it waiting
        while not (len(served_.intake.taken) == 3001 and served_.connection.is_settled):
            for durable in served_.intake.durable:
                if not durable.done():
                    durable.set_result(None)
            await asyncio.sleep(0)
        replies = await served_.reader.readexactly(10 + 3000 * 10)
        assert replies == LOGIN_REPLY + b"".join(reply(serial) for serial in range(3000))


@in_a_loop
async def test_a_refused_device_is_cut_off_without_a_reply() -> None:
    async with served() as served_:
        served_.intake.refusal = Refused("unknown_device", "nobody has registered it")
        served_.writer.write(LOGIN + heartbeat(1))
        assert await served_.reader.read() == b""
        assert served_.count("sluice_gateway_connections_closed_total", reason="unknown_device") == 1
        assert served_.intake.taken == []


@in_a_loop
async def test_a_sender_that_says_no_more_still_hears_of_what_it_sent() -> None:
    async with served() as served_:
        served_.writer.write(LOGIN + heartbeat(1) + heartbeat(2)[:8])
        served_.writer.write_eof()
        await served_.taken(3)
        for durable in served_.intake.durable:
            durable.set_result(None)
        assert await served_.reader.read() == LOGIN_REPLY + reply(1)
        assert served_.intake.taken[2].payload == heartbeat(2)[:8].hex()


@in_a_loop
async def test_a_connection_that_drains_reads_no_more_and_ends_what_is_under_way() -> None:
    async with served() as served_:
        served_.writer.write(LOGIN)
        await served_.taken(1)
        served_.connection.drain()
        served_.writer.write(heartbeat(1))
        await asyncio.sleep(0.05)
        assert (len(served_.intake.taken), served_.connection.is_settled) == (1, False)
        served_.intake.durable[0].set_result(None)
        assert await served_.reader.readexactly(10) == LOGIN_REPLY
        assert served_.connection.is_settled
