"""One connection: its session's steps carried out, acknowledgements in order, and no more taken in than can go on."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import structlog

from gateways.errors import Refused, Unavailable
from gateways.intake import Intake
from gateways.metrics import Metrics
from gateways.rates import Rates
from gateways.tcp.config import TcpConfig
from gateways.tcp.session import PROTOCOL, Delivery, Greeting, Session, Step, Stranger

MAX_IN_FLIGHT: Final = 1000
"""Payloads of one connection that are on their way; no byte more is read then."""

READ_AHEAD: Final = 64 << 10
"""Bytes that wait for their step; no byte more is read then."""

_EXCERPT_BYTES: Final = 32
_STEPS_A_TURN: Final = 16
_log = structlog.get_logger(__name__)


class Connection(asyncio.Protocol):
    """Works only while it has something to do: one that is idle is no task."""

    def __init__(
        self,
        session: Session,
        config: TcpConfig,
        intake: Intake,
        rates: Rates,
        metrics: Metrics,
        address: str,
        number: int,
        on_close: Callable[["Connection"], None],
    ) -> None:
        self._session, self._config, self._intake, self._rates, self._metrics = session, config, intake, rates, metrics
        self.address, self._number, self._on_close = address, number, on_close
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pending: deque[tuple[asyncio.Future[None] | None, bytes]] = deque()
        self._work: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._opened = self._heard = self._loop.time()
        self._received_at = 0
        self._begun: float | None = None
        """Since when a frame is not complete."""
        self._is_paused = self._is_blocked = self._is_draining = False
        self._has_told = False
        self._is_ended = False
        """No more bytes will come."""
        self._is_deaf = False
        """Nothing more is taken of what came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        self._opened = self._heard = self._loop.time()
        self._metrics.connections.labels(PROTOCOL).inc()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._received_at = time.time_ns() // 1_000_000
        if self._is_deaf:
            return
        self._session.receive(data)
        self._start_work()
        if self._session.pause:
            if self._pause is not None:
                self._pause.cancel()
            self._pause = self._loop.call_later(self._session.pause, self._after_pause)

    def eof_received(self) -> bool:
        """What was sent before is acknowledged over the half that is still open; TLS has no half."""
        self._end()
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._metrics.connections.labels(PROTOCOL).dec()
        self._on_close(self)
        self._end()

    def pause_writing(self) -> None:
        self._is_blocked = True
        self._regulate()

    def resume_writing(self) -> None:
        self._is_blocked = False
        self._regulate()

    def overdue(self, now: float) -> str | None:
        """Why the connection is to be closed, None where it is not. Whom the gateway keeps waiting is not late."""
        if self._work is not None or self._pending:
            return None
        if not self._session.is_known and now - self._opened > self._config.login_s:
            return "no_login"
        if self._begun is not None and now - self._begun > self._config.frame_s:
            return "frame_not_ended"
        return "idle" if now - self._heard > self._config.idle_s else None

    def drain(self) -> None:
        """No further byte is read; what is under way goes on."""
        self._is_draining = True
        self._regulate()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way."""
        return self._work is None and not self._pending

    def close(self, reason: str, **facts: Any) -> None:
        """Closes the connection from this side; what is under way still goes on."""
        if self._transport is None or self._transport.is_closing():
            return
        self._metrics.closed.labels(PROTOCOL, reason).inc()
        self._tell("connection closed", reason=reason, **facts)
        self._transport.close()

    def _end(self) -> None:
        if not self._is_ended:
            self._is_ended = True
            if not self._is_draining:  # what is not acknowledged is sent again to whoever serves next
                self._session.finish()
            self._start_work()

    def _after_pause(self) -> None:
        self._session.finish()
        self._start_work()

    def _start_work(self) -> None:
        if self._work is None:
            self._work = self._loop.create_task(self._take_steps())
        elif self._session.waiting > READ_AHEAD:
            self._regulate()

    async def _take_steps(self) -> None:
        waited, steps = self._session.waiting, 0
        try:
            while not self._is_deaf and (step := self._session.step(self._received_at)) is not None:
                await self._take(step)
                steps += 1
                if steps % _STEPS_A_TURN == 0:
                    await asyncio.sleep(0)  # the other connections have their turn
        except Refused as error:
            self._give_up(error.reason, message=error.message)
        except Unavailable as error:
            self._give_up("unavailable", message=error.message)
        except Exception:
            _log.exception("a fault of the gateway", connection=self._number, address=self.address)
            self._give_up("internal_error")
        finally:
            self._work = None
        waits = self._session.waiting
        if not waits:
            self._begun = None
        elif self._begun is None or waits < waited:
            self._begun = self._loop.time()
        self._regulate()
        self._close_if_ended()

    async def _take(self, step: Step) -> None:
        match step:
            case Delivery(envelope, reply, fault):
                await self._rates.wait(self.address)
                await self._room_in_flight()
                durable = await self._intake.accept(envelope)
                if fault and not self._has_told:
                    self._has_told = True  # the first of a connection; the job tells all of them
                    self._tell("a frame without a reply", fault=fault)
                self._pending.append((durable, reply))
                durable.add_done_callback(self._acknowledge)
            case Greeting(device, accept, refuse):
                try:
                    self._intake.admit(device, PROTOCOL)
                except Refused:
                    self._write(refuse)
                    raise
                self._write(accept)
            case Stranger(data, why):
                self._give_up("stranger", message=why, bytes=data[:_EXCERPT_BYTES].hex())

    async def _room_in_flight(self) -> None:
        while len(self._pending) >= MAX_IN_FLIGHT:
            self._regulate()
            self._room = self._loop.create_future()
            await self._room

    def _acknowledge(self, _: object) -> None:
        """Tells the device of all that is safe, in the order in which it came; of nothing behind what is not."""
        replies: list[bytes] = []
        is_lost = False
        while self._pending and not is_lost and ((durable := self._pending[0][0]) is None or durable.done()):
            _, reply = self._pending.popleft()
            is_lost = durable is not None and (durable.cancelled() or durable.exception() is not None)
            if reply and not is_lost:
                replies.append(reply)
        if replies and self._transport is not None and not self._is_deaf:
            self._transport.write(b"".join(replies))
            self._metrics.acknowledged.labels(PROTOCOL).inc(len(replies))
        if is_lost:
            self._give_up("unavailable", message="the gateway stopped before Kinesis or the spool took a payload")
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._close_if_ended()

    def _write(self, data: bytes) -> None:
        """After all that is still to be acknowledged."""
        if self._pending:
            self._pending.append((None, data))
        elif data and self._transport is not None:
            self._transport.write(data)

    def _give_up(self, reason: str, **facts: Any) -> None:
        self._is_deaf = True
        self.close(reason, **facts)

    def _close_if_ended(self) -> None:
        if self._is_ended and self.is_settled and self._transport is not None:
            self._transport.close()

    def _regulate(self) -> None:
        """Reads on only while what was read can go on."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._is_ended:
            return
        is_full = self._session.waiting > READ_AHEAD or len(self._pending) >= MAX_IN_FLIGHT
        wanted = self._is_draining or self._is_blocked or (is_full and self._work is not None)
        if wanted and not self._is_paused:
            transport.pause_reading()
        elif not wanted and self._is_paused:
            transport.resume_reading()
        self._is_paused = wanted

    def _tell(self, event: str, **facts: Any) -> None:
        _log.info(event, connection=self._number, address=self.address, device=self._session.device, **facts)
