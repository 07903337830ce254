"""Values written as text, in separated frames and CSV cells: parsing, and writing them back.

Parsing gives the raw value that `meaning` takes: a number, a text, a truth or epoch milliseconds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from udfs.contract import report_bad_value, report_missing
from udfs.datetimes import DateTimeFormat, compile_datetime
from udfs.document import Place
from udfs.errors import EncodeError
from udfs.meaning import Field, Scope
from udfs.model import Meaning
from udfs.named_by_value import compile_field
from udfs.row import Readings, Row, number_text
from udfs.timestamps import iso_text, parse_iso

Parse = Callable[[str], Any]
Format = Callable[[Any], str]
TEXT_TYPES = ("decimal", "hex", "text", "bool", "unix_s", "unix_ms", "iso8601", "datetime")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?\Z")
_HEX = re.compile(r"[0-9A-Fa-f]{1,16}\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class TextField:
    """A field read from a text: `read` parses and stores, `form` writes a raw value, empty where there is none."""

    field: Field
    read: Callable[[str, Row], None]
    form: Callable[[Any], str]

    def write(self, readings: Readings) -> str:
        """The text of the field's reading; raises EncodeError."""
        return self.form(self.field.write(readings))


def compile_text_field(name: str, spec: Meaning, place: Place, scope: Scope, decimal_mark: str = ".") -> TextField:
    """The text field `name`; raises SpecError for a type that is not written as text."""
    if spec.type is None:
        raise place.error(f"missing key `type`: one of {', '.join(TEXT_TYPES)}")
    if spec.type not in TEXT_TYPES:
        raise (place / "type").error(f"type {spec.type} is binary, a text needs one of {', '.join(TEXT_TYPES)}")
    field = compile_field(name, spec, place, scope)
    return TextField(
        field,
        _reader(field, spec, parser(spec, place, decimal_mark)),
        _former(name, formatter(spec, place, decimal_mark)),
    )


def check_text(text: str) -> str:
    """The text itself; raises ValueError at control characters, which no store takes."""
    match = _CONTROL.search(text)
    if match:
        raise ValueError(f"control character {ord(match[0]):#04x}")
    return text


def parse_decimal(text: str) -> float:
    """An int where no fraction is written, else a float; raises ValueError."""
    match = _DECIMAL.match(text)
    if match is None:
        raise ValueError("no decimal number")
    return int(text) if match[1] is None else float(text)


def _reader(field: Field, spec: Meaning, parse: Parse) -> Callable[[str, Row], None]:
    name, required, store = field.name, spec.required, field.read
    absent = frozenset(word for word in spec.absent or () if isinstance(word, str))

    def read(text: str, row: Row) -> None:
        if not text or (text in absent and not isinstance(spec.absent, dict)):
            if required:
                report_missing(name, spec, row, f", the text is {text!r}")
            return
        try:
            raw = text if text in absent else parse(text)
        except ValueError as fault:
            report_bad_value(name, spec, row, f"{_short(text)} is {fault}")
            return
        store(raw, row)

    return read


def _former(name: str, form: Format) -> Callable[[Any], str]:
    def write(raw: Any) -> str:
        if raw is None or isinstance(raw, str):
            return raw or ""
        try:
            return form(raw)
        except (ValueError, OverflowError) as fault:
            raise EncodeError(str(fault), field=name) from fault

    return write


def datetime_format(spec: Meaning, place: Place) -> DateTimeFormat:
    """The format of a datetime field; raises SpecError."""
    if spec.format is None:
        raise place.error("type datetime needs its `format`, for example YYMMDDhhmmss")
    try:
        return compile_datetime(spec.format, spec.zone, spec.zones)
    except ValueError as fault:
        raise (place / "format").error(str(fault)) from None


def parser(spec: Meaning, place: Place, mark: str = ".") -> Parse:
    """The function from a text to the raw value of the field's type; it raises ValueError."""
    if spec.type == "datetime":
        return datetime_format(spec, place).parse
    if spec.type == "decimal" and mark != ".":
        return _marked_decimal(mark)
    return {
        "text": check_text,
        "decimal": parse_decimal,
        "hex": _parse_hex,
        "bool": _parse_truth,
        "unix_s": parse_decimal,
        "unix_ms": parse_decimal,
        "iso8601": _parse_iso,
    }[spec.type or "decimal"]


def formatter(spec: Meaning, place: Place, mark: str = ".") -> Format:
    """The function from a raw value to the text of the field's type; it raises ValueError."""
    digits = spec.digits or 1
    if spec.type == "datetime":
        form = datetime_format(spec, place)
        return lambda raw: form.text(int(raw))
    if spec.type == "hex":
        return lambda raw: f"{_natural(raw):0{digits}X}"
    if spec.type == "decimal":
        return lambda raw: _decimal_text(raw, digits, spec.decimals).replace(".", mark)
    if spec.type == "bool":
        return _truth_text(spec)
    return {
        "unix_s": lambda raw: str(int(raw)),
        "unix_ms": lambda raw: str(int(raw)),
        "iso8601": iso_text,
    }.get(spec.type or "", str)


def _decimal_text(raw: float | Fraction, digits: int, decimals: int | None) -> str:
    if decimals is None:
        text = number_text(float(raw))
        return text.zfill(digits) if digits > 1 else text
    text = f"{float(raw):.{decimals}f}"
    return text.zfill(digits + (1 + decimals if decimals else 0)) if digits > 1 else text


def _natural(raw: float | Fraction) -> int:
    number = round(raw)
    if number < 0:
        raise ValueError(f"{number} is negative, a hex number is not")
    return number


def _marked_decimal(mark: str) -> Parse:
    def parse(text: str) -> float:
        if "." in text:
            raise ValueError(f"no decimal number with `{mark}`")
        return parse_decimal(text.replace(mark, "."))

    return parse


def _parse_hex(text: str) -> int:
    if not _HEX.match(text):
        raise ValueError("no hex number of at most 16 digits")
    return int(text, 16)


def _parse_truth(text: str) -> bool:
    if text not in _TRUTHS:
        raise ValueError("none of true, false, 1, 0")
    return _TRUTHS[text]


def _truth_text(spec: Meaning) -> Format:
    """In one character a truth is written as a digit."""
    if getattr(spec, "length", None) == 1:
        return lambda raw: "1" if raw else "0"
    return lambda raw: "true" if raw else "false"


def _parse_iso(text: str) -> int:
    try:
        return parse_iso(text)
    except ValueError:
        raise ValueError("no ISO 8601 timestamp") from None


def _short(text: str) -> str:
    return repr(text if len(text) <= 24 else f"{text[:24]}…")
