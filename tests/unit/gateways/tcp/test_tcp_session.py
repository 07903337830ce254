"""A session as devices speak: what goes on under whose name, what is answered, and who is a stranger."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.tcp.session import Delivery, Greeting, Session, Step, Stranger
from udfs.catalog import compile_catalog, read_specs
from udfs.message import Envelope
from udfs.stream import StreamSpec

CATALOG = compile_catalog(read_specs(Path(__file__).parents[4] / "specs"))
LOGIN = bytes.fromhex("78780d01012345678901234500018cdd0d0a")
LOGIN_REPLY = bytes.fromhex("787805010001d9dc0d0a")
LOCATION = bytes.fromhex("78781f120f0a140e150bc505e51e780293a9e800540000f601006e0055da00035f240d0a")
HEARTBEAT = bytes.fromhex("78780a13440604000201baaf540d0a")
IMEI = bytes.fromhex("000f333536333037303432343431303133")
SUNTECH = b"ST300STT;205027329;03;374;20150108;17:54:42;177b38;-23.566052;-046.477588;000.000;000.00;0;0;0;12.11\r"


def stream(name: str) -> StreamSpec:
    found = CATALOG.products[name].stream
    assert found is not None
    return found


def session(*names: str, device: str | None = None, registered: Mapping[str, str] | None = None) -> Session:
    return Session([stream(name) for name in names], lambda device: (registered or {}).get(device), device)


def steps(session: Session, data: bytes) -> list[Step]:
    session.receive(data)
    found: list[Step] = []
    while (step := session.step(1_700_000_000_000)) is not None:
        found.append(step)
        if isinstance(step, Stranger):
            break
    return found


def delivered(device: str, data: bytes, product: str = "concox-gt06") -> Envelope:
    return Envelope(product=product, device=device, protocol="tcp", received_at=1_700_000_000_000, payload=data.hex())


def test_the_device_that_logged_in_owns_what_follows() -> None:
    gt06 = session("concox-gt06")
    assert steps(gt06, LOGIN + LOCATION) == [
        Delivery(delivered("123456789012345", LOGIN), LOGIN_REPLY),
        Delivery(delivered("123456789012345", LOCATION), b""),
    ]


def test_a_login_that_is_no_payload_is_a_greeting() -> None:
    teltonika = session("teltonika-8e")
    assert steps(teltonika, IMEI[:9]) == []
    assert steps(teltonika, IMEI[9:]) == [Greeting("356307042441013", b"\x01", b"\x00")]
    assert steps(teltonika, b"\xff" * 3) == []


def test_a_frame_that_is_sent_again_for_it_heard_no_reply_is_the_same_payload() -> None:
    frame = bytes.fromhex(CATALOG.products["teltonika-8e"].document.examples[0].payload)
    _, sent = steps(session("teltonika-8e"), IMEI + frame)
    _, again = steps(session("teltonika-8e"), IMEI + frame)
    assert isinstance(sent, Delivery)
    assert isinstance(again, Delivery)
    later = msgspec.structs.replace(again.envelope, received_at=again.envelope.received_at + 60_000)
    ids = [[message.message_id for message in CATALOG.decode(envelope)] for envelope in (sent.envelope, later)]
    assert ids[0] == ids[1]
    assert steps(session("concox-gt06"), LOGIN) == [Delivery(delivered("123456789012345", LOGIN), LOGIN_REPLY)]


def test_of_a_family_the_first_bytes_tell_the_product() -> None:
    family = ("concox-gt06", "teltonika-8e", "suntech-st300")
    assert [step.envelope.product for step in steps(session(*family), LOGIN)] == ["concox-gt06"]
    assert steps(session(*family), IMEI) == [Greeting("356307042441013", b"\x01", b"\x00")]
    assert [step.envelope.device for step in steps(session(*family), SUNTECH)] == ["205027329"]
    (again,) = (step for step in steps(session("suntech-st300"), SUNTECH))
    assert (again.envelope.product, again.envelope.payload) == ("suntech-st300", SUNTECH[:-1].decode())


def test_the_master_data_tells_it_where_two_begin_alike() -> None:
    other = replace(stream("concox-gt06"), product="tracker-two", replies=())
    registered = {"123456789012345": "tracker-two"}
    two = Session([stream("concox-gt06"), other], registered.get)
    assert [step.envelope.product for step in steps(two, LOGIN + LOCATION)] == ["tracker-two"] * 2
    unknown = Session([stream("concox-gt06"), other], lambda device: "of-no-family")
    assert [step.envelope.product for step in steps(unknown, LOGIN)] == ["concox-gt06"]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (LOCATION, "it has not said which device it is"),
        (LOGIN[:-4] + b"\0\0\r\n", "bad_checksum"),
        (b"GET / HTTP/1.1\r\nHost: gateway\r\n" * 20, "no frame of a product of this listener"),
    ],
)
def test_who_cannot_be_named_is_a_stranger(sent: bytes, why: str) -> None:
    *_, last = steps(session("concox-gt06"), sent)
    assert isinstance(last, Stranger)
    assert why in last.why


def test_bytes_before_the_login_are_kept_until_it_is_known_whose_they_are() -> None:
    found = steps(session("concox-gt06"), b"\r\n\0" + LOGIN)
    assert [step.envelope.payload for step in found] == [LOGIN.hex(), "0d0a00"]
    assert {step.envelope.device for step in found} == {"123456789012345"}


def test_a_listener_may_name_the_device() -> None:
    found = steps(session("concox-gt06", device="car-7"), LOCATION + b"noise" + HEARTBEAT)
    assert [(step.envelope.device, step.envelope.payload) for step in found] == [
        ("car-7", LOCATION.hex()),
        ("car-7", b"noise".hex()),
        ("car-7", HEARTBEAT.hex()),
    ]


def test_a_frame_whose_header_is_bad_goes_on_and_says_why_there_is_no_reply() -> None:
    found = steps(session("concox-gt06"), LOGIN + HEARTBEAT[:-3] + b"\0\r\n")
    assert [step.reply for step in found] == [LOGIN_REPLY, b""]
    assert "crc16_x25 is af00, af54 expected" in found[1].fault


def test_bytes_that_are_no_text_go_on_as_hex_which_a_text_product_refuses() -> None:
    found = steps(session("suntech-st300"), SUNTECH + b"ST300STT;205027329;\xff\xfe\r")
    assert (found[1].envelope.payload, found[1].envelope.format) == (b"ST300STT;205027329;\xff\xfe".hex(), "hex")


@given(segments=st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([LOGIN, IMEI, SUNTECH, HEARTBEAT]))))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_a_step_or_waits(segments: list[bytes]) -> None:
    family = session("concox-gt06", "teltonika-8e", "meitrack-aaa", "suntech-st300", "dsmr-p1")
    for segment in segments:
        found = steps(family, segment)
        assert all(isinstance(step, Delivery | Greeting | Stranger) for step in found)
        if found and isinstance(found[-1], Stranger):
            return
    family.finish()
    steps(family, b"")
