"""A connection, bounded: how many there are, how large the head of a request may be, and how long it may take.

uvicorn bounds none of these where no request has come: who connects and says nothing, or a byte now and then, would
stay for ever. Nor does it bound how many requests come before the first is answered.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateways.metrics import Metrics
from gateways.rest.config import RestConfig
from gateways.rest.messages import PROTOCOL
from gateways.rest.problems import MEDIA_TYPE, ProblemError, unavailable

MAX_HEAD_BYTES: Final = 64 << 10
MAX_PIPELINED: Final = 64
"""Requests of a connection that wait for the answers before theirs."""

_BUSY_SECONDS: Final = 5.0


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's protocol with these bounds, problems as answers, and counted."""

    def __init__(self, limits: RestConfig, metrics: Metrics, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits, self._metrics = limits, metrics
        self._heads = 0
        self._head_bytes: int | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._metrics.connections.labels(PROTOCOL).inc()
        if len(self.connections) > self._limits.max_connections:
            detail = f"{self._limits.max_connections} connections are open, more are not taken"
            self._end("too_many", unavailable(detail, _BUSY_SECONDS, "busy"))
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._metrics.connections.labels(PROTOCOL).dec()
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        heads = self._heads
        super().data_received(data)
        if self._head_bytes is not None and self._heads == heads:  # a head that began before, and has not ended
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._end("large_head", ProblemError(431, "large_head", "the head of the request is too large"))

    def on_message_begin(self) -> None:
        self._heads += 1
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._stop_timer()
        super().on_headers_complete()
        if self._are_too_many:
            raise ValueError("too many requests at once")  # the parser ends, and send_400_response tells why

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()  # uvicorn reads on, and more would come than are answered
        elif self.cycle.response_complete and not self.transport.is_closing():
            # What is left of a body that was refused is read over, in the time that the next head has.
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        if self._are_too_many:
            detail = f"{MAX_PIPELINED} requests wait for the answers before theirs: read answers first"
            self._end("pipelined", ProblemError(429, "rate_limited", detail))
        else:
            self._end("bad_request", ProblemError(400, "bad_request", msg))

    @property
    def _are_too_many(self) -> bool:
        return len(self.pipeline) > MAX_PIPELINED

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._head_bytes is not None:
            detail = f"the head of the request was not there after {self._limits.head_s:g} s"
            self._end("slow_head", ProblemError(408, "slow_head", detail))
        else:
            self._metrics.closed.labels(PROTOCOL, "idle").inc()
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self, reason: str, problem: ProblemError) -> None:
        """Answers without a request to answer, and closes."""
        self._metrics.closed.labels(PROTOCOL, reason).inc()
        body = problem.body()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
        } | problem.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {problem.status} {problem.title}\r\n{head}\r\n".encode() + body)
        self.transport.close()
