"""Two engines, one meaning: whatever is decoded in a batch comes out as it does alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probe import ROOT, compile_probe

from udfs.batch import MIN_PAYLOADS, batch_decoder
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.errors import DecodeError
from udfs.message import Envelope, Message
from udfs.product import ProductSpec

SPECS = read_specs(ROOT / "specs")
CATALOG = compile_catalog(SPECS)
NOW = 1_800_000_000_000
FIXED = """
    kind: length
    fields:
      - {name: temperature, type: i16, scale: 0.1, unit: Cel, range: [-40, 85], on_violation: warn}
      - {name: pressure, type: u24, byte_order: little, unit: Pa}
      - {name: mode, bits: "5[7:4]", enum: {0: "off", 1: cooling}, else: other}
      - {name: door, bits: "5[0]", type: bool}
      - {name: level, bits: "5[3:1] 6", type: signed, unit: "1", absent: [-1]}
"""


def outcome(catalog: Catalog, envelope: Envelope) -> list[Message] | tuple[object, ...]:
    try:
        return catalog.decode(envelope)
    except DecodeError as error:
        return particulars(error)


def particulars(error: DecodeError) -> tuple[object, ...]:
    return error.reason, error.message, error.field, error.byte_offset, error.bit_offset, error.excerpt


def assert_equal(catalog: Catalog, envelopes: list[Envelope]) -> None:
    together = [
        particulars(found) if isinstance(found, DecodeError) else found for found in catalog.decode_all(envelopes)
    ]
    assert together == [outcome(catalog, envelope) for envelope in envelopes]


def sealed(spec: ProductSpec, payload: str, port: int | None = None) -> Envelope:
    return Envelope(product=spec.product, device="d", protocol="mqtt", received_at=NOW, payload=payload, port=port)


@st.composite
def payloads(draw: st.DrawFn, spec: ProductSpec) -> Envelope:
    """Bytes of the length of an example, an example itself, or one with something wrong."""
    example = draw(st.sampled_from(spec.document.examples))
    payload = example.payload
    kind = draw(st.integers(0, 5))
    if kind == 0 and spec.format == "hex":
        size = max(1, len(payload) // 2)
        payload = draw(st.binary(min_size=size, max_size=size)).hex()
    elif kind == 1:
        at = draw(st.integers(0, len(payload)))
        payload = payload[:at] + draw(st.sampled_from(["", "0", "ff", "z", "é"])) + payload[at + 1 :]
    elif kind == 2:
        payload = payload.upper()
    return sealed(spec, payload, example.port)


@pytest.mark.parametrize("name", sorted(CATALOG.products))
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_batch_of_any_product_equals_its_payloads_one_by_one(name: str, data: st.DataObject) -> None:
    if CATALOG.products[name].steps:
        pytest.skip("readings are judged against those before, which both ways would share")
    some = data.draw(st.lists(payloads(CATALOG.products[name]), min_size=4, max_size=24))
    assert_equal(CATALOG, some * (MIN_PAYLOADS // len(some) + 1))


@given(st.lists(st.binary(min_size=7, max_size=7), min_size=MIN_PAYLOADS, max_size=MIN_PAYLOADS + 20))
@settings(max_examples=60, deadline=None)
def test_every_bit_of_a_fixed_layout_means_the_same_in_both(data: list[bytes]) -> None:
    spec = compile_probe(FIXED)
    catalog = Catalog({"probe": spec})
    assert batch_decoder(spec.routes.routes[0].decoder) is not None
    assert_equal(catalog, [sealed(spec, payload.hex()) for payload in data])


def test_products_with_plain_values_have_a_batch_decoder() -> None:
    batched = {
        name
        for name, spec in CATALOG.products.items()
        if spec.is_plain and any(batch_decoder(route.decoder) for route in spec.routes)
    }
    assert {"talkpool-oy1700", "milesight-am319"} <= batched
    assert "coldroom-logger" not in batched
