"""The catalog as the job uses it: envelopes in, messages or DecodeError out."""

import pickle

import msgspec
import pytest

from udfs.catalog import Catalog
from udfs.errors import DecodeError, EncodeError
from udfs.message import Envelope
from udfs.units import unit_fault

AM319 = Envelope(
    product="milesight-am319",
    device="24e124707c481234",
    protocol="mqtt",
    received_at=1_700_000_000_000,
    payload="0367340104686505",
    firmware="1.3",
)


def test_a_message_carries_what_the_envelope_and_the_spec_say(catalog: Catalog) -> None:
    (message,) = catalog.decode(AM319)
    assert msgspec.to_builtins(message) == {
        "message_id": message.message_id,
        "domain": "telemetry",
        "product": "milesight-am319",
        "device_id": "24e124707c481234",
        "event_time": 1_700_000_000_000,
        "received_at": 1_700_000_000_000,
        "spec_version": 1,
        "measurements": {"temperature": 30.8, "humidity": 50.5},
        "attributes": {},
        "quality": ["trailing_bytes: 1 byte at offset 7 (05)"],
        "firmware": "1.3",
    }


def test_the_same_bytes_at_the_same_event_time_have_the_same_id(catalog: Catalog) -> None:
    def id_of(**changes: object) -> str:
        return catalog.decode(msgspec.structs.replace(AM319, event_time=1_700_000_000_000, **changes))[0].message_id

    assert id_of() == id_of(received_at=1_700_000_060_000) == id_of(payload="0367340104686505".upper())
    assert len({id_of(), id_of(device="other"), id_of(payload="03673401046865")}) == 3


def test_a_payload_that_comes_again_under_its_key_is_the_same_message(catalog: Catalog) -> None:
    def id_of(**changes: object) -> str:
        return catalog.decode(msgspec.structs.replace(AM319, **changes))[0].message_id

    assert id_of(key="17") == id_of(key="17", received_at=1_700_000_060_000)
    other_texts = id_of(), id_of(key="17"), id_of(key="18"), id_of(key="17", payload="03673401046865")
    assert len({*other_texts, id_of(key="1700000000000")}) == 5


def test_each_message_of_a_payload_has_its_own_id(catalog: Catalog) -> None:
    payload = '{"data":[{"wind":{"speed":1}},{"wind":{"speed":1}}]}'
    envelope = msgspec.structs.replace(AM319, product="ttn-wind-normalized", payload=payload)
    assert len({message.message_id for message in catalog.decode(envelope)}) == 2


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"product": "milesight-am318"}, "unknown_product", "did you mean `milesight-am319`?"),
        ({"format": "json"}, "bad_value", "the envelope says format json, the spec reads hex"),
        ({"payload": "036734010"}, "bad_hex", "odd number of hex digits"),
        ({"payload": "03 67"}, "bad_hex", "' ' at character 2 is no hex digit"),
    ],
)
def test_what_cannot_be_decoded_says_why(catalog: Catalog, changes, reason, message) -> None:
    with pytest.raises(DecodeError) as caught:
        catalog.decode(msgspec.structs.replace(AM319, **changes))
    assert caught.value.reason == reason
    assert message in caught.value.message


def test_a_decode_error_survives_the_way_between_processes(catalog: Catalog) -> None:
    with pytest.raises(DecodeError) as caught:
        catalog.decode(msgspec.structs.replace(AM319, payload="036734019999"))
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert str(copy) == str(caught.value) == "milesight-am319: unknown_key at byte 4: no key 9999 in the spec"
    assert copy.excerpt == "036734019999"


def test_encoding_for_an_unknown_product_suggests_one(catalog: Catalog) -> None:
    with pytest.raises(EncodeError, match="did you mean `talkpool-oy1700`"):
        catalog.encode("talkpool-oy1701", [{}])


def test_columns_describe_the_typed_view(catalog: Catalog) -> None:
    columns = {column.name: column for column in catalog.products["milesight-am319"].columns}
    assert (columns["temperature"].kind, columns["temperature"].unit) == ("measurement", "Cel")
    assert (columns["activity"].kind, columns["activity"].unit) == ("attribute", "")


def test_every_measurement_has_a_known_unit(catalog: Catalog) -> None:
    for product in catalog.products.values():
        units = [column.unit for column in product.columns if column.kind == "measurement"]
        assert [fault for fault in map(unit_fault, units) if fault] == []
