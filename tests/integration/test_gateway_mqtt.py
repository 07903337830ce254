"""The MQTT gateway between a real broker and Kinesis: publishers lose nothing, whoever crashes on the way."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from deployment import ROOT, Deployment, deploy, wait_until
from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from local.errors import NotReady
from local.ministack import kinesis_client
from local.mosquitto import answer, launch_broker
from local.process import LOOPBACK, free_port, stop
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.message import Envelope, Message

PRODUCT = "browan-tbhh100"
CATALOG = compile_catalog(read_specs(ROOT / "specs"))


@pytest.fixture
def deployment(shared_stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Deployment:
    name = request.node.name.partition("[")[0].removeprefix("test_")[:40]
    return deploy(shared_stack, tmp_path / "project", f"mqtt_{name}")


class Broker:
    """A mosquitto of the test's own, which it may stop and start again with its sessions."""

    def __init__(self, folder: Path, listener: tuple[str, ...] = ("allow_anonymous true",)) -> None:
        self.port = free_port()
        self.folder, self._listener = folder, (f"listener {self.port} {LOOPBACK}", *listener)
        self.url = f"mqtt://{LOOPBACK}:{self.port}"
        self.start()

    def start(self) -> None:
        log = self.folder / "mosquitto.log"
        self.server, self._child = launch_broker(self.port, self.folder / "mosquitto", log, self._listener)

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready, "the broker answers")

    def stop(self) -> None:
        assert stop([self.server], [self._child]) == []

    def _is_ready(self) -> bool:
        try:
            answer({"SLUICE_MQTT_URL": self.url})
        except NotReady:
            return False
        return True


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path)
    running.wait_until_ready()
    yield running
    running.stop()


class Gateway:
    """`sluice gateway run` as in production, which a test may kill."""

    def __init__(self, deployment: Deployment, folder: Path, config: dict[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        self.file, self.log = folder / "gateway.yaml", folder / "gateway.log"
        self.file.write_bytes(msgspec.yaml.encode(config))
        self.environment = os.environ | deployment.environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).parent / "sluice"), "gateway", "run", str(self.file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=ROOT)

    def wait_until_subscribed(self, times: int = 1) -> None:
        wait_until(lambda: self.told("subscribed") >= times, "the gateway's subscription", self.check)

    def told(self, event: str) -> int:
        return self.log.read_text().count(f'"event": "{event}"')

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)

    def check(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()


@pytest.fixture
def gateways() -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(deployment: Deployment, folder: Path, config: dict[str, Any]) -> Gateway:
        made.append(Gateway(deployment, folder, config))
        return made[-1]

    yield make
    for gateway in made:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()


def session(url: str, **more: Any) -> dict[str, Any]:
    topics = [{"topic": "fleet/{product}/{device}/up"}]
    return {"url": url, "client_id": "gateway-1", "topics": topics} | more


class Publisher:
    """A device's side: paho with QoS 1, which sends again what the broker has not acknowledged."""

    def __init__(self, broker: Broker, version: MQTTProtocolVersion = MQTTv5) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "fleet", protocol=version, **_keep_session(version))
        self._client.max_inflight_messages_set(100)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(LOOPBACK, broker.port)
        self._client.loop_start()
        self._version = version
        self._client.on_publish = lambda *_: self._acknowledged.append(1)
        self._acknowledged: list[int] = []
        self._num_published = 0

    def publish(self, number: int) -> None:
        """The reading `number`, of one of 20 devices; a key with MQTT 5."""
        payload = bytes.fromhex("08ab35") + bytes([number % 100]) + number.to_bytes(4, "big")
        topic, properties = f"fleet/{PRODUCT}/device-{number % 20}/up", None
        if self._version == MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("key", f"reading-{number}"), ("event_time", str(1_767_600_000_000 + number))]
        self._client.publish(topic, payload, qos=1, properties=properties)
        self._num_published += 1

    def wait_until_published(self) -> None:
        wait_until(lambda: len(self._acknowledged) == self._num_published, "the broker has all")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _keep_session(version: MQTTProtocolVersion) -> dict[str, Any]:
    return {} if version == MQTTv5 else {"clean_session": False}


