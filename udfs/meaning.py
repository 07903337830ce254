"""What a raw value means, compiled: a closure that puts its reading into a row, and the inverse for encoding.

Layouts know where raw values stand; this module knows scale, enum, absent values, contract and timestamps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

from udfs.column import Column
from udfs.contract import Limits, on_range_violation, on_unknown_label
from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.model import Meaning, UnifiedMeasurement
from udfs.row import Readings, Row
from udfs.scaling import Scaling, compile_scaling
from udfs.timestamps import iso_text, parse_iso
from udfs.units import unit_fault

Read = Callable[[Any, Row], None]
Write = Callable[[Readings], Any]
TIMESTAMPS = {"unix_s": 1000, "unix_ms": 1, "yymmddhhmmss": 1, "iso8601": 1}
"""Timestamp types and the milliseconds of one raw unit."""


@dataclass(frozen=True)
class Scope:
    """What the fields of one product share."""

    unified: Mapping[str, UnifiedMeasurement] = field(default_factory=dict)
    time_field: str | None = None


@dataclass(frozen=True)
class Field:
    """A compiled field: `read` puts a raw value into a row, `write` gives the raw value of readings, None if absent."""

    name: str
    read: Read
    write: Write
    column: Column
    is_timestamp: bool = False


def compile_meaning(name: str, spec: Meaning, place: Place, scope: Scope) -> Field:
    """The field `name`; raises SpecError where the spec contradicts itself."""
    _refuse_contradictions(spec, place)
    if spec.enum is not None:
        read, write = _label(name, spec, place)
    elif spec.type in TIMESTAMPS:
        read, write = _timestamp(name, TIMESTAMPS[spec.type], name == scope.time_field)
    elif spec.type in ("text", "bool"):
        read, write = (_text if spec.type == "text" else _truth)(name)
    else:
        return _measurement(name, spec, place, scope)
    column = Column(name, "attribute", "", spec.doc)
    is_timestamp = spec.type in TIMESTAMPS
    return Field(name, _unless_absent(read, name, spec), _or_absent(write, name, spec), column, is_timestamp)


def _measurement(name: str, spec: Meaning, place: Place, scope: Scope) -> Field:
    unified = scope.unified.get(name)
    _check_unit(spec, place, unified)
    scaling = compile_scaling(spec.scale, spec.offset)
    limits = _limits(spec, place, unified)
    column = Column(name, "measurement", spec.unit or "", spec.doc or (unified.doc if unified else ""))
    read = _unless_absent(_read_number(name, scaling, limits), name, spec)
    return Field(name, read, _or_absent(_write_number(name, scaling), name, spec), column)


def _read_number(name: str, scaling: Scaling | None, limits: Limits) -> Read:
    low, high, violated = limits.low, limits.high, on_range_violation(name, limits)
    if scaling is None:

        def read_plain(raw: float, row: Row) -> None:
            value = float(raw)
            row.measurements[name] = value if low <= value <= high else violated(value, row)

        return read_plain
    multiplier, shift, divisor = scaling.multiplier, scaling.shift, scaling.divisor

    def read_scaled(raw: float, row: Row) -> None:
        value = (raw * multiplier + shift) / divisor if type(raw) is int else scaling.apply(raw)
        row.measurements[name] = value if low <= value <= high else violated(value, row)

    return read_scaled


def _write_number(name: str, scaling: Scaling | None) -> Write:
    def write(readings: Readings) -> Any:
        value = readings.get(name)
        if value is None:
            return None
        if isinstance(value, bool | str) or not isfinite(value):
            raise EncodeError(f"expected a number, got {value!r}", field=name)
        return value if scaling is None else scaling.invert(value)

    return write


def _label(name: str, spec: Meaning, place: Place) -> tuple[Read, Write]:
    labels = _enum_keys(spec, place)
    raws = {label: raw for raw, label in reversed(labels.items())}
    other = spec.else_
    if other is not None and other not in raws and spec.type != "text":
        raws[other] = next(raw for raw in range(len(labels) + 1) if raw not in labels)
    unknown = on_unknown_label(name, [str(raw) for raw in labels], spec.on_violation or "reject")

    def read(raw: Any, row: Row) -> None:
        label = labels.get(raw, other)
        row.attributes[name] = unknown(raw, row) if label is None else label

    def write(readings: Readings) -> Any:
        value = readings.get(name)
        if value is None:
            return None
        label = _truth_text(value) if isinstance(value, bool) else str(value)
        if label not in raws:
            raise EncodeError(f"{label!r} is none of {', '.join(map(str, raws))}", field=name)
        return raws[label]

    return read, write


def _enum_keys(spec: Meaning, place: Place) -> dict[Any, str]:
    enum = spec.enum or {}
    if spec.type == "text":
        return dict(enum)
    try:
        return {int(raw, 0): label for raw, label in enum.items()}
    except ValueError:
        message = f"enum of type {spec.type} needs whole numbers as keys"
        raise (place / "enum").error(message) from None


def _text(name: str) -> tuple[Read, Write]:
    def read(raw: str, row: Row) -> None:
        row.attributes[name] = raw

    def write(readings: Readings) -> Any:
        value = readings.get(name)
        return None if value is None else str(value)

    return read, write


def _truth(name: str) -> tuple[Read, Write]:
    def read(raw: Any, row: Row) -> None:
        row.attributes[name] = "true" if raw else "false"

    def write(readings: Readings) -> Any:
        value = readings.get(name)
        if value is None:
            return None
        text = _truth_text(value)
        if text not in ("true", "false"):
            raise EncodeError(f"expected true or false, got {value!r}", field=name)
        return text == "true"

    return read, write


def _timestamp(name: str, unit_ms: int, is_event_time: bool) -> tuple[Read, Write]:
    def read(raw: float, row: Row) -> None:
        try:
            ms = int(raw * unit_ms)
            row.attributes[name] = iso_text(ms)
        except (ValueError, OverflowError) as fault:
            raise DecodeError("bad_value", f"{name}: {fault}", field=name) from None
        if is_event_time:
            row.time = ms

    def write(readings: Readings) -> Any:
        value = readings.get(name)
        if value is None:
            return None
        try:
            return parse_iso(str(value)) // unit_ms
        except ValueError as fault:
            raise EncodeError(f"{value!r} is no ISO 8601 timestamp", field=name) from fault

    return read, write


def _unless_absent(read: Read, name: str, spec: Meaning) -> Read:
    if not spec.absent:
        return read
    absent = frozenset(spec.absent)
    if not spec.required:

        def read_present(raw: Any, row: Row) -> None:
            if raw not in absent:
                read(raw, row)

        return read_present

    def read_required(raw: Any, row: Row) -> None:
        if raw in absent:
            raise DecodeError("missing_field", f"{name} is required, {raw!r} means absent", field=name)
        read(raw, row)

    return read_required


def _or_absent(write: Write, name: str, spec: Meaning) -> Write:
    sentinel = spec.absent[0] if spec.absent else None
    if sentinel is None and not spec.required:
        return write

    def write_or_absent(readings: Readings) -> Any:
        if spec.required and readings.get(name) is None:
            raise EncodeError("the reading is required", field=name)
        raw = write(readings)
        return sentinel if raw is None else raw

    return write_or_absent


def _refuse_contradictions(spec: Meaning, place: Place) -> None:
    number = spec.type not in ("text", "bool", *TIMESTAMPS) and spec.enum is None
    for key in ("unit", "range", "scale", "decimals"):
        if getattr(spec, key) is not None and not number:
            raise (place / key).error(f"`{key}` needs a number, this field is an attribute")
    if spec.offset and not number:
        raise (place / "offset").error("`offset` needs a number, this field is an attribute")
    if spec.scale == 0:
        raise (place / "scale").error("scale 0 would make every reading the same")
    if spec.enum is not None and spec.type in ("bool", *TIMESTAMPS):
        raise (place / "enum").error(f"`enum` does not fit type {spec.type}")
    if spec.else_ is not None and spec.enum is None:
        raise (place / "else").error("`else` needs an `enum`")
    if spec.on_violation == "clamp" and not number:
        raise (place / "on_violation").error("only a `range` can clamp: use reject or warn")


def _check_unit(spec: Meaning, place: Place, unified: UnifiedMeasurement | None) -> None:
    if spec.unit is None:
        raise place.error('a measurement needs a `unit` (UCUM code, "1" for a pure number)')
    fault = unit_fault(spec.unit)
    if fault is not None:
        raise (place / "unit").error(fault)
    if unified is not None and unified.unit != spec.unit:
        raise (place / "unit").error(
            f"unit `{spec.unit}`, but the domain has {unified.name} in `{unified.unit}`: convert or rename it"
        )


def _limits(spec: Meaning, place: Place, unified: UnifiedMeasurement | None) -> Limits:
    if spec.range is None:
        if spec.on_violation is not None:
            raise (place / "on_violation").error("`on_violation` needs a `range` or an `enum`")
        inherited = unified.range if unified else None
        return Limits(*_bounds(inherited), "warn") if inherited else Limits()
    low, high = _bounds(spec.range)
    if low > high:
        raise (place / "range").error("the range is empty: write [lowest, highest]")
    return Limits(low, high, spec.on_violation or "reject")


def _bounds(pair: list[float | None]) -> tuple[float, float]:
    low, high = pair
    return -inf if low is None else low, inf if high is None else high


def _truth_text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
