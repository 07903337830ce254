"""The REST gateway, requests and messages a second of its own CPU: `python bench/gateway_rest.py`.

A stack of its own, the gateway on core 1 with an API key to check, the load from core 0 beside Kinesis: 64 kept-alive
connections, each sending when its answer has come, which is when Kinesis has the payload. `batch` is payloads a
request. By the clock, rates are those of a busy machine and of the stand-in for Kinesis.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import httpx
import psutil

from gateways.rest.keys import NewKey, new_key
from local.process import free_port
from local.stack import Stack

ROOT = Path(__file__).parent.parent
SLUICE = Path(sys.executable).parent / "sluice"
CONNECTIONS = 64
SECONDS = 6.0
BATCHES = (1, 10, 100)
PAYLOAD = "0175640367f600046844"
BATCH = "application/vnd.sluice.batch+json"


class Sender(asyncio.Protocol):
    """One connection in a closed loop; an answer may come in pieces."""

    def __init__(self, request: bytes) -> None:
        self.request, self.answers, self.buffer, self.begun = request, 0, b"", 0.0
        self.seconds: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        self.begun = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer.endswith(b"]}"):
            if not self.buffer.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(self.buffer.decode())
            self.seconds.append(time.perf_counter() - self.begun)
            self.answers, self.buffer = self.answers + 1, b""
            self.send()


async def load(port: int, key: str, batch: int) -> tuple[int, list[float]]:
    """Answers, and how long each took."""
    body = json.dumps([{"payload": PAYLOAD}] * batch) if batch > 1 else PAYLOAD
    media_type = BATCH if batch > 1 else "text/plain"
    loop, senders = asyncio.get_running_loop(), []
    for number in range(CONNECTIONS):
        head = (
            f"POST /v1/devices/am-{number}/messages?product=milesight-am319 HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request = (head + body).encode()
        senders.append((await loop.create_connection(lambda text=request: Sender(text), "127.0.0.1", port))[1])
    await asyncio.sleep(SECONDS)
    for sender in senders:
        sender.transport.abort()
    return sum(sender.answers for sender in senders), [second for sender in senders for second in sender.seconds]


def start(folder: Path, stack: Stack, drawn: NewKey) -> tuple[psutil.Popen, int]:
    """The gateway on core 1, and its port."""
    port = free_port()
    keys = [{"name": "bench", "secret": drawn.secret, "rate": 1_000_000}]
    (folder / "gateway.yaml").write_text(json.dumps({"rest": {"port": port, "auth": {"keys": keys}}}))
    command = ["taskset", "-c", "1", str(SLUICE), "gateway", "run", str(folder / "gateway.yaml")]
    environment: Mapping[str, str] = (
        os.environ | stack.environment() | {"SLUICE_PROPERTIES": str(ROOT / "flink-conf" / "local.json")}
    )
    gateway = psutil.Popen(command, env=dict(environment), cwd=ROOT, stderr=subprocess.DEVNULL)
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
            return gateway, port
        except httpx.TransportError:
            if gateway.poll() is not None:
                raise
            time.sleep(0.2)


def cpu_seconds(process: psutil.Popen) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    os.sched_setaffinity(0, {0})
    drawn = new_key("bench")
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder) / ".run") as stack:
        gateway, port = start(Path(folder), stack, drawn)
        print("| batch | requests/s of CPU | messages/s of CPU | messages/s by the clock | p50 ms | p99 ms |")
        print("|---:|---:|---:|---:|---:|---:|")
        for batch in BATCHES:
            begin, since = cpu_seconds(gateway), time.perf_counter()
            answers, seconds = asyncio.run(load(port, drawn.key, batch))
            cpu, elapsed = cpu_seconds(gateway) - begin, time.perf_counter() - since
            seconds.sort()
            p50, p99 = seconds[len(seconds) // 2] * 1000, seconds[int(len(seconds) * 0.99)] * 1000
            rates = f"{answers / cpu:,.0f} | {answers * batch / cpu:,.0f} | {answers * batch / elapsed:,.0f}"
            print(f"| {batch} | {rates} | {p50:,.0f} | {p99:,.0f} |", flush=True)
        gateway.terminate()
        gateway.wait()


if __name__ == "__main__":
    main()
