"""What holds for all payloads of all products: only DecodeError, and readings that come back as they were."""

from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from probe import ROOT, decoder_of
from variation import corrupted, envelope_of, good_examples, readings_of, varied

from udfs.catalog import compile_catalog, read_specs
from udfs.errors import REASONS, DecodeError, EncodeError
from udfs.message import Envelope
from udfs.product import payload_bytes
from udfs.timestamps import iso_text

CATALOG = compile_catalog(read_specs(ROOT / "specs"))
PRODUCTS = sorted(CATALOG.products)
REVERSIBLE = [name for name in PRODUCTS if good_examples(CATALOG.products[name])]
TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20)
TIMES = st.integers(946_684_800, 4_102_444_799).map(lambda seconds: iso_text(seconds * 1000))


def decode_error(envelope: Envelope) -> DecodeError | None:
    try:
        assert CATALOG.decode(envelope), "a payload gives a message or an error, never nothing"
    except DecodeError as error:
        return error
    return None


@pytest.mark.timeout(120)  # a loop without end is cut off here
@pytest.mark.parametrize("name", PRODUCTS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_decoding_raises_nothing_but_decode_error_and_ends(name: str, data: st.DataObject) -> None:
    product = CATALOG.products[name]
    example, payload = data.draw(corrupted(product))
    error = decode_error(envelope_of(product, example, payload))
    if error is not None:
        assert error.reason in REASONS
        assert len(error.excerpt) <= 64
        assert error.byte_offset is None or 0 <= error.byte_offset <= len(payload_bytes(payload, product.format))


@pytest.mark.parametrize("name", REVERSIBLE)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_readings_that_fit_come_back(name: str, data: st.DataObject) -> None:
    product = CATALOG.products[name]
    example = data.draw(st.sampled_from(good_examples(product)))
    messages = data.draw(varied(product, example))
    try:
        payload = product.encode(messages, port=example.port, firmware=example.firmware)
        again = readings_of(product, example, payload)
    except EncodeError:
        assume(False)
    except DecodeError as error:
        assume(error.reason == "check_failed")
        raise
    assert again == messages


@given(st.binary(min_size=9, max_size=9))
def test_every_nine_bytes_of_the_fixed_layout_come_back(data: bytes) -> None:
    product = CATALOG.products["talkpool-oy1700"]
    (row,) = decoder_of(product).decode(data.hex())
    assert product.encode([row.readings()]) == data.hex()


def round_trip(name: str, rows: list[dict[str, float | str]]) -> None:
    product = CATALOG.products[name]
    decoded = decoder_of(product).decode(product.encode(rows))
    assert [row.readings() for row in decoded] == rows


def steps(scale: int, low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda raw: raw / scale)


AM319 = {
    "battery": steps(1, 0, 255),
    "temperature": steps(10, -32768, 32767),
    "humidity": steps(2, 0, 255),
    "light_level": steps(1, 0, 255),
    "co2": steps(1, 0, 65535),
    "hcho": steps(100, 0, 65535),
    "pressure": steps(10, 0, 65535),
    "activity": st.sampled_from(["trigger", "idle"]),
    "beep": st.sampled_from(["yes", "no"]),
}


@given(st.fixed_dictionaries({}, optional=AM319).filter(bool))
def test_any_set_of_keys_comes_back(readings: dict[str, float | str]) -> None:
    round_trip("milesight-am319", [readings])


FLOATS = st.floats(0, 360, allow_nan=False)


@given(st.lists(st.fixed_dictionaries({"wind_speed": FLOATS}, optional={"wind_direction": FLOATS}), min_size=1))
def test_any_json_elements_come_back(rows: list[dict[str, float | str]]) -> None:
    round_trip("ttn-wind-normalized", rows)


COLDROOM = {
    "time": TIMES,
    "temperature": steps(10, -600, 800),
}
COLDROOM_OPTIONAL = {
    "humidity": steps(10, 0, 1000),
    "door": st.sampled_from(["open", "closed"]),
    "battery_voltage": steps(100, 0, 500),
    "note": TEXT.filter(bool) | st.sampled_from(['"', ";", "a\nb", '";"\r\n']),
}


@given(st.lists(st.fixed_dictionaries(COLDROOM, optional=COLDROOM_OPTIONAL), min_size=1, max_size=5))
def test_any_csv_rows_come_back(rows: list[dict[str, float | str]]) -> None:
    round_trip("coldroom-logger", rows)


MEITRACK = {
    "flag": st.sampled_from("ABCXYZ"),
    "imei": st.from_regex(r"[0-9]{15}", fullmatch=True),
    "command": st.just("AAA"),
    "latitude": steps(1_000_000, -90_000_000, 90_000_000),
    "longitude": steps(1_000_000, -180_000_000, 180_000_000),
    "time": TIMES,
    "gps_valid": st.sampled_from(["true", "false"]),
    "speed_kmh": steps(1, 0, 400),
    "inputs": steps(1, 0, 255),
    "outputs": steps(1, 0, 255),
}
MEITRACK_OPTIONAL = {
    "event": steps(1, 0, 200),
    "hdop": steps(10, 0, 999),
    "altitude_m": steps(1, -430, 9000),
    "cell_id": steps(1, 0, 0xFFFFFFFF),
    "adc3": steps(1, 0, 0xFFFF),
    "power_raw": steps(1, 0, 0xFFFF),
}


@given(st.fixed_dictionaries(MEITRACK, optional=MEITRACK_OPTIONAL))
def test_any_frame_comes_back(readings: dict[str, float | str]) -> None:
    round_trip("meitrack-aaa", [readings])


@given(st.data())
@settings(max_examples=100)
def test_a_flipped_character_never_passes_the_checksum_unseen(data: st.DataObject) -> None:
    product = CATALOG.products["meitrack-aaa"]
    payload = product.document.examples[0].payload
    at = data.draw(st.integers(0, len(payload) - 4))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda sign: sign != payload[at]))
    with suppress(DecodeError):
        decoder_of(product).decode(payload[:at] + other + payload[at + 1 :])
        raise AssertionError(f"{other!r} at {at} was taken")
