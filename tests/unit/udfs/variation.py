"""Readings of a spec's examples, varied within what the spec's fields allow, and payloads, corrupted."""

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from udfs.bits import parse_bits
from udfs.errors import DecodeError
from udfs.message import Envelope
from udfs.model import Example, Meaning
from udfs.named_by_value import values_in
from udfs.product import ProductSpec
from udfs.references import names_asked
from udfs.row import Row
from udfs.timestamps import iso_text
from udfs.walk import structs

Readings = dict[str, float | str]
END_OF_CENTURY = 4_102_444_799_000
"""When every payload arrives, so that no time that a field can hold is in the future."""
TIMESTAMPS = ("unix_s", "unix_ms", "iso8601", "datetime")
TRUTHS = st.sampled_from(["true", "false"])
TIMES = st.integers(946_684_800, END_OF_CENTURY // 1000)
ALPHABETS = {"digits": "123456789", "bytes": "0123456789abcdef", "text": "abcxyzABCXYZ0123456789"}


def envelope_of(product: ProductSpec, example: Example, payload: str) -> Envelope:
    """The payload as the example's device sends it."""
    return Envelope(
        product=product.product,
        device="d",
        protocol="tcp",
        received_at=END_OF_CENTURY,
        payload=payload,
        port=example.port,
        firmware=example.firmware,
    )


def readings_of(product: ProductSpec, example: Example, payload: str) -> list[Readings]:
    """The readings of each message but for the computed ones, which are not written; raises DecodeError."""
    computed = {spec.name for spec in product.document.computed}
    return [
        {name: value for name, value in (message.measurements | message.attributes).items() if name not in computed}
        for message in product.decode(envelope_of(product, example, payload))
    ]


def good_examples(product: ProductSpec) -> list[Example]:
    """The examples that are read and come back as they were."""
    if product.document.lossy is not None:
        return []
    return [example for example in product.document.examples if example.error is None and example.lossy is None]


@st.composite
def varied(draw: st.DrawFn, product: ProductSpec, example: Example) -> list[Readings]:
    """The example's readings, each varied or not; what expressions ask for stays, for it decides what else there is."""
    kept = names_asked(product.document.without_stream)
    messages = readings_of(product, example, example.payload)
    for readings in messages:
        for name in readings:
            if name not in kept and draw(st.booleans()):
                readings[name] = draw(_another(product, example, name, readings[name]))
    return messages


def _another(product: ProductSpec, example: Example, name: str, value: float | str) -> st.SearchStrategy[Any]:
    """What may stand in place of a reading; itself where the spec leaves no choice that is told here."""
    meanings = [struct for struct, _ in structs(product.document.without_stream) if isinstance(struct, Meaning)]
    specs = [spec for spec in meanings if _is_of(spec, name)]
    spec = specs[0] if specs else None
    if spec is None or len(specs) > 1 or spec.equals is not None or spec.pattern is not None:
        return st.just(value)
    if spec.flags is not None or (spec.type == "bool" and spec.enum is None):
        return TRUTHS
    if spec.enum is not None:
        return st.sampled_from([*spec.enum.values(), *([spec.else_] if spec.else_ else [])])
    if spec.type in TIMESTAMPS:
        return TIMES.map(lambda seconds: iso_text(seconds * 1000))
    if isinstance(value, str):
        letters = ALPHABETS.get(spec.type or "")
        if letters is None:
            return st.just(value)
        return st.text(letters, min_size=len(value), max_size=len(value)).filter(lambda text: text not in _absent(spec))
    return _raws(spec).map(lambda raw: _read(product, example, name, raw, value))


def _is_of(spec: Meaning, name: str) -> bool:
    own = getattr(spec, "name", "")
    names = spec.flags.values() if spec.flags is not None else [own]
    return name in names or ("{" in own and values_in(own, name) is not None)


def _absent(spec: Meaning) -> list[str]:
    return [str(raw) for raw in spec.absent or ()]


def _raws(spec: Meaning) -> st.SearchStrategy[Any]:
    """Raw numbers that the field's type and length can hold."""
    kind = spec.type or "unsigned"
    bits = getattr(spec, "bits", None)
    length = getattr(spec, "length", None)
    if kind in ("f16", "f32", "f64"):
        return st.floats(-1e4, 1e4, width=int(kind[1:]))  # type: ignore[arg-type]
    if bits is not None:
        width = bits if isinstance(bits, int) else sum(part.width for part in parse_bits(bits))
        return _whole(width - 1 if kind == "sign_magnitude" else width, kind == "signed")
    if kind[0] in "ui" and kind[1:].isdigit():
        return _whole(int(kind[1:]), kind[0] == "i")
    if kind == "bcd":
        return st.integers(0, 100 ** int(length) - 1)
    digits = (spec.digits or 4) if not isinstance(length, int) else length
    if kind == "hex":
        return st.integers(0, 16**digits - 1)
    decimals = spec.decimals or 0
    return st.integers(0, 10 ** max(1, digits - (decimals + 1 if isinstance(length, int) and decimals else 0)) - 1).map(
        lambda number: number if not decimals else Fraction(number, 10**decimals)
    )


def _whole(width: int, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(1 << width - 1), (1 << width - 1) - 1) if signed else st.integers(0, (1 << width) - 1)


def _read(product: ProductSpec, example: Example, name: str, raw: Any, value: float | str) -> float | str:
    """What the field makes of a raw value; the reading as it was where the contract refuses it or means absent."""
    decoder = product.decoder(envelope_of(product, example, example.payload))
    for field in decoder.fields:
        if not field.readings_in({name: value}):
            continue
        if field.bound is not None:
            field = field.bound(values_in(field.name, name) or {})
        row = Row()
        try:
            field.read(raw if not isinstance(raw, Fraction) else float(raw), row)
        except DecodeError:
            return value
        found = [message.readings() for message in (row, *(row.others or {}).values())]
        return next((readings[name] for readings in found if name in readings), value)
    return value


@st.composite
def corrupted(draw: st.DrawFn, product: ProductSpec) -> tuple[Example, str]:
    """An example with bytes replaced, inserted, repeated or cut out, or nothing of it left."""
    example = draw(st.sampled_from(product.document.examples))
    if product.format != "hex" or not draw(st.integers(0, 9)):
        pieces = st.text(st.characters(), max_size=3) | st.text(st.characters(), max_size=64)
        return example, _edited(draw, example.payload, pieces, "")
    pieces = st.binary(min_size=1, max_size=3) | st.binary(max_size=64) | st.sampled_from([b"\xff" * 4, bytes(8)])
    data = bytes.fromhex(example.payload) if example.error != "bad_hex" else b""
    return example, _edited(draw, data, pieces, b"").hex()


def _edited(draw: st.DrawFn, text: Any, pieces: st.SearchStrategy[Any], nothing: Any) -> Any:
    for _ in range(draw(st.integers(1, 4))):
        piece = draw(pieces | st.just(nothing) | st.just(text))
        start = draw(st.integers(0, len(text)))
        # As many as are put in, so that what stands behind keeps its place; or some.
        end = draw(st.just(start + len(piece)) | st.integers(start, len(text)))
        text = text[:start] + piece + text[min(end, len(text)) :]
    return text
