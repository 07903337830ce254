"""The MQTT gateway between a real broker and Kinesis: publishers lose nothing, whoever crashes on the way."""

import asyncio
import os
import sqlite3
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; the gateway's file has `metrics: {port: 0}`."""
        told = [line for line in self.log.read_text().splitlines() if '"event": "metrics"' in line]
        port = msgspec.json.decode(told[-1])["port"]  # of the newest start
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"sluice_gateway_{name}"))

    def embedded_metric(self, name: str) -> float:
        """The sum of all that was written for CloudWatch."""
        lines = [msgspec.json.decode(line) for line in self.log.read_text().splitlines()]
        return sum(line.get(name, 0) for line in lines if "_aws" in line)

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

    def __init__(
        self, broker: Broker, version: MQTTProtocolVersion = MQTTv5, tls: ssl.SSLContext | None = None
    ) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "fleet", protocol=version, **_keep_session(version))
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.max_inflight_messages_set(100)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(LOOPBACK, broker.port)
        self._client.loop_start()
        self._version = version
        self._client.on_publish = lambda *_: self._acknowledged.append(1)
        self._acknowledged: list[int] = []
        self._num_published = 0

    def publish(self, number: int, filler: int = 4) -> None:
        """The reading `number`, of one of 20 devices; with a key and a time where MQTT 5 is spoken."""
        payload = bytes.fromhex("08ab35") + bytes([number % 100]) + number.to_bytes(filler, "big")
        topic, properties = f"fleet/{PRODUCT}/device-{number % 20}/up", None
        if self._version == MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("key", f"reading-{number}"), ("event_time", str(1_767_600_000_000 + number))]
        self.send(topic, payload, properties)

    def send(self, topic: str, payload: bytes, properties: Properties | None = None) -> None:
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


def test_the_broker_keeps_what_neither_kinesis_nor_the_spool_takes(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    config = {
        "producer": {"spool_mib": 1, "memory_mib": 1, "spool_after_s": 0, "record_kib": 32},
        "metrics": {"port": 0},
        "mqtt": [session(broker.url, receive_maximum=300)],
    }
    gateway = gateways(deployment, tmp_path / "gateway", config)
    gateway.environment["SLUICE_AWS_ENDPOINT"] = f"http://{LOOPBACK}:{free_port()}"  # nobody is there
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker)
    for number in range(800):
        fleet.publish(number, filler=4096)  # 8 KiB each as hex
    fleet.wait_until_published()
    wait_until(
        lambda: gateway.metric("spool_bytes") >= 1 << 20 and gateway.metric("pending_bytes") >= 1 << 20,
        "spool and memory to be full",
        gateway.check,
    )
    acknowledged = gateway.metric("acknowledged_total")
    gateway.kill()
    assert acknowledged == num_spooled(tmp_path / "gateway" / "spool" / "records.sqlite") < 300
    gateway.environment |= deployment.environment
    gateway.start()
    wait_until(lambda: keys(deployment) == expected(range(800)), "every message on Kinesis", gateway.check)
    assert gateway.stop() == 0
    fleet.close()


def num_spooled(file: Path) -> int:
    with sqlite3.connect(file) as spool:
        return sum(data.count(b"\n") + 1 for (data,) in spool.execute("SELECT data FROM record"))


def test_a_stop_hands_over_what_was_taken_so_the_next_start_gets_none_of_it_again(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    metrics = {"port": 0, "emf_every_s": 1}
    config = {"producer": {"linger_ms": 3000}, "metrics": metrics, "mqtt": [session(broker.url)]}
    gateway = gateways(deployment, tmp_path / "gateway", config)
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker, MQTTv311)
    for number in range(20):
        fleet.publish(number)
    wait_until(lambda: gateway.metric("received_total") == 20, "the payloads in the gateway", gateway.check)
    assert gateway.stop() == 0
    assert len(envelopes(deployment)) == 20
    assert gateway.embedded_metric("acknowledged") == 20
    gateway.start()
    gateway.wait_until_subscribed(2)
    fleet.publish(20)
    wait_until(lambda: len(envelopes(deployment)) > 20, "the payload after the stop", gateway.check)
    assert len(envelopes(deployment)) == 21
    fleet.close()


def test_refused_payloads_are_counted_told_and_acknowledged(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    config = {"max_payload_kib": 1, "metrics": {"port": 0}, "mqtt": [session(broker.url)]}
    gateway = gateways(deployment, tmp_path / "gateway", config)
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker)
    fleet.send(f"fleet/{PRODUCT}/no device/up", b"\1")
    fleet.send(f"fleet/{PRODUCT}/device-1/up", b"\1" * 2048)
    fleet.send(f"fleet//{'device-1'}/up", b"\1")
    fleet.publish(1)
    wait_until(lambda: keys(deployment) == {"reading-1"}, "what is not refused on Kinesis", gateway.check)
    assert gateway.metric("refused_total") == 3
    wait_until(lambda: gateway.metric("acknowledged_total") == 4, "all acknowledged", gateway.check)
    assert gateway.stop() == 0
    reasons = {msgspec.json.decode(line).get("reason") for line in gateway.log.read_text().splitlines()} - {None}
    assert reasons == {"bad_device", "too_large", "unknown_topic"}
    gateway.start()
    gateway.wait_until_subscribed(2)
    fleet.publish(2)
    wait_until(lambda: keys(deployment) == {"reading-1", "reading-2"}, "the next one on Kinesis", gateway.check)
    assert gateway.metric("refused_total") == 0
    fleet.close()


