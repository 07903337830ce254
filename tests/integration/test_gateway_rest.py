"""The REST gateway over real HTTP: what it answers, what is on Kinesis then, and what it does not let happen."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from certificates import Authority
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from deployment import ROOT, Deployment, deploy, wait_until
from rest_gateway import RestGateway

from gateways.rest.connections import MAX_PIPELINED
from gateways.rest.keys import new_key
from jobs.decode import decode_record
from jobs.enrich import MasterData
from jobs.ingest import Record
from jobs.store import migrate_aurora
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs

BATCH = "application/vnd.sluice.batch+json"
AM319 = "0367f600046844"
WIND = {"data": [{"wind": {"speed": 4.2, "direction": 225.0}}]}
CALM = {"data": [{"wind": {"speed": 0.1, "direction": 0.0}}]}

FLEET, SLOW, SITE = new_key("fleet"), new_key("slow"), new_key("site")
ISSUER = ec.generate_private_key(ec.SECP256R1())

KEYS = [
    {"name": "fleet", "secret": FLEET.secret, "rate": 10_000},
    {"name": "slow", "secret": SLOW.secret, "rate": 0.1},
    {"name": "site", "secret": SITE.secret, "devices": ["site-7/*"], "products": ["milesight-*"]},
]
Serve = Callable[..., RestGateway]

JWT = {"issuer": "https://id.example", "audience": "sluice", "keys": "issuer.pem"}


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_gateway_rest")
    migrate_aurora(deployment.config.aurora, ROOT / "sql" / "aurora")
    conninfo = deployment.config.aurora.conninfo(deployment.config.aurora.write_host)
    with psycopg.connect(conninfo, autocommit=True) as aurora:
        aurora.execute(
            "INSERT INTO device (device_id, product, version, deleted) VALUES "
            "('am-1', 'milesight-am319', 1, false), ('wind-1', 'ttn-wind-normalized', 2, false)"
        )
    return deployment


@pytest.fixture(scope="module")
def gateway(deployment: Deployment, folder: Path) -> Iterator[RestGateway]:
    """With small limits, so that they are reached soon."""
    limits = {"max_body_kib": 64, "max_items": 200, "max_connections": 30, "head_s": 1.5, "body_s": 1.5}
    gateway = RestGateway(deployment, folder / "main", {"auth": {"keys": KEYS, "jwt": JWT}} | limits)
    pem = ISSUER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (gateway.folder / "issuer.pem").write_bytes(pem)
    with gateway:
        yield gateway


@pytest.fixture
def serve(deployment: Deployment, folder: Path) -> Iterator[Serve]:
    """Starts a gateway of its own."""
    with ExitStack() as begun:

        def start(rest: dict[str, Any], place: Path | None = None, **more: Any) -> RestGateway:
            return begun.enter_context(RestGateway(deployment, place or folder / unique("gateway"), rest, **more))

        yield start


@pytest.fixture
def fleet(gateway: RestGateway) -> Iterator[httpx.Client]:
    with gateway.client(**{"X-API-Key": FLEET.key}) as client:
        yield client


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def post(
    client: httpx.Client, device: str, content: Any = AM319, media_type: str = "text/plain", **more: Any
) -> httpx.Response:
    headers = {"Content-Type": media_type} | more.pop("headers", {})
    body = json.dumps(content) if isinstance(content, list | dict) else content
    return client.post(f"/v1/devices/{device}/messages", content=body, headers=headers, params=more)


def problem(answer: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    """The body of an answer that is a problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["reason"]) == (status, reason)
    return body


