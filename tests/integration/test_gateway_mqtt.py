"""The MQTT gateway between a real broker and Kinesis: publishers lose nothing, whoever crashes on the way."""

import sqlite3
import ssl
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from certificates import Authority
from deployment import ROOT, Deployment, deploy, wait_until
from gateway_process import Gateway
from mqtt_fleet import PRODUCT, Broker, OnlyVersion4, Publisher
from paho.mqtt.client import MQTTv311

from local.process import LOOPBACK, free_port
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.message import Envelope, Message

CATALOG = compile_catalog(read_specs(ROOT / "specs"))


@pytest.fixture
def deployment(shared_stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Deployment:
    name = request.node.name.partition("[")[0].removeprefix("test_")[:40]
    return deploy(shared_stack, tmp_path / "project", f"mqtt_{name}")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path)
    running.wait_until_ready()
    yield running
    running.stop()


@pytest.fixture
def gateways() -> Iterator[Callable[..., Gateway]]:
    with ExitStack() as made:

        def make(deployment: Deployment, folder: Path, config: dict[str, Any]) -> Gateway:
            gateway = Gateway(deployment, folder, config)
            made.push(gateway)
            return gateway

        yield make


def session(url: str, **more: Any) -> dict[str, Any]:
    topics = [{"topic": "fleet/{product}/{device}/up"}]
    return {"url": url, "client_id": "gateway-1", "topics": topics} | more


def keys(deployment: Deployment) -> set[str]:
    return {envelope.key for envelope in deployment.envelopes() if envelope.key is not None}


def messages(found: list[Envelope], catalog: Catalog = CATALOG) -> list[Message]:
    return [message for envelope in found for message in catalog.decode(envelope)]


def expected(*numbers: range) -> set[str]:
    return {f"reading-{number}" for numbers_ in numbers for number in numbers_}


def test_every_published_message_is_on_kinesis_though_the_gateway_is_killed_twice_and_the_broker_restarts(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(broker.url, receive_maximum=200)]})
    gateway.start()
    gateway.wait_until_told("subscribed")
    fleet = Publisher(broker)
    for number in range(2000):
        if number in (500, 1400):
            wait_until(lambda: bool(keys(deployment)), "something on Kinesis", gateway.check)
            gateway.kill()  # in the middle of what it has not acknowledged
        if number in (700, 1500):
            gateway.start()
        if number == 1000:
            gateway.wait_until_told("subscribed", 2)
            fleet.wait_until_published()
            broker.stop()
            broker.start()
        fleet.publish(number)
    fleet.wait_until_published()
    wait_until(lambda: keys(deployment) == expected(range(2000)), "every message on Kinesis", gateway.check)
    assert gateway.stop() == 0
    found = deployment.envelopes()
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
    gateway.wait_until_told("subscribed")
    fleet = Publisher(broker, MQTTv311)  # neither keys nor times: only what is known again stays one message
    for number in range(20):
        fleet.publish(number)
    fleet.wait_until_published()
    broker.stop()  # while the payloads wait for their batches
    broker.start()
    gateway.wait_until_told("subscribed", 2)
    wait_until(lambda: len(deployment.envelopes()) >= 20, "the payloads on Kinesis", gateway.check)
    assert gateway.stop() == 0
    assert Counter(envelope.device for envelope in deployment.envelopes()) == {f"device-{n}": 1 for n in range(20)}
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
        gateway.wait_until_told("subscribed")
    fleet = Publisher(broker)
    for number in range(400):
        fleet.publish(number)
    wait_until(lambda: keys(deployment) == expected(range(400)), "every message on Kinesis", pair[0].check)
    assert len(deployment.envelopes()) == 400  # each went to one of the two
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
    gateway.wait_until_told("subscribed")
    fleet = Publisher(broker)
    for number in range(800):
        fleet.publish(number, filler=4096)  # 8 KiB each as hex
    fleet.wait_until_published()
    wait_until(
        lambda: gateway.metric("spool_bytes") >= 1 << 20 and gateway.metric("pending_bytes") >= 1 << 20,
        "spool and memory to be full",
        gateway.check,
    )
    acknowledged = [-1.0]

    def stands_still() -> bool:
        acknowledged.append(gateway.metric("acknowledged_total"))
        return acknowledged[-1] == acknowledged[-2]

    wait_until(stands_still, "the last acknowledgement", gateway.check)
    gateway.kill()
    assert 0 < acknowledged[-1] < 300
    # In the order of arrival: what is durable behind something that is not waits.
    assert expected(range(int(acknowledged[-1]))) <= spooled_keys(tmp_path / "gateway" / "spool" / "records.sqlite")
    gateway.environment |= deployment.environment
    gateway.start()
    wait_until(lambda: keys(deployment) == expected(range(800)), "every message on Kinesis", gateway.check)
    assert gateway.stop() == 0
    fleet.close()


