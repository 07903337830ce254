"""What is a payload in a body, by its Content-Type."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.rest.payloads import BATCH, Payload, read_payloads
from gateways.rest.problems import ProblemError
from udfs.message import Envelope

MEDIA_TYPES = (
    "application/json",
    "application/x-ndjson",
    "text/csv",
    "text/plain",
    "application/octet-stream",
    BATCH,
)


def read(media_type: str, body: bytes, charset: str = "utf-8", max_items: int = 100) -> list[Payload]:
    return read_payloads(media_type, charset, body, max_items)


def refused(media_type: str, body: bytes, charset: str = "utf-8", max_items: int = 100) -> tuple[int, str, str]:
    with pytest.raises(ProblemError) as caught:
        read(media_type, body, charset, max_items)
    return caught.value.status, caught.value.reason, caught.value.detail


def test_a_json_body_is_one_payload_as_it_came() -> None:
    body = b'{ "data": [{"wind": {"speed": 4.20}}] }'
    assert read("application/json", body) == [Payload(body.decode(), ("json",))]


def test_a_csv_body_is_one_payload_with_all_its_rows() -> None:
    body = b"time;temp\r\n2026-01-01;-18,5\r\n2026-01-02;-18,0\r\n"
    assert read("text/csv", body) == [Payload(body.decode(), ("csv",))]


def test_plain_text_is_hex_digits_or_the_text_of_a_telegram() -> None:
    assert read("text/plain", b"0367f600\n") == [Payload("0367f600\n", ("hex", "text"))]


def test_bytes_become_hex_digits() -> None:
    assert read("application/octet-stream", b"\x03\x67\xf6\x00") == [Payload("0367f600", ("hex",))]


def test_each_line_of_ndjson_is_a_payload() -> None:
    payloads = read("application/x-ndjson", b'{"a": 1}\r\n\n{"a": "\xc3\xa4"}')
    assert [payload.text for payload in payloads] == ['{"a": 1}', '{"a": "ä"}']


def test_a_batch_holds_texts_and_json_with_what_they_say_of_themselves() -> None:
    body = b"""[
        {"payload": "0367f600", "event_time": 1767225600000, "key": "uplink-17", "port": 2},
        {"payload": {"a": 1.0}}
    ]"""
    text, document = read(BATCH, body)
    assert (text.text, text.formats) == ("0367f600", ("hex", "text", "json", "csv"))
    assert text.item is not None
    assert (text.item.event_time, text.item.key, text.item.port) == (1_767_225_600_000, "uplink-17", 2)
    assert (document.text, document.formats) == ('{"a": 1.0}', ("json",))


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_body_without_a_payload_is_refused(media_type: str) -> None:
    body = b"[]" if media_type == BATCH else b""
    assert refused(media_type, body)[:2] == (422, "empty")


def test_another_media_type_is_refused_with_those_that_are_read() -> None:
    status, reason, detail = refused("application/xml", b"<a/>")
    assert (status, reason) == (415, "unknown_media_type")
    assert all(media_type in detail for media_type in MEDIA_TYPES)


def test_texts_are_utf_8() -> None:
    assert refused("text/plain", b"\xe4", "iso-8859-1")[:2] == (415, "unknown_charset")
    assert refused("text/plain", b"caf\xe9") == (
        400,
        "not_utf_8",
        "the body is no UTF-8: unexpected end of data at byte 3 of its text",
    )


def test_a_batch_is_bounded() -> None:
    assert refused("application/x-ndjson", b"1\n2\n3", max_items=2)[:2] == (422, "too_many")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"[", 400, "the batch is no JSON: Input data was truncated"),
        (b'{"payload": "00"}', 422, "the batch is no list of payloads: Expected `array`, got `object`"),
        (b"[{}]", 422, "the batch is no list of payloads: Object missing required field `payload` - at `$[0]`"),
        (
            b'[{"payload": "00", "time": 1}]',
            422,
            "the batch is no list of payloads: Object contains unknown field `time` - at `$[0]`",
        ),
        (
            b'[{"payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
            400,
            "lists or objects stand too deep in one another",
        ),
    ],
)
def test_a_faulty_batch_is_refused_with_the_place(body: bytes, status: int, detail: str) -> None:
    assert (refused(BATCH, body)[0], refused(BATCH, body)[2]) == (status, detail)


items = st.fixed_dictionaries({"payload": st.text() | st.integers() | st.lists(st.floats(allow_nan=False))})
bodies = st.binary() | st.text().map(str.encode) | st.lists(items).map(json.dumps).map(str.encode)


@given(media_type=st.sampled_from(MEDIA_TYPES), body=bodies)
def test_any_body_is_payloads_that_an_envelope_can_hold_or_a_problem(media_type: str, body: bytes) -> None:
    try:
        payloads = read(media_type, body)
    except ProblemError:
        return
    for payload in payloads:
        envelope = Envelope(product="p", device="d", protocol="rest", received_at=0, payload=payload.text)
        assert msgspec.json.decode(msgspec.json.encode(envelope), type=Envelope) == envelope
