"""What one core carries as a TCP gateway: `python bench/gateway_tcp.py [--seconds 20] [--segment 1] [--idle 5000]`.

The gateway process has core 0 for itself; clients, Kinesis and Aurora stand-ins share core 1. Each of the busy
connections sends GT06 locations and, as every tenth frame, a heartbeat, and waits while ten heartbeats are not
acknowledged; so what is counted is acknowledged, which is: on Kinesis. `--segment` frames go in one segment.
"""

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from throughput import ROOT

from local.stack import Stack
from udfs.checksums import CHECKSUMS

GATEWAY_CORE, OTHER_CORE = 0, 1
HEARTBEAT_EVERY = 10
WINDOW = 10
REPLY_BYTES = 10
CONFIG = """
tcp:
  - port: 0
    products: [concox-gt06]
    frames_per_s: 1000000
    max_connections: 20000
    max_connections_per_address: 20000
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--busy", type=int, default=500)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--segment", type=int, default=1)
    options = parser.parse_args()
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Stack.start(folder / "run") as stack:
            gateway, port = start_gateway(folder, stack.environment())
            try:
                measure(psutil.Process(gateway.pid), port, options)
            finally:
                gateway.terminate()
                gateway.wait(timeout=60)


def start_gateway(folder: Path, environment: dict[str, str]) -> tuple["subprocess.Popen[bytes]", int]:
    (folder / "gateway.yaml").write_text(CONFIG)
    log = folder / "gateway.log"
    command = [str(Path(sys.executable).parent / "sluice"), "gateway", "run", str(folder / "gateway.yaml")]
    properties = {"SLUICE_PROPERTIES": str(ROOT / "flink-conf" / "local.json")}
    with log.open("wb") as out:
        gateway = subprocess.Popen(
            ["taskset", "-c", str(GATEWAY_CORE), *command], stderr=out, cwd=ROOT, env=environment | properties
        )
    while not (told := [line for line in log.read_text().splitlines() if '"listening"' in line]):
        if gateway.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    return gateway, int(json.loads(told[0])["port"])


def measure(gateway: psutil.Process, port: int, options: argparse.Namespace) -> None:
    empty = gateway.memory_info().rss
    began = time.perf_counter()
    idle = [connect(port, number) for number in range(options.idle)]
    took = time.perf_counter() - began
    each = (gateway.memory_info().rss - empty) / max(1, options.idle) / 1024
    print(f"{options.idle} connections logged in, in {took:.1f} s; {each:.1f} KiB each")
    cpu = busy_share(gateway, 5.0)
    print(f"idle, the gateway takes {cpu:.1%} of its core")
    if idle:
        delays = sorted(round_trip(idle[number % len(idle)], number) for number in range(200))
        print(f"a heartbeat among them is acknowledged after {delays[100] * 1000:.0f} ms (median of 200)")
    before = gateway.cpu_times()
    frames, seconds = flood(port, options.idle, options)
    after = gateway.cpu_times()
    spent = after.user + after.system - before.user - before.system
    print(f"{options.busy} busy connections, {options.segment} frame(s) a segment, {seconds:.1f} s:")
    print(f"{frames / seconds:,.0f} messages/s acknowledged, the gateway got {spent / seconds:.0%} of its core for it")
    print(f"{spent / frames * 1e6:.0f} µs of its core each: {frames / spent:,.0f} messages/s where it has all of it")
    print(f"memory at the end {gateway.memory_info().rss >> 20} MiB")


def connect(port: int, number: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(sealed(bytes.fromhex(f"0d01{number + 1:016d}0001")))
    return connection


def round_trip(connection: socket.socket, serial: int) -> float:
    connection.setblocking(True)
    connection.settimeout(5)
    connection.recv(4096)  # the login's reply
    began = time.perf_counter()
    connection.sendall(heartbeat(serial))
    if not connection.recv(4096):
        raise SystemExit("the gateway closed an idle connection")
    return time.perf_counter() - began


def busy_share(gateway: psutil.Process, seconds: float) -> float:
    before = gateway.cpu_times()
    time.sleep(seconds)
    after = gateway.cpu_times()
    return float(after.user + after.system - before.user - before.system) / seconds


@dataclass
class Sender:
    """A busy connection: `sent` frames, `heard` bytes of replies."""

    connection: socket.socket
    sent: int = 0
    heard: int = 0

    @property
    def in_flight(self) -> int:
        return self.sent // HEARTBEAT_EVERY - self.heard // REPLY_BYTES


def flood(port: int, first: int, options: argparse.Namespace) -> tuple[int, float]:
    """Frames that were acknowledged, and the seconds that took."""
    senders = [Sender(connect(port, first + number)) for number in range(options.busy)]
    for sender in senders:
        sender.connection.recv(REPLY_BYTES)
        sender.connection.setblocking(False)
    cycle = [location(serial) for serial in range(HEARTBEAT_EVERY - 1)] + [heartbeat(9)]
    segments = [
        b"".join(cycle[(begin + offset) % HEARTBEAT_EVERY] for offset in range(options.segment))
        for begin in range(HEARTBEAT_EVERY)
    ]
    selector = selectors.DefaultSelector()
    for sender in senders:
        selector.register(sender.connection, selectors.EVENT_READ, sender)
    began = time.perf_counter()
    deadline = began + options.seconds
    while time.perf_counter() < deadline:
        for sender in senders:
            if sender.in_flight < WINDOW:
                sender.connection.send(segments[sender.sent % HEARTBEAT_EVERY])
                sender.sent += options.segment
        hear(selector, 0.0)
    while any(sender.in_flight > 0 for sender in senders):
        hear(selector, 1.0)
    seconds = time.perf_counter() - began
    return sum(sender.heard // REPLY_BYTES * HEARTBEAT_EVERY for sender in senders), seconds


def hear(selector: selectors.BaseSelector, timeout: float) -> None:
    for key, _ in selector.select(timeout):
        sender: Sender = key.data
        replies = sender.connection.recv(65_536)
        if not replies:
            raise SystemExit("the gateway closed a busy connection")
        sender.heard += len(replies)


def location(serial: int) -> bytes:
    return sealed(bytes.fromhex(f"1f120f0a140e150bc505e51e780293a9e800540000f601006e0055da{serial:04x}"))


def heartbeat(serial: int) -> bytes:
    return sealed(bytes.fromhex(f"0a134406040002{serial:04x}"))


def sealed(content: bytes) -> bytes:
    return b"\x78\x78" + content + CHECKSUMS["crc16_x25"].compute(content).to_bytes(2, "big") + b"\x0d\x0a"


if __name__ == "__main__":
    main()