def envelopes(deployment: Deployment) -> list[Envelope]:
    """All that the stream of devices holds, in the order of each shard."""
    kinesis, stream = kinesis_client(deployment.environment), deployment.config.kinesis.devices
    found: list[Envelope] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place: dict[str, Any] = {"StreamName": stream, "ShardId": shard["ShardId"]}
        iterator = kinesis.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
            for record in records:
                found += [msgspec.json.decode(line, type=Envelope) for line in record["Data"].split(b"\n")]
            iterator = answer["NextShardIterator"]
    return found


def keys(deployment: Deployment) -> set[str]:
    return {envelope.key for envelope in envelopes(deployment) if envelope.key is not None}


def messages(found: list[Envelope], catalog: Catalog = CATALOG) -> list[Message]:
    return [message for envelope in found for message in catalog.decode(envelope)]


def expected(*numbers: range) -> set[str]:
    return {f"reading-{number}" for numbers_ in numbers for number in numbers_}


def test_every_published_message_is_on_kinesis_though_the_gateway_is_killed_twice_and_the_broker_restarts(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(broker.url, receive_maximum=200)]})
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker)
    for number in range(2000):
        if number in (500, 1400):
            wait_until(lambda: bool(keys(deployment)), "something on Kinesis", gateway.check)
            gateway.kill()  # in the middle of what it has not acknowledged
        if number in (700, 1500):
            gateway.start()
        if number == 1000:
            gateway.wait_until_subscribed(2)
            fleet.wait_until_published()
            broker.stop()
            broker.start()
        fleet.publish(number)
    fleet.wait_until_published()
    wait_until(lambda: keys(deployment) == expected(range(2000)), "every message on Kinesis", gateway.check)
    assert gateway.stop() == 0
    found = envelopes(deployment)
    assert len({message.message_id for message in messages(found)}) == 2000
    assert_order_of_each_device(found)
    fleet.close()


def assert_order_of_each_device(found: list[Envelope]) -> None:
    """First arrivals of a device's readings are in the order in which it sent them."""
    numbers: dict[str, list[int]] = {}
    for envelope in found:
        numbers.setdefault(envelope.device, []).append(int(str(envelope.key).removeprefix("reading-")))
    for device, came in numbers.items():
        first = list(dict.fromkeys(came))
        assert first == sorted(first), device


def test_a_broker_that_restarts_makes_no_further_message_of_what_is_under_way(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    config = {"producer": {"linger_ms": 5000}, "mqtt": [session(broker.url)]}
    gateway = gateways(deployment, tmp_path / "gateway", config)
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker, MQTTv311)  # neither keys nor times: only what is known again stays one message
    for number in range(20):
        fleet.publish(number)
    fleet.wait_until_published()
    broker.stop()  # while the payloads wait for their batches
    broker.start()
    gateway.wait_until_subscribed(2)
    wait_until(lambda: len(envelopes(deployment)) >= 20, "the payloads on Kinesis", gateway.check)
    assert gateway.stop() == 0
    assert Counter(envelope.device for envelope in envelopes(deployment)) == {f"device-{n}": 1 for n in range(20)}
    fleet.close()


def test_two_gateways_share_a_subscription(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    pair = [
        gateways(
            deployment,
            tmp_path / name,
            {"mqtt": [session(broker.url, client_id=name, share="gateways")], "metrics": {"port": 0}},
        )
        for name in ("gateway-1", "gateway-2")
    ]
    for gateway in pair:
        gateway.start()
    for gateway in pair:
        gateway.wait_until_subscribed()
    fleet = Publisher(broker)
    for number in range(400):
        fleet.publish(number)
    wait_until(lambda: keys(deployment) == expected(range(400)), "every message on Kinesis", pair[0].check)
    assert len(envelopes(deployment)) == 400  # each went to one of the two
    assert [gateway.stop() for gateway in pair] == [0, 0]
    fleet.close()
