"""Values in bytes that are no whole number: texts, digits, addresses, floats, dates, templates; both ways.

A codec's `decode` gives the raw value that `meaning` takes and raises ValueError, as `encode` does.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from ipaddress import ip_address
from math import isfinite, isnan
from typing import Any, Final

from udfs.document import Place
from udfs.model import Meaning
from udfs.template import compile_template
from udfs.text_values import check_text, datetime_format

DEFAULT_LENGTHS: Final = {"bool": 1, "unix_s": 4, "unix_ms": 8, "mac": 6, "f16": 2, "f32": 4, "f64": 8}
NEEDS_LENGTH: Final = ("text", "bytes", "digits", "bcd", "ip", "template")
_FLOATS: Final = {"f16": "e", "f32": "f", "f64": "d"}


@dataclass(frozen=True)
class Codec:
    """How the bytes of one type are read and written."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def compile_codec(spec: Meaning, encoding: str, length: int | None, little: bool, place: Place) -> Codec | None:
    """The codec of the field's type, None where its bytes are a whole number; raises SpecError."""
    kind = spec.type or ""
    if kind in _FLOATS:
        return _float(_FLOATS[kind], little, spec)
    if kind == "text":
        return _text(encoding, length)
    if kind == "bytes":
        return Codec(bytes.hex, lambda raw: bytes.fromhex(str(raw)))
    if kind == "digits":
        return Codec(_digits, lambda raw: _pack_digits(str(raw), length, spec.digits))
    if kind == "bcd":
        return _bcd(length, little)
    if kind == "mac":
        return Codec(lambda data: data.hex(":"), lambda raw: bytes.fromhex(str(raw).replace(":", "")))
    if kind == "ip":
        return Codec(lambda data: str(ip_address(data)), lambda raw: ip_address(str(raw)).packed)
    if kind == "template":
        return _template(spec, length, place)
    return _datetime(spec, place) if kind == "datetime" else None


def datetime_length(spec: Meaning, place: Place) -> int:
    """Bytes of a datetime."""
    form = datetime_format(spec, place)
    return form.length if spec.coding == "text" else form.length // 2


def _float(code: str, little: bool, spec: Meaning) -> Codec:
    form = ("<" if little else ">") + code
    nan_is_absent = "nan" in (spec.absent or ())

    def decode(data: bytes) -> Any:
        (value,) = struct.unpack(form, data)
        if isnan(value) and nan_is_absent:
            return "nan"
        if not isfinite(value):
            raise ValueError(f"{value} is no number")
        return value

    def encode(raw: Any) -> bytes:
        try:
            return struct.pack(form, float(raw))
        except OverflowError as fault:
            raise ValueError(str(fault)) from None

    return Codec(decode, encode)


def _text(encoding: str, length: int | None) -> Codec:
    def decode(data: bytes) -> str:
        return check_text(data.rstrip(b"\0").decode(encoding))

    def encode(raw: Any) -> bytes:
        data = str(raw).encode(encoding)
        if length is None:
            return data
        if len(data) > length:
            raise ValueError(f"{raw!r} has more than {length} bytes")
        return data.ljust(length, b"\0")

    return Codec(decode, encode)


def _digits(data: bytes) -> str:
    text = data.hex().rstrip("f")
    if not text.isdigit():
        raise ValueError(f"{data.hex()} is no BCD")
    return text.lstrip("0") or "0"


def _pack_digits(text: str, length: int | None, digits: int | None) -> bytes:
    if not text.isdigit() or not text.isascii():
        raise ValueError(f"{text!r} is not of digits")
    size = length or (len(text) + 1) // 2
    padded = text.zfill(digits or 1).zfill(size * 2)
    if len(padded) > size * 2:
        raise ValueError(f"{text!r} has more than {size * 2} digits")
    return bytes.fromhex(padded)


def _bcd(length: int | None, little: bool) -> Codec:
    order = -1 if little else 1
    size = length or 1

    def decode(data: bytes) -> int:
        text = data[::order].hex()
        if not text.isdigit():
            raise ValueError(f"{data.hex()} is no BCD")
        return int(text)

    def encode(raw: float | Fraction) -> bytes:
        number = round(raw)
        if not 0 <= number < 100**size:
            raise ValueError(f"{number} does not fit {size * 2} digits")
        return bytes.fromhex(f"{number:0{size * 2}d}")[::order]

    return Codec(decode, encode)


def _template(spec: Meaning, length: int | None, place: Place) -> Codec:
    if spec.template is None:
        raise place.error("type template needs its `template`, for example v{0}.{1}")
    try:
        template = compile_template(spec.template, length or 1)
    except ValueError as fault:
        raise (place / "template").error(str(fault)) from None
    return Codec(template.read, lambda raw: template.write(str(raw)))


def _datetime(spec: Meaning, place: Place) -> Codec:
    form = datetime_format(spec, place)
    if spec.coding == "text":
        return Codec(lambda data: form.parse(data.decode("ascii")), lambda raw: form.text(int(raw)).encode())
    if not form.pairs:
        raise (place / "format").error(f"coding {spec.coding} needs a format of two-digit parts, such as YYMMDDhhmmss")
    if spec.coding == "bcd":
        return Codec(lambda data: form.parse(data.hex()), lambda raw: bytes.fromhex(form.text(int(raw))))
    return Codec(lambda data: form.parse_pairs(list(data)), lambda raw: bytes(form.pairs_of(int(raw))))
