"""The JSON layout: fields at paths of the document, and arrays whose elements are messages of their own."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

import msgspec

from udfs.contract import report_bad_value, report_missing
from udfs.document import Place, Step, render_path
from udfs.errors import DecodeError, EncodeError
from udfs.json_position import locate
from udfs.layouts.base import compile_each, refuse_repeated_names, utf8
from udfs.layouts.frame import Span, present
from udfs.meaning import Field, Scope, compile_meaning
from udfs.model import JsonField, JsonLayout, JsonMessages
from udfs.row import Readings, Row
from udfs.text_values import TEXT_TYPES, check_text, formatter, parser

_WORD = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([0-9]{1,6}|\*)\]")
_SYNTAX_AT = re.compile(r"\(byte ([0-9]+)\)")
_NUMBERS = ("decimal", "unix_s", "unix_ms")
Path = tuple[Step, ...]


@dataclass(frozen=True)
class JsonPath:
    """Steps from the element, or from `climb` elements around it; from the document where `climb` is None."""

    steps: tuple[Step, ...]
    climb: int | None = 0


@dataclass(frozen=True)
class JsonValue:
    """A compiled field with its path."""

    field: Field
    path: JsonPath
    spec: JsonField
    parse: Callable[[Any], Any]
    form: Callable[[Any], Any]


@dataclass(frozen=True)
class JsonSource:
    """An array whose elements are messages, `each` its steps with `*` through every array on the way; None is the
    document itself."""

    each: tuple[Step, ...] | None
    domain: str
    values: tuple[JsonValue, ...]
    optional: bool = False


Around = tuple[tuple[Path, Any], ...]
"""The elements around a value and their places, the document first."""


class JsonDecoder:
    """A compiled JSON layout."""

    def __init__(self, layout: JsonLayout, at: Place, scope: Scope) -> None:
        if not layout.fields and not layout.messages:
            raise at.error("the layout has neither `fields` nor `messages`")
        main = JsonMessages(each=layout.each or "$", fields=layout.fields)
        sources = [_compile_source(main, at, scope, each=layout.each)] if layout.fields else []
        sources += compile_each(
            layout.messages, at / "messages", lambda spec, where: _compile_source(spec, where, scope, spec.each, True)
        )
        self._sources = tuple(sources)
        self.fields = tuple(value.field for source in sources for value in source.values)

    def decode(self, payload: str) -> list[Row]:
        document = _parse(payload)
        rows = []
        for source in self._sources:
            for around in _elements(document, source):
                row = Row(domain=source.domain)
                for value in source.values:
                    try:
                        _read(value, around, row)
                    except DecodeError as error:
                        raise _at_path(error, payload, around, value.path) from None
                rows.append(row)
        if not rows:
            raise DecodeError("missing_field", "the document holds no message")
        return rows

    def encode(self, readings: Sequence[Readings]) -> str:
        document: Any = None
        queue = list(readings)
        for source in self._sources:
            names = {column.name for value in source.values for column in value.field.columns}
            taken = [row for row in queue if present(row) <= names]
            if source.each is None:
                taken = taken[:1]
            queue = [row for row in queue if all(row is not other for other in taken)]
            for index, row in enumerate(taken):
                document = _put_element(document, source, index, row)
        if queue:
            field = min(present(queue[0]), default="")
            raise EncodeError("the document has no place for this message", field=field)
        return msgspec.json.encode({} if document is None else document).decode()

    def canonical(self, payload: str) -> str:
        return payload

    def payload_bytes(self, payload: str) -> bytes:
        return utf8(payload)

    def explain(self, payload: str, spans: list[Span]) -> None:
        document = _parse(payload)
        for source in self._sources:
            for around in _elements(document, source):
                for value in source.values:
                    path = _absolute(around, value.path)
                    start = locate(payload, path)
                    found = None if start is None else _text_at(payload, start)
                    if start is None or found is None or _value_at(value.path, around) is None:
                        continue
                    begin = len(payload[:start].encode())
                    column = value.field.columns[0] if value.field.columns else None
                    unit, doc = (column.unit, column.doc) if column else ("", "")
                    end = begin + len(found.encode())
                    spans.append(Span(begin, end, None, "field", value.field.name, found, unit, doc))
        spans.sort()


def _compile_source(
    spec: JsonMessages, at: Place, scope: Scope, each: str | None, optional: bool = False
) -> JsonSource:
    refuse_repeated_names([field.name for field in spec.fields], at / "fields")
    inner = scope.within(spec.domain).of_record()
    values = compile_each(spec.fields, at / "fields", lambda field, where: _compile(field, where, inner))
    steps = None if each is None else _parse_steps(each, at / "each", stars=True)
    return JsonSource(steps, inner.record_domain, tuple(values), optional)


def _elements(document: Any, source: JsonSource) -> Iterator[Around]:
    """The elements that are messages, each with those around it; raises DecodeError where there must be some."""
    top: Around = (((), document),)
    if source.each is None:
        yield top
        return
    found = list(_through(top, source.each, source.optional))
    if not found and not source.optional:
        name = render_path(tuple(step for step in source.each if step != "*")) or "the document"
        raise DecodeError("missing_field", f"{name} is no array with at least one element", field=name)
    yield from found


def _through(around: Around, steps: tuple[Step, ...], optional: bool) -> Iterator[Around]:
    """Follows steps to an array and goes through it; `*` goes through an array on the way."""
    star = steps.index("*") if "*" in steps else len(steps)
    base, node = around[-1]
    array = _follow(node, steps[:star])
    path = (*base, *steps[:star])
    if not isinstance(array, list) or not array:
        if optional and array in (None, []):
            return
        name = render_path(path) or "the document"
        raise DecodeError("missing_field", f"{name} is no array with at least one element", field=name)
    for index, element in enumerate(array):
        inner = (*around, ((*path, index), element))
        if star == len(steps):
            yield inner
        else:
            yield from _through(inner, steps[star + 1 :], optional)


def _compile(spec: JsonField, where: Place, scope: Scope) -> JsonValue:
    if spec.type is None:
        raise where.error(f"missing key `type`: one of {', '.join(TEXT_TYPES)}")
    if spec.type not in TEXT_TYPES:
        raise (where / "type").error(f"type {spec.type} is binary, JSON needs one of {', '.join(TEXT_TYPES)}")
    path = _parse_path(spec.path, where / "path")
    field = compile_meaning(spec.name, spec, where, scope)
    return JsonValue(field, path, spec, _parse_value(spec, where), _form_value(spec, where))


def _parse_path(text: str, where: Place) -> JsonPath:
    if text == "$" or text.startswith("$."):
        climb = 0 if text == "$" else None
        return JsonPath(() if text == "$" else _parse_steps(text[2:], where), climb)
    climbs = 0
    while text.startswith("^."):
        text, climbs = text[2:], climbs + 1
    return JsonPath(_parse_steps(text, where), climbs)


def _parse_steps(text: str, where: Place, stars: bool = False) -> tuple[Step, ...]:
    if text == "$":
        return ()
    words = list(_WORD.finditer(text))
    stars_fit = stars or not any(word[0] == "[*]" for word in words)
    if "".join(word[0] for word in words) != text or text.startswith(".") or not stars_fit:
        raise where.error(f"`{text}` is no path: write for example data[0].wind.speed")
    return tuple(word[1] or ("*" if word[2] == "*" else int(word[2])) for word in words)


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


def _absolute(around: Around, path: JsonPath) -> Path:
    base = () if path.climb is None else around[max(0, len(around) - 1 - path.climb)][0]
    return (*base, *path.steps)


def _value_at(path: JsonPath, around: Around) -> Any:
    node = around[0 if path.climb is None else max(0, len(around) - 1 - path.climb)][1]
    return _follow(node, path.steps)


def _read(value: JsonValue, around: Around, row: Row) -> None:
    raw = _value_at(value.path, around)
    name = value.field.name
    if raw is None:
        if value.spec.required:
            report_missing(name, value.spec, row)
        return
    try:
        parsed = value.parse(raw)
    except ValueError as fault:
        report_bad_value(name, value.spec, row, f"{_short(raw)} is {fault}")
        return
    value.field.read(parsed, row)


def _at_path(error: DecodeError, payload: str, around: Around, path: JsonPath) -> DecodeError:
    absolute = _absolute(around, path)
    error.field = render_path(absolute)
    offset = locate(payload, absolute)
    error.byte_offset = None if offset is None else len(payload[:offset].encode())
    return error


def _text_at(payload: str, start: int) -> str | None:
    """The JSON text of the value that begins at `start`."""
    try:
        _, end = json.JSONDecoder().raw_decode(payload, start)
    except ValueError:
        return None
    return payload[start:end]


def _put_element(document: Any, source: JsonSource, index: int, readings: Readings) -> Any:
    if source.each is not None and "*" in source.each:
        raise EncodeError("messages of nested arrays cannot be written back")
    base = () if source.each is None else (*source.each, index)
    if not present(readings):
        return _put(document, base, {})
    for value in source.values:
        raw = value.field.write(readings)
        if raw is not None:
            path = value.path.steps if value.path.climb != 0 else (*base, *value.path.steps)
            document = _put(document, path, _form(value, raw))
    return document


def _parse_value(spec: JsonField, where: Place) -> Callable[[Any], Any]:
    if spec.type in _NUMBERS:
        return _number
    if spec.type == "bool":
        return _truth
    parse = check_text if spec.type == "text" else parser(spec, where)

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


def _form_value(spec: JsonField, where: Place) -> Callable[[Any], Any]:
    if spec.type in _NUMBERS:
        return lambda raw: _json_number(raw, spec.decimals)
    return bool if spec.type == "bool" else formatter(spec, where)


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
