"""The gateway process with TCP listeners against the embedded Kinesis, as devices meet it: raw sockets, real frames."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from certificates import Authority
from deployment import ROOT, WAIT_SECONDS, Deployment, deploy, wait_until
from gateway_process import Gateway

from jobs.store import migrate_aurora
from local.process import LOOPBACK
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.checksums import CHECKSUMS
from udfs.errors import DecodeError
from udfs.message import Envelope
from udfs.product import payload_bytes

LOGIN = bytes.fromhex("78780d01012345678901234500018cdd0d0a")
LOGIN_REPLY = bytes.fromhex("787805010001d9dc0d0a")
HEARTBEAT = bytes.fromhex("78780a13440604000201baaf540d0a")
HEARTBEAT_REPLY = bytes.fromhex("7878051301bafb710d0a")
LOCATION = bytes.fromhex("78781f120f0a140e150bc505e51e780293a9e800540000f601006e0055da00035f240d0a")
IMEI = bytes.fromhex("000f333536333037303432343431303133")
RECORD = bytes.fromhex(
    "000000000000004b8e010000018368952793000f0e54fc209ab05800b300b40e00002a4f0001000000000000000000012a4f001e011c0001"
    "a40110eb47706aa38255aa96f21a154e2d00550d01000e020bd6010000823f"
)
SUNTECH = (
    b"ST300STT;205027329;03;374;20150108;17:54:42;177b38;-23.566052;-046.477588;000.000;000.00;0;0;0;12.11;"
    b"000000;1;0312\r"
)

IMPATIENT: dict[str, Any] = {"idle_s": 1, "login_s": 0.5, "frame_s": 0.5, "max_connections_per_address": 3}
CERTIFICATES = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}


class TcpGateway(Gateway):
    """A gateway with listeners on free ports."""

    def connect(self, listener: int = 0) -> socket.socket:
        name = f"tcp[{listener}]"
        wait_until(lambda: bool(self._ports(name)), name, self.check)
        return socket.create_connection((LOOPBACK, self._ports(name)[-1]), timeout=WAIT_SECONDS)

    def _ports(self, name: str) -> list[int]:
        return [line["port"] for line in self.told("listening") if line["listener"] == name]


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_gateway_tcp")
    migrate_aurora(deployment.config.aurora, ROOT / "sql" / "aurora")
    return deployment


@pytest.fixture(scope="module")
def gateway(deployment: Deployment, folder: Path) -> Iterator[TcpGateway]:
    authority = Authority(folder / "open")
    for name in ("server", "client"):
        authority.issue(name, name)
    listeners = [
        {"port": 0, "products": ["concox-gt06", "teltonika-8e", "suntech-st300"]},
        {"port": 0, "products": ["concox-gt06"], **IMPATIENT},
        {"port": 0, "products": ["teltonika-8e"], "tls": CERTIFICATES},
    ]
    with TcpGateway(deployment, folder / "open", {"producer": {"linger_ms": 20}, "tcp": listeners}) as gateway:
        yield gateway
        assert gateway.stop() == 0, gateway.log.read_text()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))


def wire(envelope: Envelope, catalog: Catalog) -> bytes:
    return payload_bytes(envelope.payload, catalog.products[envelope.product].format)


def receive(device: socket.socket, size: int) -> bytes:
    """As many bytes, or fewer where the connection ends before."""
    got = b""
    while len(got) < size and (data := device.recv(size - len(got))):
        got += data
    return got


def is_closed(device: socket.socket) -> bool:
    """Whether the gateway ends the connection, without a further byte."""
    try:
        return device.recv(1) == b""
    except (ConnectionResetError, ssl.SSLError):
        return True


def login(number: int, serial: int = 1) -> bytes:
    """A login of the GT06 with this number as its IMEI."""
    return sealed(bytes.fromhex(f"0d01{number:016d}{serial:04x}"))


def sealed(content: bytes) -> bytes:
    crc = CHECKSUMS["crc16_x25"].compute(content)
    return b"\x78\x78" + content + crc.to_bytes(2, "big") + b"\x0d\x0a"


def heartbeat(serial: int) -> bytes:
    return sealed(bytes.fromhex(f"0a134406040002{serial:04x}"))


def heartbeat_reply(serial: int) -> bytes:
    return sealed(bytes.fromhex(f"0513{serial:04x}"))


def test_what_is_acknowledged_is_on_the_stream_and_decodes(
    gateway: TcpGateway, deployment: Deployment, catalog: Catalog
) -> None:
    with gateway.connect() as device:
        device.sendall(LOGIN)
        assert receive(device, len(LOGIN_REPLY)) == LOGIN_REPLY
        device.sendall(LOCATION + HEARTBEAT)
        assert receive(device, len(HEARTBEAT_REPLY)) == HEARTBEAT_REPLY
        found = [envelope for envelope in deployment.envelopes() if envelope.device == "123456789012345"]
    assert [wire(envelope, catalog) for envelope in found] == [LOGIN, LOCATION, HEARTBEAT]
    assert {(envelope.product, envelope.protocol) for envelope in found} == {("concox-gt06", "tcp")}
    reports = [catalog.decode(envelope)[0].attributes["report"] for envelope in found]
    assert reports == ["login", "location", "heartbeat"]


def test_frames_in_pieces_and_several_in_a_segment(
    gateway: TcpGateway, deployment: Deployment, catalog: Catalog
) -> None:
    with gateway.connect() as device:
        device.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in login(22):
            device.sendall(bytes([byte]))
        assert receive(device, 10) == LOGIN_REPLY
        device.sendall(heartbeat(1) + heartbeat(2) + heartbeat(3)[:7])
        assert receive(device, 20) == heartbeat_reply(1) + heartbeat_reply(2)
        device.sendall(heartbeat(3)[7:])
        assert receive(device, 10) == heartbeat_reply(3)
    found = [wire(envelope, catalog) for envelope in deployment.envelopes() if envelope.device == "22"]
    assert found == [login(22), heartbeat(1), heartbeat(2), heartbeat(3)]


def test_the_first_bytes_tell_the_product_of_a_family(
    gateway: TcpGateway, deployment: Deployment, catalog: Catalog
) -> None:
    with gateway.connect() as device:
        device.sendall(IMEI)
        assert receive(device, 1) == b"\x01"
        device.sendall(b"\xff" + RECORD)
        assert receive(device, 4) == b"\0\0\0\1"
    with gateway.connect() as device:
        device.sendall(SUNTECH + SUNTECH)
        device.shutdown(socket.SHUT_WR)
        assert is_closed(device)
    found = deployment.envelopes()
    assert [wire(envelope, catalog) for envelope in found if envelope.device == "356307042441013"] == [RECORD]
    lines = [envelope for envelope in found if envelope.device == "205027329"]
    assert [envelope.payload for envelope in lines] == [SUNTECH.decode().strip()] * 2
    assert [len(catalog.decode(envelope)) for envelope in lines] == [1, 1]


def test_what_is_no_frame_goes_on_and_becomes_a_dead_letter(
    gateway: TcpGateway, deployment: Deployment, catalog: Catalog
) -> None:
    broken = b"ST300STT;205027330;\xff\xfe\r"
    with gateway.connect() as device:
        device.sendall(login(23) + b"noise\x00" + heartbeat(7))
        assert receive(device, 20) == LOGIN_REPLY + heartbeat_reply(7)
    with gateway.connect() as device:
        device.sendall(SUNTECH.replace(b"205027329", b"205027330") + broken)
        device.shutdown(socket.SHUT_WR)
        assert is_closed(device)
    found = deployment.envelopes()
    noise = next(envelope for envelope in found if envelope.payload == b"noise\x00".hex())
    assert (noise.device, noise.product) == ("23", "concox-gt06")
    undecodable = next(envelope for envelope in found if envelope.payload == broken[:-1].hex())
    for envelope in (noise, undecodable):
        with pytest.raises(DecodeError):
            catalog.decode(envelope)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "no_login"),
        (LOGIN[:9], "no_login"),
        (LOCATION, "stranger"),
        (b"GET / HTTP/1.1\r\n" * 20, "stranger"),
        (LOGIN, "idle"),
        (LOGIN + HEARTBEAT[:9], "frame_not_ended"),
    ],
)
def test_whoever_keeps_a_connection_for_nothing_loses_it(gateway: TcpGateway, sent: bytes, reason: str) -> None:
    before = len(gateway.told("connection closed"))
    with gateway.connect(1) as device:
        device.sendall(sent)
        if sent.startswith(LOGIN):
            assert receive(device, len(LOGIN_REPLY)) == LOGIN_REPLY
        assert is_closed(device)
    wait_until(lambda: len(gateway.told("connection closed")) > before, "the log to say so", gateway.check)
    assert gateway.told("connection closed")[-1]["reason"] == reason


def test_a_device_that_takes_no_reply_is_not_kept(gateway: TcpGateway) -> None:
    with gateway.connect(1) as device:
        device.sendall(login(26))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            device.sendall(heartbeat(1) * (2 << 20))


def test_a_flood_of_one_address_leaves_those_that_are_connected(gateway: TcpGateway) -> None:
    with gateway.connect(1) as device:
        device.sendall(login(24))
        assert receive(device, len(LOGIN_REPLY)) == LOGIN_REPLY
        flood = [gateway.connect(1) for _ in range(50)]
        device.sendall(heartbeat(1))
        assert receive(device, 10) == heartbeat_reply(1)
        for connection in flood:
            assert is_closed(connection)
            connection.close()


def test_tls_asks_for_a_certificate_of_the_clients_own(gateway: TcpGateway, folder: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(folder / "open" / "ca.pem"))
    known = ssl.create_default_context(cafile=str(folder / "open" / "ca.pem"))
    known.load_cert_chain(folder / "open" / "client.pem", folder / "open" / "client.key")
    with known.wrap_socket(gateway.connect(2), server_hostname="localhost") as device:
        device.sendall(IMEI)
        assert receive(device, 1) == b"\x01"
        device.sendall(RECORD)
        assert receive(device, 4) == b"\0\0\0\1"
    with trusting.wrap_socket(gateway.connect(2), server_hostname="localhost") as device:
        assert is_closed(device)  # which TLS 1.3 tells a client at its first read
    with gateway.connect(2) as plain:
        plain.sendall(IMEI)
        plain.recv(100)  # an alert
        assert is_closed(plain)
    wait_until(lambda: len(gateway.told("no handshake")) >= 2, "the log to say so", gateway.check)


def test_only_registered_devices_where_others_are_denied(deployment: Deployment, folder: Path) -> None:
    register(deployment, "356307042441013", "teltonika-8e")
    listener = {"port": 0, "products": ["teltonika-8e", "concox-gt06"]}
    with TcpGateway(deployment, folder / "closed", {"unknown_devices": "deny", "tcp": [listener]}) as gateway:
        with gateway.connect() as device:
            device.sendall(IMEI)
            assert receive(device, 1) == b"\x01"
        with gateway.connect() as device:
            device.sendall(IMEI.replace(b"356", b"357"))
            assert receive(device, 1) == b"\x00"
            assert is_closed(device)
        with gateway.connect() as device:
            device.sendall(LOGIN)
            assert is_closed(device)
        assert [line["reason"] for line in gateway.told("connection closed")] == ["unknown_device"] * 2
        assert gateway.stop() == 0


def test_what_was_in_flight_at_sigterm_is_acknowledged_and_on_the_stream(
    deployment: Deployment, folder: Path, catalog: Catalog
) -> None:
    config = {"tcp": [{"port": 0, "products": ["concox-gt06"]}]}
    with TcpGateway(deployment, folder / "drained", config) as gateway, gateway.connect() as device:
        device.sendall(login(25))
        assert receive(device, len(LOGIN_REPLY)) == LOGIN_REPLY
        device.sendall(b"".join(heartbeat(serial) for serial in range(5000)))
        first = receive(device, 10)
        gateway.process.terminate()
        replies = first + receive(device, 10 * 5000)
        assert is_closed(device)
        code, told = gateway.end()
        assert code == 0, told
    acknowledged = len(replies) // 10
    assert replies == b"".join(heartbeat_reply(serial) for serial in range(acknowledged))
    found = [wire(envelope, catalog) for envelope in deployment.envelopes() if envelope.device == "25"]
    assert found[: acknowledged + 1] == [login(25), *(heartbeat(serial) for serial in range(acknowledged))]
    assert "Traceback" not in told


def test_a_listener_that_cannot_be_is_refused_at_the_start(deployment: Deployment, folder: Path) -> None:
    with Gateway(deployment, folder / "bad", {"tcp": [{"port": 0, "products": ["concox-gt60"]}]}) as gateway:
        code, told = gateway.end()
    assert code == 1
    assert "tcp[0].products: no product `concox-gt60` in the specs, did you mean" in told


def test_a_port_for_metrics_that_another_has_is_named(deployment: Deployment, folder: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        config = {"tcp": [{"port": 0, "products": ["concox-gt06"]}], "metrics": {"port": port}}
        with Gateway(deployment, folder / "measured", config) as gateway:
            code, told = gateway.end()
    assert code == 1
    assert f"metrics.port: {LOOPBACK}:{port}: Address already in use" in told
    assert "Traceback" not in told


def register(deployment: Deployment, device: str, product: str) -> None:
    aurora = deployment.config.aurora
    with psycopg.connect(aurora.conninfo(aurora.write_host), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO device (device_id, product, version, deleted) VALUES (%s, %s, 1, false)", [device, product]
        )