def test_bytes_that_are_no_text_and_devices_that_nobody_knows_reach_kinesis(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(broker.url)]})
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker)
    fleet.send("fleet/ttn-wind-normalized/mast-1/up", b"\xff{}")
    fleet.send("fleet/no-such-product/thing/up", b"\0\1")
    wait_until(lambda: len(envelopes(deployment)) == 2, "both on Kinesis", gateway.check)
    assert {(envelope.product, envelope.payload) for envelope in envelopes(deployment)} == {
        ("ttn-wind-normalized", "ff7b7d"),
        ("no-such-product", "0001"),
    }
    fleet.close()


class OnlyVersion4:
    """The front of a broker of MQTT 3.1.1: another version is answered as its chapter 3.1.2.2 says, the rest passes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = free_port()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, LOOPBACK, self.port), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connect = await reader.read(4096)
        if connect[connect.index(b"MQTT") + 4] != 4:
            writer.write(b"\x20\x02\x00\x01")
            writer.close()
            return
        onward_reader, onward_writer = await asyncio.open_connection(LOOPBACK, self._broker.port)
        onward_writer.write(connect)
        await asyncio.gather(self._pass(reader, onward_writer), self._pass(onward_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()


def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    front = OnlyVersion4(broker)
    url = f"mqtt://{LOOPBACK}:{front.port}"
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(url, share="gateways", receive_maximum=5)]})
    gateway.start()
    gateway.wait_until_subscribed()
    fleet = Publisher(broker, MQTTv311)
    for number in range(100):
        fleet.publish(number)
    fleet.wait_until_published()
    gateway.kill()
    gateway.start()
    wait_until(
        lambda: len({envelope.payload for envelope in envelopes(deployment)}) == 100, "all on Kinesis", gateway.check
    )
    assert gateway.told("the broker does not speak MQTT 5: 3.1.1, without keys and times of the publishers") == 2
    assert gateway.stop() == 0
    fleet.close()
    front.close()


def test_tls_asks_for_certificates_on_both_sides(
    deployment: Deployment, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    authority.issue("broker", LOOPBACK)
    authority.issue("gateway", "gateway-1")
    Authority(tmp_path, "stranger")
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "broker", "gateway", "stranger")}
    keys_ = {name: str(tmp_path / f"{name}.key") for name in ("broker", "gateway")}
    broker = Broker(
        tmp_path,
        (
            f"cafile {files['ca']}",
            f"certfile {files['broker']}",
            f"keyfile {keys_['broker']}",
            "require_certificate true",
            "allow_anonymous true",
        ),
    )
    url = broker.url.replace("mqtt:", "mqtts:")
    mine = {"certificate": files["gateway"], "key": keys_["gateway"]}
    tries = {
        "good": {"ca": files["ca"], **mine},
        "without": {"ca": files["ca"]},
        "stranger": {"ca": files["stranger"], **mine},
    }
    running = {
        name: gateways(deployment, tmp_path / name, {"mqtt": [session(url, client_id=name, tls=tls)]})
        for name, tls in tries.items()
    }
    for gateway in running.values():
        gateway.start()
    running["good"].wait_until_subscribed()
    context = ssl.create_default_context(cafile=files["ca"])
    context.load_cert_chain(files["gateway"], keys_["gateway"])
    fleet = Publisher(broker, tls=context)
    for number in range(300):
        fleet.publish(number)
    wait_until(lambda: keys(deployment) == expected(range(300)), "every message on Kinesis", running["good"].check)
    for name in ("without", "stranger"):
        gateway = running[name]
        wait_until(lambda: gateway.told("the broker is out of reach") > 0, "it to be refused", gateway.check)  # noqa: B023
        assert gateway.told("subscribed") == 0
    assert "certificate verify failed" in running["stranger"].log.read_text()
    assert [gateway.stop() for gateway in running.values()] == [0, 0, 0]
    fleet.close()
    broker.stop()


class Authority:
    """Issues certificates of an hour into `folder`: `ca.pem`, and name.pem with name.key."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder, self._name, self._key = folder, name, ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._write(name, self._builder(name, self._key).add_extension(constraints, critical=True))

    def issue(self, name: str, subject: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.IPAddress(ip_address(LOOPBACK)), x509.DNSName("localhost")]
        builder = self._builder(subject, key).add_extension(x509.SubjectAlternativeName(names), critical=False)
        self._write(name, builder)
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self._folder / f"{name}.key").write_bytes(key.private_bytes(*form))

    def _builder(self, subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
        )

    def _write(self, name: str, builder: x509.CertificateBuilder) -> None:
        certificate = builder.sign(self._key, hashes.SHA256())
        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def test_a_login_that_the_broker_refuses_ends_the_start_and_shows_no_secret(
    deployment: Deployment, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "gateway", "correct-horse"], check=True)
    broker = Broker(tmp_path, ("allow_anonymous false", f"password_file {passwords}"))
    login = {"username": "env:MQTT_USER", "password": "env:MQTT_PASSWORD"}
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(broker.url, **login)]})
    gateway.environment |= {"MQTT_USER": "gateway", "MQTT_PASSWORD": "battery-staple"}
    gateway.start()
    assert gateway.process is not None
    assert gateway.process.wait(timeout=60) == 1
    assert "mqtt[0]: the broker refuses the connection: Not authorized" in gateway.log.read_text()
    gateway.environment["MQTT_PASSWORD"] = "correct-horse"
    gateway.start()
    gateway.wait_until_subscribed()
    assert gateway.stop() == 0
    assert not [secret for secret in ("battery-staple", "correct-horse") if secret in gateway.log.read_text()]
    broker.stop()
