"""Messages/s through the MQTT gateway on one core: `python bench/gateway_mqtt.py [--messages 10000]`.

The broker is filled while the gateway is away, which then takes all of it: gateway on the first core, everything else
(broker, Kinesis stand-in, this) on the others. The rate is over the time from a tenth to
all of the messages being acknowledged, CPU is the gateway's over the same time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from local.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
TOPIC = "{}/milesight-am319/device-{}/up"
PATIENCE_SECONDS = 100.0


class Load(NamedTuple):
    """What the broker holds, and how it is taken."""

    title: str
    payload: bytes
    has_key: bool
    receive_maximum: int


class Rate(NamedTuple):
    messages: float
    cpu: float
    memory: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    messages = parser.parse_args().messages
    reading = bytes.fromhex("01755c0367340104686505000006cb04077dc401087d050009734c27")
    loads = [
        Load("28 bytes, receive_maximum 1000", reading, False, 1000),
        Load("28 bytes with key and time, receive_maximum 1000", reading, True, 1000),
        Load("28 bytes, receive_maximum 5000", reading, False, 5000),
        Load("980 bytes, receive_maximum 1000", reading * 35, False, 1000),
    ]
    print("| load | messages/s | CPU us a message | CPU of the core | memory MiB |\n|---|---|---|---|---|")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[1:])
    with tempfile.TemporaryDirectory() as name, Stack.start(Path(name) / "run") as stack:
        for number, load in enumerate(loads):
            rate = measure(load, messages, stack, Path(name) / f"gateway-{number}")
            each = rate.cpu * 1e6 / rate.messages
            row = f"{rate.messages:,.0f} | {each:.0f} | {rate.cpu:.0%} | {rate.memory >> 20}"
            print(f"| {load.title} | {row} |", flush=True)


def measure(load: Load, messages: int, stack: Stack, folder: Path) -> Rate:
    host, _, port = stack.environment()["SLUICE_MQTT_URL"].removeprefix("mqtt://").partition(":")
    client_id = folder.name
    fill(load, messages, (host, int(port)), client_id)
    folder.mkdir()
    file, log = folder / "gateway.yaml", folder / "gateway.log"
    broker: dict[str, Any] = {
        "url": f"mqtt://{host}:{port}",
        "client_id": client_id,
        "receive_maximum": load.receive_maximum,
        "topics": [{"topic": client_id + "/{product}/{device}/up"}],
    }
    file.write_bytes(msgspec.yaml.encode({"metrics": {"port": 0}, "mqtt": [broker]}))
    sluice = [str(Path(sys.executable).parent / "sluice"), "gateway", "run", str(file)]
    environment = os.environ | stack.environment() | {"SLUICE_PROPERTIES": str(ROOT / "flink-conf" / "local.json")}
    with log.open("wb") as output:
        process = subprocess.Popen(["taskset", "-c", "0", *sluice], stdout=output, stderr=output, env=environment)
    try:
        return rate(process, log, messages)
    finally:
        process.kill()
        process.wait()


def fill(load: Load, messages: int, address: tuple[str, int], client_id: str) -> None:
    """Makes the gateway's session and publishes while nobody takes."""
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = 3600
    gateway = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
    granted: list[object] = []
    gateway.on_subscribe = lambda *_: granted.append(True)
    gateway.connect(*address, clean_start=False, properties=session)
    gateway.subscribe(f"{client_id}/+/+/up", qos=1)
    wait_until(lambda: bool(gateway.loop(0.1)) or bool(granted))
    gateway.disconnect()
    acknowledged: list[object] = []
    fleet = Client(CallbackAPIVersion.VERSION2, "bench-fleet", protocol=MQTTv5)
    fleet.on_publish = lambda *_: acknowledged.append(True)
    fleet.max_inflight_messages_set(1000)
    fleet.connect(*address)
    fleet.loop_start()
    for number in range(messages):
        properties = Properties(PacketTypes.PUBLISH)
        if load.has_key:
            properties.UserProperty = [("key", f"reading-{number}"), ("event_time", str(1_767_600_000_000 + number))]
        fleet.publish(TOPIC.format(client_id, number % 1000), load.payload, qos=1, properties=properties)
    wait_until(lambda: len(acknowledged) == messages)
    fleet.disconnect()
    fleet.loop_stop()


def rate(process: "subprocess.Popen[bytes]", log: Path, messages: int) -> Rate:
    gateway = psutil.Process(process.pid)
    wait_until(lambda: b'"event": "metrics"' in log.read_bytes())
    told = next(line for line in log.read_bytes().splitlines() if b'"event": "metrics"' in line)
    url = f"http://127.0.0.1:{msgspec.json.decode(told)['port']}/metrics"
    wait_until(lambda: acknowledged(url) > messages / 10)
    began, first, cpu = time.perf_counter(), acknowledged(url), sum(gateway.cpu_times()[:2])
    wait_until(lambda: acknowledged(url) == messages)
    seconds = time.perf_counter() - began
    return Rate((messages - first) / seconds, (sum(gateway.cpu_times()[:2]) - cpu) / seconds, gateway.memory_info().rss)


def acknowledged(url: str) -> float:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own gateway
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("sluice_gateway_acknowledged_total"))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
