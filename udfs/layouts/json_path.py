"""The JSON layout: fields at paths of the document, and arrays whose elements are messages of their own."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

import msgspec

from udfs.document import Place, Step, render_path
from udfs.errors import DecodeError, EncodeError
from udfs.json_position import locate
from udfs.layouts.base import compile_each, refuse_repeated_names, utf8
from udfs.meaning import Field, Scope, compile_meaning
from udfs.model import JsonField, JsonLayout
from udfs.row import Readings, Row
from udfs.text_values import TEXT_TYPES, check_text, formatter, parser

_WORD = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([0-9]{1,6})\]")
_SYNTAX_AT = re.compile(r"\(byte ([0-9]+)\)")
_NUMBERS = ("decimal", "unix_s", "unix_ms")
Path = tuple[Step, ...]


@dataclass(frozen=True)
class JsonValue:
    """A compiled field with its path."""

    field: Field
    path: Path
    required: bool
    parse: Callable[[Any], Any]
    form: Callable[[Any], Any]


class JsonDecoder:
    """A compiled JSON layout."""

    def __init__(self, layout: JsonLayout, at: Place, scope: Scope) -> None:
        refuse_repeated_names([spec.name for spec in layout.fields], at / "fields")
        self._each = None if layout.each is None else _parse_path(layout.each, at / "each")
        self._values = compile_each(layout.fields, at / "fields", lambda spec, where: _compile(spec, where, scope))
        self.fields = tuple(value.field for value in self._values)

    def decode(self, payload: str) -> list[Row]:
        document = _parse(payload)
        rows = []
        for base, element in self._elements(document):
            row = Row()
            for value in self._values:
                try:
                    _read(value, element, row)
                except DecodeError as error:
                    raise _at_path(error, payload, base, value.path) from None
            rows.append(row)
        return rows

    def encode(self, readings: Sequence[Readings]) -> str:
        elements = [self._element(row) for row in readings]
        if self._each is not None:
            document: Any = elements
            for step in reversed(self._each):
                document = {step: document} if isinstance(step, str) else [*[None] * step, document]
        elif len(elements) == 1:
            document = elements[0]
        else:
            raise EncodeError(f"a document without `each` holds one message, not {len(elements)}")
        return msgspec.json.encode(document).decode()

    def canonical(self, payload: str) -> str:
        return payload

    def _elements(self, document: Any) -> list[tuple[Path, Any]]:
        if self._each is None:
            return [((), document)]
        name = render_path(self._each) or "the document"
        array = _follow(document, self._each)
        if not isinstance(array, list) or not array:
            raise DecodeError("missing_field", f"{name} is no array with at least one element", field=name)
        return [((*self._each, index), element) for index, element in enumerate(array)]

    def _element(self, readings: Readings) -> Any:
        element: Any = None
        for value in self._values:
            raw = value.field.write(readings)
            if raw is not None:
                element = _put(element, value.path, _form(value, raw))
        return {} if element is None else element


def _compile(spec: JsonField, where: Place, scope: Scope) -> JsonValue:
    if spec.type is None:
        raise where.error(f"missing key `type`: one of {', '.join(TEXT_TYPES)}")
    if spec.type not in TEXT_TYPES:
        raise (where / "type").error(f"type {spec.type} is binary, JSON needs one of {', '.join(TEXT_TYPES)}")
    path = _parse_path(spec.path, where / "path")
    field = compile_meaning(spec.name, spec, where, scope)
    return JsonValue(field, path, spec.required, _parse_value(spec), _form_value(spec))


def _parse_path(text: str, where: Place) -> Path:
    if text == "$":
        return ()
    words = list(_WORD.finditer(text))
    if "".join(word[0] for word in words) != text or text.startswith("."):
        raise where.error(f"`{text}` is no path: write for example data[0].wind.speed")
    return tuple(word[1] if word[2] is None else int(word[2]) for word in words)


def _parse(payload: str) -> Any:
    data = utf8(payload)
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as fault:
        at = _SYNTAX_AT.search(str(fault))
        message = str(fault).removeprefix("JSON is malformed: ").split(" (byte")[0]
        raise DecodeError("bad_json", message, byte_offset=int(at[1]) if at else len(data)) from None
    except RecursionError:
        raise DecodeError("bad_json", "the document is nested too deeply") from None


def _follow(document: Any, path: Path) -> Any:
    """The value at `path`, None where a part of it is missing; raises DecodeError where it leads through a scalar."""
    value = document
    for depth, step in enumerate(path):
        if value is None:
            return None
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        else:
            kind = "an object" if isinstance(step, str) else "an array"
            raise DecodeError("bad_value", f"{render_path(path[:depth]) or 'the document'} is not {kind}")
    return value


def _read(value: JsonValue, element: Any, row: Row) -> None:
    raw = _follow(element, value.path)
    name = value.field.name
    if raw is None:
        if value.required:
            raise DecodeError("missing_field", f"{name} is required", field=name)
        return
    try:
        parsed = value.parse(raw)
    except ValueError as fault:
        raise DecodeError("bad_value", f"{name}: {_short(raw)} is {fault}", field=name) from None
    value.field.read(parsed, row)


def _at_path(error: DecodeError, payload: str, base: Path, path: Path) -> DecodeError:
    error.field = render_path((*base, *path))
    offset = locate(payload, (*base, *path))
    error.byte_offset = None if offset is None else len(payload[:offset].encode())
    return error


def _parse_value(spec: JsonField) -> Callable[[Any], Any]:
    if spec.type in _NUMBERS:
        return _number
    if spec.type == "bool":
        return _truth
    parse = check_text if spec.type == "text" else parser(spec)

    def parse_text(raw: Any) -> Any:
        if not isinstance(raw, str):
            raise ValueError("no text")
        return parse(raw)

    return parse_text


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError("no number")
    if not isfinite(raw) if isinstance(raw, float) else not -(1 << 63) <= raw < 1 << 64:
        raise ValueError("no number of 64 bits")
    return raw


def _truth(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("neither true nor false")
    return raw


def _form_value(spec: JsonField) -> Callable[[Any], Any]:
    if spec.type in _NUMBERS:
        return lambda raw: _json_number(raw, spec.decimals)
    return bool if spec.type == "bool" else formatter(spec)


def _json_number(raw: float | Fraction, decimals: int | None) -> float:
    number = float(raw) if decimals is None else round(float(raw), decimals)
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _form(value: JsonValue, raw: Any) -> Any:
    try:
        return value.form(raw)
    except (ValueError, OverflowError) as fault:
        raise EncodeError(str(fault), field=value.field.name) from fault


def _put(node: Any, path: Path, value: Any) -> Any:
    """`node` with `value` at `path`, objects and arrays made on the way."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        node = {} if node is None else node
        node[step] = _put(node.get(step), rest, value)
        return node
    node = [] if node is None else node
    node.extend([None] * (step + 1 - len(node)))
    node[step] = _put(node[step], rest, value)
    return node


def _short(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 24 else f"{text[:24]}…"