def ids(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 202, answer.text
    return [outcome["message_ids"] for outcome in answer.json()["messages"]]


# What is taken


def test_an_answer_comes_when_it_is_on_kinesis_with_the_ids_that_the_job_stores(
    fleet: httpx.Client, deployment: Deployment, catalog: Catalog
) -> None:
    csv = catalog.products["coldroom-logger"].document.examples[0].payload
    answers = [
        post(fleet, "wind-1", WIND, "application/json"),
        post(fleet, "am-1", AM319 + "\n"),
        post(fleet, "am-1", bytes.fromhex(AM319), "application/octet-stream", event_time=1_767_225_600_000),
        post(fleet, unique("cold"), csv.encode(), "text/csv; charset=utf-8", product="coldroom-logger"),
        post(
            fleet,
            "wind-1",
            b'{"data": [{"wind": {"speed": 1}}]}\n{"data": [{"wind": {"speed": 2}}]}\n',
            "application/x-ndjson",
        ),
        post(fleet, "am-1", [{"payload": AM319, "key": "a"}, {"payload": "0367f700", "event_time": 1}], BATCH),
        post(fleet, "wind-1", [{"payload": WIND}, {"payload": json.dumps(WIND)}], BATCH, event_time=1_767_225_600_001),
    ]
    told = {message_id for answer in answers for outcome in ids(answer) for message_id in outcome}
    now = time.time_ns() // 1_000_000
    stored = {
        message[0]
        for number, data in enumerate(deployment.device_records())
        for message in decode_record(Record(data, now, "shard", str(number)), catalog, MasterData({}))[1]
    }
    assert told <= stored
    assert [len(ids(answer)) for answer in answers] == [1, 1, 1, 1, 2, 2, 2]


def test_a_device_whose_id_has_a_slash_is_written_as_2f(fleet: httpx.Client, deployment: Deployment) -> None:
    name = unique("pump")
    ids(post(fleet, f"site-7%2F{name}", product="milesight-am319"))
    [envelope] = deployment.envelopes(f"site-7/{name}")
    assert (envelope.protocol, envelope.payload) == ("rest", AM319)


def test_what_a_request_says_of_its_payload_stands_in_the_envelope(fleet: httpx.Client, deployment: Deployment) -> None:
    device = unique("am")
    key = {"Idempotency-Key": '"8e03978e-40d5"'}
    ids(post(fleet, device, product="milesight-am319", port=85, firmware="1.7", event_time=5, headers=key))
    [envelope] = deployment.envelopes(device)
    assert (envelope.port, envelope.firmware, envelope.event_time) == (85, "1.7", 5)
    assert envelope.key == "8e03978e-40d5"
    assert abs(envelope.received_at - time.time_ns() // 1_000_000) < 60_000


def test_a_payload_that_its_spec_refuses_is_taken_and_told_as_a_dead_letter(
    fleet: httpx.Client, deployment: Deployment
) -> None:
    device = unique("am")
    answer = post(fleet, device, [{"payload": AM319}, {"payload": "0367f6"}], BATCH, product="milesight-am319")
    assert answer.status_code == 202
    good, dead = answer.json()["messages"]
    assert len(good["message_ids"]) == 1
    assert dead["dead_letter"]["reason"] == "truncated"
    assert dead["dead_letter"]["byte_offset"] == 3
    assert [envelope.payload for envelope in deployment.envelopes(device)] == [AM319, "0367f6"]


# Repeats


def test_a_repeated_request_makes_the_same_messages_on_any_gateway(fleet: httpx.Client, serve: Serve) -> None:
    device, key = unique("am"), {"Idempotency-Key": str(uuid.uuid4())}
    batch = [{"payload": AM319}, {"payload": AM319}, {"payload": "0367f700", "key": "uplink-17"}]
    first = post(fleet, device, batch, BATCH, product="milesight-am319", headers=key)
    again = post(fleet, device, batch, BATCH, product="milesight-am319", headers=key)
    other = serve({"auth": "none"})
    with other.client() as client:
        elsewhere = post(client, device, batch, BATCH, product="milesight-am319", headers=key)
        probe(client)
    assert ids(first) == ids(again) == ids(elsewhere)
    assert len({message_id for outcome in ids(first) for message_id in outcome}) == 3
    assert other.stop() == 0
    other_key = post(fleet, device, batch, BATCH, product="milesight-am319", headers={"Idempotency-Key": "other"})
    assert ids(other_key)[0] != ids(first)[0]
    assert ids(other_key)[2] == ids(first)[2]  # its own key names it


def test_another_body_under_the_same_key_is_another_message(fleet: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    assert ids(post(fleet, "am-1", AM319, headers=key)) != ids(post(fleet, "am-1", "0367f700", headers=key))


def probe(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}


# What is refused


def test_a_batch_is_taken_whole_or_not_at_all(fleet: httpx.Client, deployment: Deployment) -> None:
    device = unique("am")
    batch = [
        {"payload": AM319, "product": "milesight-am319"},
        {"payload": AM319},
        {"payload": AM319, "product": "milesight-am391"},
        {"payload": {"a": 1}, "product": "milesight-am319"},
        {"payload": AM319, "product": "milesight-am319", "event_time": 4_000_000_000_000},
    ]
    body = problem(post(fleet, device, batch, BATCH), 422, "unknown_product")
    assert [(fault["index"], fault["reason"]) for fault in body["faults"]] == [
        (1, "unknown_product"),
        (2, "unknown_product"),
        (3, "wrong_format"),
        (4, "bad_event_time"),
    ]
    assert "did you mean `milesight-am319`" in body["faults"][1]["detail"]
    assert deployment.envelopes(device) == []


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ({"device": "am%201"}, 422, "bad_device"),
        ({"device": "x" * 129, "product": "milesight-am319"}, 422, "bad_device"),
        ({"device": "new"}, 422, "unknown_product"),
        ({"device": "am-1", "product": "elsys-generic"}, 422, "other_product"),
        ({"device": "wind-1"}, 422, "wrong_format"),
        ({"device": "am-1", "port": "eighty"}, 400, "bad_parameter"),
        ({"device": "am-1", "port": "-1"}, 400, "bad_parameter"),
        ({"device": "am-1", "port": "65536"}, 400, "bad_parameter"),
        ({"device": "am-1", "firmware": "1" * 65}, 400, "bad_parameter"),
        ({"device": "am-1", "event_time": "-1"}, 400, "bad_parameter"),
        ({"device": "am-1", "product": ""}, 400, "bad_parameter"),
        ({"device": "am-1", "headers": {"Idempotency-Key": "a b"}}, 400, "bad_parameter"),
        ({"device": "am-1", "headers": {"Idempotency-Key": '"a'}}, 400, "bad_parameter"),
        ({"device": "am-1", "content": b""}, 422, "empty"),
        ({"device": "am-1", "content": b"\xff"}, 400, "not_utf_8"),
        ({"device": "am-1", "media_type": "text/plain; charset=utf-16"}, 415, "unknown_charset"),
        ({"device": "am-1", "media_type": "application/xml"}, 415, "unknown_media_type"),
        ({"device": "am-1", "headers": {"Content-Encoding": "gzip"}}, 415, "unknown_encoding"),
        ({"device": "am-1", "headers": {"Accept": "text/html"}}, 406, "not_acceptable"),
        ({"device": "am-1", "content": b"0" * (65 << 10)}, 413, "too_large"),
        ({"device": "am-1", "content": [{"payload": "00"}] * 201, "media_type": BATCH}, 422, "too_many"),
    ],
)
def test_a_request_that_cannot_be_taken_is_told_why(
    fleet: httpx.Client, request_: dict[str, Any], status: int, reason: str
) -> None:
    problem(post(fleet, **request_), status, reason)


def test_a_body_without_a_stated_length_is_cut_off_while_it_comes(fleet: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b"0" * (16 << 10)

    problem(post(fleet, "am-1", chunks()), 413, "too_large")
    probe(fleet)


def test_what_is_not_there_is_a_problem_too(fleet: httpx.Client) -> None:
    problem(fleet.get("/v1/nothing"), 404, "no_such_resource")
    answer = fleet.get("/v1/devices/am-1/messages")
    problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_unknown_devices_can_be_denied(serve: Serve) -> None:
    gateway = serve({"auth": "none"}, unknown_devices="deny")
    with gateway.client() as client:
        body = problem(post(client, "stranger", product="milesight-am319"), 404, "unknown_device")
        assert "nobody has registered the device `stranger`" in body["detail"]
        problem(post(client, "stranger"), 404, "unknown_device")
        ids(post(client, "am-1"))
    assert gateway.stop() == 0


# Who may send


def test_without_credentials_nobody_sends(gateway: RestGateway) -> None:
    with gateway.client() as client:
        answer = post(client, "am-1")
        problem(answer, 401, "no_credentials")
        assert answer.headers["www-authenticate"] == 'ApiKey realm="sluice", header="x-api-key", Bearer realm="sluice"'
        problem(post(client, "am-1", headers={"X-API-Key": "fleet.guess"}), 401, "bad_key")
        problem(post(client, "am-1", headers={"Authorization": "Basic Zm9vOmJhcg=="}), 401, "bad_token")
        problem(client.get("/metrics"), 401, "no_credentials")


def test_a_key_sends_for_its_devices_and_products_only(gateway: RestGateway) -> None:
    with gateway.client(**{"X-API-Key": SITE.key}) as client:
        ids(post(client, "site-7%2Fam-1", product="milesight-am319"))
        problem(post(client, "am-1"), 403, "not_your_device")
        problem(post(client, "site-7%2Fam-1", product="elsys-generic"), 403, "not_your_product")


def test_a_key_has_its_rate(gateway: RestGateway) -> None:
    with gateway.client(**{"X-API-Key": SLOW.key}) as client:
        ids(post(client, "am-1"))
        answer = post(client, "am-1")
        problem(answer, 429, "rate_limited")
        assert answer.headers["retry-after"] == "10"


def test_a_token_sends_for_the_devices_that_it_names(gateway: RestGateway) -> None:
    claims = {"iss": JWT["issuer"], "aud": "sluice", "sub": "tenant-3", "devices": ["am-*"]}
    token = jwt.encode(claims | {"exp": time.time() + 60}, ISSUER, "ES256")
    old = jwt.encode(claims | {"exp": time.time() - 60}, ISSUER, "ES256")
    with gateway.client() as client:
        ids(post(client, "am-1", headers={"Authorization": f"Bearer {token}"}))
        problem(post(client, "wind-1", headers={"Authorization": f"Bearer {token}"}), 403, "not_your_device")
        answer = post(client, "am-1", headers={"Authorization": f"Bearer {old}"})
        problem(answer, 401, "bad_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_no_log_tells_a_secret(gateway: RestGateway) -> None:
    told = gateway.log.read_text()
    assert '"reason": "bad_key"' in told
    for drawn in (FLEET, SLOW, SITE):
        assert drawn.key.partition(".")[2] not in told
        assert drawn.secret not in told
    assert "fleet.guess" not in told


def test_everyone_is_let_in_on_loopback_only(serve: Serve) -> None:
    with pytest.raises(AssertionError, match="`none` would let everyone in"):
        serve({"auth": "none", "host": "0.0.0.0"})  # noqa: S104 - it is refused


# TLS


@pytest.fixture(scope="module")
def pki(folder: Path) -> Path:
    """An authority, a server's certificate and a client's."""
    authority = Authority(folder / "tls")
    for name in ("server", "client"):
        authority.issue(name, name)
    return folder / "tls"


def test_tls_lets_in_whose_certificate_the_authority_has_signed(serve: Serve, pki: Path) -> None:
    tls = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}
    gateway = serve({"auth": "none", "tls": tls}, pki)
    trust, known = (ssl.create_default_context(cafile=pki / "ca.pem") for _ in range(2))
    known.load_cert_chain(pki / "client.pem", pki / "client.key")
    with httpx.Client(base_url=gateway.url, verify=known) as client:
        ids(post(client, "am-1"))
    with httpx.Client(base_url=gateway.url, verify=trust) as stranger, pytest.raises(httpx.TransportError):
        post(stranger, "am-1")
    with (
        httpx.Client(base_url=gateway.url) as distrustful,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY"),
    ):
        post(distrustful, "am-1")
    assert gateway.stop() == 0


# Slow and many


def connect(gateway: RestGateway) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the gateway closes."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


HEAD = b"POST /v1/devices/am-1/messages HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\nContent-Type: text/plain\r\n"


def trickle(connection: socket.socket, data: bytes) -> None:
    """A byte now and then, until the gateway has enough of it."""
    try:
        for byte in data:
            connection.send(bytes([byte]))
            time.sleep(0.05)
    except OSError:
        return


def test_a_head_that_trickles_in_is_given_up(gateway: RestGateway) -> None:
    with connect(gateway) as connection:
        trickle(connection, HEAD + b"X-More: " + b"a" * 100)
        assert b"HTTP/1.1 408" in rest_of(connection)


def test_a_body_that_trickles_in_is_given_up(gateway: RestGateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(HEAD % FLEET.key.encode() + b"Content-Length: 1000\r\n\r\n")
        trickle(connection, b"0" * 100)
        answer = rest_of(connection)
        assert b"HTTP/1.1 408" in answer
        assert b'"reason":"slow_body"' in answer


def test_a_connection_that_says_nothing_is_closed(gateway: RestGateway) -> None:
    with connect(gateway) as connection:
        assert rest_of(connection) == b""
    with connect(gateway) as connection:
        trickle(connection, b"\r\n" * 60)
        assert rest_of(connection) == b""


def test_requests_may_come_before_the_first_is_answered_but_not_without_bound(gateway: RestGateway) -> None:
    alive = b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n"
    with connect(gateway) as connection:
        connection.sendall(alive * MAX_PIPELINED)
        assert rest_of(connection).count(b"HTTP/1.1 200") == MAX_PIPELINED
    with connect(gateway) as connection, pytest.raises((ConnectionResetError, BrokenPipeError)):
        connection.sendall(alive * (1 << 20))


def test_a_head_without_end_is_cut_off(gateway: RestGateway) -> None:
    with connect(gateway) as connection:
        try:
            for _ in range(100):
                connection.sendall(b"GET / HTTP/1.1\r\nX: " if _ == 0 else b"a" * 10_000)
        except OSError:
            pass
        assert b"HTTP/1.1 431" in rest_of(connection)


def test_what_is_no_http_is_told_as_a_problem(gateway: RestGateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = rest_of(connection)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer


def test_a_flood_of_connections_is_told_to_come_later(gateway: RestGateway, fleet: httpx.Client) -> None:
    flood = [connect(gateway) for _ in range(40)]
    answers = [rest_of(connection) for connection in flood]
    for connection in flood:
        connection.close()
    assert sum(b"HTTP/1.1 503" in answer and b"Retry-After" in answer for answer in answers) >= 10
    wait_until(lambda: post(fleet, "am-1").status_code == 202, "requests to be taken again")


@pytest.fixture
def tardy(serve: Serve) -> RestGateway:
    """A gateway that answers before its lines are due, and has room for one body."""
    return serve({"auth": "none", "answer_s": 0.5, "bodies_mib": 1}, producer={"linger_ms": 2000})


def test_what_is_not_durable_in_time_is_not_known_and_may_be_sent_again(
    tardy: RestGateway, deployment: Deployment, catalog: Catalog
) -> None:
    device, key = unique("am"), {"Idempotency-Key": str(uuid.uuid4())}
    with tardy.client() as client:
        for _ in range(2):
            answer = post(client, device, product="milesight-am319", headers=key)
            assert "by the same Idempotency-Key" in problem(answer, 503, "outcome_unknown")["detail"]
            assert answer.headers["retry-after"] == "5"
    wait_until(lambda: len(deployment.envelopes(device)) == 2, "both on the stream")
    assert len({message.message_id for e in deployment.envelopes(device) for message in catalog.decode(e)}) == 1


def test_all_bodies_together_take_no_more_room_than_there_is(tardy: RestGateway) -> None:
    with connect(tardy) as connection, tardy.client() as client:
        connection.sendall(HEAD % b"-" + b"Content-Length: 1000000\r\n\r\n" + b"0" * 900_000)
        wait_until(lambda: post(client, "am-1", "0" * 300_000).status_code == 503, "no room beside the other body")
        assert post(client, "am-1", "0" * 300_000).json()["reason"] == "busy"
    with tardy.client() as client:
        wait_until(
            lambda: post(client, "am-1", "0" * 300_000).status_code == 413, "room again; it is no payload's size"
        )


# Operation


def test_metrics_tell_what_was_taken_and_refused(fleet: httpx.Client) -> None:
    answer = fleet.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    told = answer.text
    assert 'sluice_gateway_received_total{protocol="rest"}' in told
    assert 'sluice_gateway_acknowledged_total{protocol="rest"}' in told
    assert 'sluice_gateway_connections_closed_total{protocol="rest",reason="slow_head"}' in told


def test_a_stopped_gateway_answers_what_is_under_way(deployment: Deployment, serve: Serve) -> None:
    gateway = serve({"auth": "none"}, producer={"linger_ms": 3000})
    answers: list[httpx.Response] = []
    device = unique("am")

    def send() -> None:
        with gateway.client() as client:
            answers.append(post(client, device, product="milesight-am319"))

    sending = threading.Thread(target=send)
    sending.start()
    with gateway.client() as client:
        wait_until(lambda: 'received_total{protocol="rest"} 1.0' in client.get("/metrics").text, "a request")
    assert gateway.stop() == 0
    sending.join()
    assert [answer.status_code for answer in answers] == [202]
    assert len(deployment.envelopes(device)) == 1


def post_until_answered(
    client: httpx.Client, device: str, batch: list[Any], key: str, lost: list[str]
) -> httpx.Response:
    """Again and again under its key, as a sender does whose gateway is gone; `lost` gets requests without an answer."""
    while True:
        try:
            return post(client, device, batch, BATCH, product="milesight-am319", headers={"Idempotency-Key": key})
        except httpx.ConnectError:
            time.sleep(0.2)
        except httpx.TransportError:
            lost.append(key)


def test_all_that_was_answered_is_on_kinesis_though_gateways_are_killed(
    deployment: Deployment, serve: Serve, catalog: Catalog
) -> None:
    gateway = serve({"auth": "none"})
    device, answered, lost, lock = unique("am"), set[str](), list[str](), threading.Lock()

    def send(sender: int) -> None:
        """Each batch again and again under its key until it is answered."""
        with gateway.client() as client:
            for number in range(40):
                batch = [{"payload": f"0367{sender:02x}{number:02x}", "event_time": 1}, {"payload": AM319}]
                told = ids(post_until_answered(client, device, batch, f"{sender}-{number}", lost))
                with lock:
                    answered.update(*told)

    senders = [threading.Thread(target=send, args=[sender]) for sender in range(8)]
    for sender in senders:
        sender.start()
    for goal in (100, 300):
        wait_until(lambda: len(answered) >= goal, f"{goal} answers")  # noqa: B023 - waited for in this round
        gateway.kill()
        gateway.start()
    for sender in senders:
        sender.join()
    assert gateway.stop() == 0
    stored = {message.message_id for e in deployment.envelopes(device) for message in catalog.decode(e)}
    assert len(answered) == 8 * 40 * 2
    assert stored == answered
    assert lost, "no kill was in the middle of a request"


# The contract


def test_every_answer_is_as_the_openapi_document_says(gateway: RestGateway) -> None:
    """Whatever schemathesis makes of openapi.json, examples, bounds and random data, by its command.

    What a product reads stands in its spec, not in the document: a body that fits may still be 422, so there is no
    check that it is accepted.
    """
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{gateway.url}/openapi.json"),
        *("--header", f"X-API-Key: {FLEET.key}", "--phases", "examples,coverage,fuzzing", "--max-examples", "30"),
        *("--exclude-checks", "positive_data_acceptance", "--generation-deterministic"),
    ]
    hooks = gateway.folder / "hooks.py"
    hooks.write_text("import schemathesis\nschemathesis.serializer.alias('application/x-ndjson', 'text/plain')\n")
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(hooks.parent)}
    done = subprocess.run(command, env=environment, cwd=hooks.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