def spooled_keys(file: Path) -> set[str]:
    with sqlite3.connect(file) as spool:
        lines = [line for (data,) in spool.execute("SELECT data FROM record") for line in data.split(b"\n")]
    return {msgspec.json.decode(line, type=Envelope).key or "" for line in lines}


def test_a_stop_hands_over_what_was_taken_so_the_next_start_gets_none_of_it_again(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    metrics = {"port": 0, "emf_every_s": 1}
    config = {"producer": {"linger_ms": 3000}, "metrics": metrics, "mqtt": [session(broker.url)]}
    gateway = gateways(deployment, tmp_path / "gateway", config)
    gateway.start()
    gateway.wait_until_told("subscribed")
    fleet = Publisher(broker, MQTTv311)
    for number in range(20):
        fleet.publish(number)
    wait_until(lambda: gateway.metric("received_total") == 20, "the payloads in the gateway", gateway.check)
    assert gateway.stop() == 0
    assert len(deployment.envelopes()) == 20
    assert gateway.embedded_metric("acknowledged") == 20
    gateway.start()
    gateway.wait_until_told("subscribed", 2)
    fleet.publish(20)
    wait_until(lambda: len(deployment.envelopes()) > 20, "the payload after the stop", gateway.check)
    assert len(deployment.envelopes()) == 21
    fleet.close()


def test_refused_payloads_are_counted_told_and_acknowledged(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    config = {"max_payload_kib": 1, "metrics": {"port": 0}, "mqtt": [session(broker.url)]}
    gateway = gateways(deployment, tmp_path / "gateway", config)
    gateway.start()
    gateway.wait_until_told("subscribed")
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
    gateway.wait_until_told("subscribed", 2)
    fleet.publish(2)
    wait_until(lambda: keys(deployment) == {"reading-1", "reading-2"}, "the next one on Kinesis", gateway.check)
    assert gateway.metric("refused_total") == 0
    fleet.close()


def test_bytes_that_are_no_text_and_devices_that_nobody_knows_reach_kinesis(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(broker.url)]})
    gateway.start()
    gateway.wait_until_told("subscribed")
    fleet = Publisher(broker)
    fleet.send("fleet/ttn-wind-normalized/mast-1/up", b"\xff{}")
    fleet.send("fleet/no-such-product/thing/up", b"\0\1")
    wait_until(lambda: len(deployment.envelopes()) == 2, "both on Kinesis", gateway.check)
    assert {(envelope.product, envelope.payload) for envelope in deployment.envelopes()} == {
        ("ttn-wind-normalized", "ff7b7d"),
        ("no-such-product", "0001"),
    }
    fleet.close()


def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1(
    deployment: Deployment, broker: Broker, gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    front = OnlyVersion4(broker)
    url = f"mqtt://{LOOPBACK}:{front.port}"
    gateway = gateways(deployment, tmp_path / "gateway", {"mqtt": [session(url, share="gateways", receive_maximum=5)]})
    gateway.start()
    gateway.wait_until_told("subscribed")
    fleet = Publisher(broker, MQTTv311)
    for number in range(100):
        fleet.publish(number)
    fleet.wait_until_published()
    gateway.kill()
    gateway.start()
    wait_until(
        lambda: len({envelope.payload for envelope in deployment.envelopes()}) == 100, "all on Kinesis", gateway.check
    )
    assert len(gateway.told("the broker does not speak MQTT 5: 3.1.1, without keys and times of the publishers")) == 2
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
    running["good"].wait_until_told("subscribed")
    context = ssl.create_default_context(cafile=files["ca"])
    context.load_cert_chain(files["gateway"], keys_["gateway"])
    fleet = Publisher(broker, tls=context)
    for number in range(300):
        fleet.publish(number)
    wait_until(lambda: keys(deployment) == expected(range(300)), "every message on Kinesis", running["good"].check)
    for name in ("without", "stranger"):
        gateway = running[name]
        wait_until(lambda: bool(gateway.told("the broker is out of reach")), "it to be refused", gateway.check)  # noqa: B023
        assert not gateway.told("subscribed")
    assert "certificate verify failed" in running["stranger"].log.read_text()
    assert [gateway.stop() for gateway in running.values()] == [0, 0, 0]
    fleet.close()
    broker.stop()


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
    code, told = gateway.end()
    assert code == 1
    assert "mqtt[0]: the broker refuses the connection: Not authorized" in told
    gateway.environment["MQTT_PASSWORD"] = "correct-horse"
    gateway.start()
    gateway.wait_until_told("subscribed")
    assert gateway.stop() == 0
    assert not [secret for secret in ("battery-staple", "correct-horse") if secret in gateway.log.read_text()]
    broker.stop()
