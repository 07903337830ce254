"""What a raw value means, compiled: a closure that puts its reading into a row, and the inverse for encoding.

Layouts know where raw values stand; this module knows scale, unit, enum, flags, absent values, contract and timestamps.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import inf, isfinite
from typing import Any, Literal

from udfs.column import Column
from udfs.contract import (
    Limits,
    compile_pattern,
    evaluate,
    expression,
    on_range_violation,
    on_unknown_label,
    on_violation,
    report_missing,
)
from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.model import Meaning, UnifiedMeasurement
from udfs.row import Readings, Row, number_text
from udfs.scaling import Scaling, compile_scaling, exact
from udfs.steps import StepRule
from udfs.timestamps import iso_text, parse_iso
from udfs.units import conversion, unit_fault

Read = Callable[[Any, Row], None]
Write = Callable[[Readings], Any]
Convert = Callable[[Any, Row], Any]
Invert = Callable[[Any], Any]
TIMESTAMPS = {"unix_s": 1000, "unix_ms": 1, "datetime": 1, "iso8601": 1}
"""Timestamp types and the milliseconds of one raw unit."""

_TEXTS = ("text", "bytes", "digits", "mac", "ip", "template")
_FRACTION = re.compile(r"-?[1-9][0-9]{0,11}/[1-9][0-9]{0,11}")
_TRUTHS = {"true": True, "false": False}


@dataclass
class Scope:
    """What the fields of one product share while they are compiled.

    A domain is empty where it is the product's own, `main_domain`; `record_domain` is that of the record around.
    """

    domain: str = ""
    record_domain: str = ""
    time_field: str | None = None
    unified: Mapping[str, Mapping[str, UnifiedMeasurement]] = field(default_factory=dict)
    referenced: frozenset[str] = frozenset()
    steps: list[StepRule] = field(default_factory=list)
    derivations: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    choices: dict[str, list[Any]] = field(default_factory=dict)
    main_domain: str = ""

    def within(self, domain: str | None) -> "Scope":
        """The scope below an item that says a domain."""
        return self if domain is None else replace(self, domain=self.own(domain))

    def of_record(self) -> "Scope":
        """The scope of a record of its own, whose message is of the scope's domain."""
        return replace(self, record_domain=self.domain)

    def own(self, domain: str) -> str:
        """The domain, empty where it is the product's."""
        return "" if domain == self.main_domain else domain

    def unified_measurement(self, name: str, domain: str) -> UnifiedMeasurement | None:
        """What the domain says of this name."""
        return self.unified.get(domain, {}).get(name)


@dataclass(frozen=True)
class Number:
    """A measurement with nothing special, which engines may read without a call: scaling and range."""

    scaling: Scaling | None
    limits: Limits
    violated: Callable[[float, Row], float]
    absent: frozenset[Any] = frozenset()


@dataclass(frozen=True)
class Labels:
    """An enum with nothing special: raw value → label, and the label of all others."""

    labels: Mapping[Any, str]
    other: str | None


@dataclass(frozen=True)
class Field:
    """A compiled field: `read` puts a raw value into a row, `write` gives the raw value of readings, None if absent."""

    name: str
    read: Read
    write: Write
    columns: tuple[Column, ...] = ()
    is_timestamp: bool = False
    hidden: bool = False
    optional: bool = False
    plain: Number | Labels | None = None
    typed: Callable[[Any], Any] = lambda reading: reading
    bound: Callable[[Mapping[str, Any]], "Field"] | None = None
    names_in: Callable[[Readings], list[str]] | None = None
    flags: tuple[str, ...] = ()

    def stands_in(self, readings: Readings) -> bool:
        """Whether some of the readings are this field's."""
        return bool(self.readings_in(readings))

    def readings_in(self, readings: Readings) -> list[str]:
        """The names of the readings that are this field's."""
        if self.names_in is not None:
            return self.names_in(readings)
        names = [column.name for column in self.columns] or [self.name]
        return [name for name in names if readings.get(name) is not None]


def compile_meaning(name: str, spec: Meaning, place: Place, scope: Scope) -> Field:
    """The field `name`; raises SpecError where the spec contradicts itself."""
    _refuse_contradictions(spec, place)
    domain = scope.within(spec.domain).domain
    elsewhere = None if domain == scope.record_domain else domain
    kept = name in scope.referenced or spec.hidden
    if spec.flags is not None:
        return _flags(name, spec, place, scope, domain, elsewhere)
    number: Number | None = None
    labels: Labels | None = None
    typed: Callable[[Any], Any] = str
    if spec.enum is not None:
        convert, invert, labels = _label(name, spec, place)
        scope.choices[name] = list(dict.fromkeys(labels.labels.values()))
    elif spec.type in TIMESTAMPS:
        convert, invert, typed = *_timestamp(name, TIMESTAMPS[spec.type], _epoch(spec, place)), _typed_time
    elif spec.type == "bool":
        convert, invert, typed = lambda raw, row: bool(raw), lambda reading: _truth(name, reading), _typed_truth
        labels = Labels({0: "false"}, "true")
    elif spec.type in _TEXTS:
        convert, invert = _text(name, spec, place)
    else:
        convert, invert, number = _number(name, spec, place, scope, domain)
        typed = lambda reading: reading  # noqa: E731 - one of several, by type
        _note_choices(name, spec, scope)
    kind: Literal["measurement", "attribute"] = "measurement" if number is not None else "attribute"
    unified = scope.unified_measurement(name, domain or scope.main_domain)
    unit = "" if number is None else (unified.unit if unified else spec.unit or "")
    doc = spec.doc or (unified.doc if unified else "")
    columns = () if spec.hidden else (Column(name, kind, unit, doc, domain or scope.main_domain),)
    _note_steps(name, spec, place, scope, kind)
    store = _store(name, spec, kind, kept, name == scope.time_field)
    special = kept or elsewhere is not None or spec.equals is not None or spec.pattern is not None
    tells_absence = isinstance(spec.absent, dict) or (labels is not None and bool(spec.absent))
    plain: Number | Labels | None = None if special or tells_absence else (number or labels)
    if isinstance(plain, Number):
        plain = replace(plain, absent=frozenset(map(_raw_key, spec.absent or ())))
    if isinstance(plain, Number) and not spec.absent:
        read = _read_number(name, plain)
    else:
        read = _reader(name, spec, place, convert, store, kept)
    return Field(
        name,
        _in_domain(read, elsewhere),
        _writer(name, spec, invert),
        columns + _status_column(name, spec, domain or scope.main_domain),
        is_timestamp=spec.type in TIMESTAMPS,
        hidden=spec.hidden,
        optional=bool(spec.absent),
        plain=plain,
        typed=typed,
    )


def stored_value(kind: str, value: Any) -> Any:
    """A value as a message holds it: a number, or the text of an attribute."""
    if kind == "measurement":
        return float(value)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _reader(name: str, spec: Meaning, place: Place, convert: Convert, store: Read, kept: bool) -> Read:
    expected = None if spec.equals is None else expression(spec.equals, place / "equals")

    def read(raw: Any, row: Row) -> None:
        value = convert(raw, row)
        if expected is not None:
            wanted = evaluate(expected, row.values, name)
            if wanted is not None and wanted != value:
                raise DecodeError("not_allowed", f"{name} is {value}, expected {wanted}", field=name)
        store(value, row)

    if not spec.absent:
        return read
    absent = spec.absent if isinstance(spec.absent, dict) else dict.fromkeys(spec.absent)
    labels = {_raw_key(raw): label for raw, label in absent.items()}
    status = f"{name}_status"

    def read_present(raw: Any, row: Row) -> None:
        if raw not in labels:
            read(raw, row)
            return
        label = labels[raw]
        if label is not None:
            row.attributes[status] = label
        if kept:
            row.values.pop(name, None)
        if spec.required:
            report_missing(name, spec, row, f", {raw!r} means absent")

    return read_present


def _store(name: str, spec: Meaning, kind: str, kept: bool, is_event_time: bool) -> Read:
    def keep(value: Any, row: Row) -> None:
        row.values[name] = value

    def measure(value: float, row: Row) -> None:
        row.measurements[name] = value

    def attribute(value: Any, row: Row) -> None:
        row.attributes[name] = ("true" if value else "false") if isinstance(value, bool) else value

    def timestamp(value: int, row: Row) -> None:
        row.attributes[name] = iso_text(value)

    visible = measure if kind == "measurement" else timestamp if spec.type in TIMESTAMPS else attribute
    stores = [*([keep] if kept else []), *([] if spec.hidden else [visible])]
    if is_event_time:
        stores.append(_set_time)
    if len(stores) == 1:
        return stores[0]

    def store_all(value: Any, row: Row) -> None:
        for store in stores:
            store(value, row)

    return store_all


def _set_time(value: int, row: Row) -> None:
    row.time = value


def _in_domain(read: Read, domain: str | None) -> Read:
    if domain is None:
        return read
    return lambda raw, row: read(raw, row.of_domain(domain))


def _number(name: str, spec: Meaning, place: Place, scope: Scope, domain: str) -> tuple[Convert, Invert, Number]:
    unified = None if spec.hidden else scope.unified_measurement(name, domain or scope.main_domain)
    factor, shift = _conversion(spec, place, unified)
    scaling = compile_scaling(spec.scale, spec.offset, factor, shift)
    limits = _limits(spec, place, unified, factor, shift)
    violated, low, high = on_range_violation(name, limits), limits.low, limits.high
    number = Number(scaling, limits, violated)

    def convert(raw: float, row: Row) -> float:
        value = float(raw) if scaling is None else scaling.apply(raw)
        return value if low <= value <= high else violated(value, row)

    def convert_whole(raw: float, row: Row) -> float:
        # A hidden number without a scale stays whole: it counts, selects and measures.
        return raw if low <= raw <= high else violated(raw, row)

    def invert(value: Any) -> Any:
        if isinstance(value, bool | str) or not isfinite(value):
            raise EncodeError(f"expected a number, got {value!r}", field=name)
        return value if scaling is None else scaling.invert(value)

    return (convert_whole if spec.hidden and scaling is None else convert), invert, number


def _read_number(name: str, number: Number) -> Read:
    """The reader of a number with nothing special: the most frequent field by far, with no call in between."""
    scaling, violated = number.scaling, number.violated
    low, high = number.limits.low, number.limits.high
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


def _label(name: str, spec: Meaning, place: Place) -> tuple[Convert, Invert, Labels]:
    labels = _enum_keys(spec, place)
    raws = {label: raw for raw, label in reversed(labels.items())}
    other = spec.else_
    if other is not None and other not in raws and spec.type not in _TEXTS:
        raws[other] = next(raw for raw in range(len(labels) + 1) if raw not in labels)
    unknown = on_unknown_label(name, [str(raw) for raw in labels], on_violation(spec, "enum"))

    def convert(raw: Any, row: Row) -> str:
        label = labels.get(raw, other)
        return unknown(raw, row) if label is None else label

    def invert(reading: Any) -> Any:
        label = ("true" if reading else "false") if isinstance(reading, bool) else str(reading)
        if label in raws:
            return raws[label]
        if on_violation(spec, "enum") != "reject" and spec.type in _TEXTS:
            return label
        raise EncodeError(f"{label!r} is none of {', '.join(map(str, raws))}", field=name)

    return convert, invert, Labels(labels, other)


def _enum_keys(spec: Meaning, place: Place) -> dict[Any, str]:
    enum = spec.enum or {}
    if spec.type in _TEXTS:
        return dict(enum)
    try:
        return {int(raw, 0): label for raw, label in enum.items()}
    except ValueError:
        message = f"enum of type {spec.type} needs whole numbers as keys"
        raise (place / "enum").error(message) from None


def _text(name: str, spec: Meaning, place: Place) -> tuple[Convert, Invert]:
    if spec.pattern is None:
        return lambda raw, row: raw, str
    check = compile_pattern(name, spec, place)

    def convert(raw: str, row: Row) -> str:
        check(raw, row)
        return raw

    return convert, str


def _epoch(spec: Meaning, place: Place) -> int:
    """Where counting begins, in epoch ms."""
    try:
        return 0 if spec.epoch is None else parse_iso(spec.epoch)
    except ValueError:
        raise (place / "epoch").error(f"`{spec.epoch}` is no ISO 8601 time such as 2000-01-01") from None


def _timestamp(name: str, unit_ms: int, epoch: int) -> tuple[Convert, Invert]:
    def convert(raw: float, row: Row) -> int:
        try:
            ms = int(raw * unit_ms) + epoch
            iso_text(ms)
        except (ValueError, OverflowError) as fault:
            raise DecodeError("bad_value", f"{name}: {fault}", field=name) from None
        return ms

    def invert(reading: Any) -> int:
        try:
            return (parse_iso(str(reading)) - epoch) // unit_ms
        except ValueError as fault:
            raise EncodeError(f"{reading!r} is no ISO 8601 timestamp", field=name) from fault

    return convert, invert


def _flags(name: str, spec: Meaning, place: Place, scope: Scope, domain: str, elsewhere: str | None) -> Field:
    try:
        flags = {int(bit): flag for bit, flag in (spec.flags or {}).items()}
    except ValueError:
        raise (place / "flags").error("flags need bit numbers as keys, 0 is the least significant") from None
    kept = {flag for flag in flags.values() if flag in scope.referenced}

    def read(raw: Any, row: Row) -> None:
        if type(raw) is not int:
            raise DecodeError("bad_value", f"{name}: flags need a whole number, got {raw!r}", field=name)
        for bit, flag in flags.items():
            is_set = bool(raw >> bit & 1)
            if not spec.hidden:
                row.attributes[flag] = "true" if is_set else "false"
            if flag in kept:
                row.values[flag] = is_set

    def write(readings: Readings) -> Any:
        if all(readings.get(flag) is None for flag in flags.values()):
            return None
        return sum(_truth(flag, readings.get(flag, False)) << bit for bit, flag in flags.items())

    columns = (
        []
        if spec.hidden
        else [Column(flag, "attribute", "", spec.doc, domain or scope.main_domain) for flag in flags.values()]
    )
    return Field(
        name, _in_domain(read, elsewhere), write, tuple(columns), hidden=spec.hidden, flags=tuple(flags.values())
    )


def _writer(name: str, spec: Meaning, invert: Invert) -> Write:
    absent = spec.absent or ()
    sentinel = _raw_key(next(iter(absent))) if absent else None
    raws = {label: _raw_key(raw) for raw, label in absent.items()} if isinstance(absent, dict) else {}
    status = f"{name}_status"

    def write(readings: Readings) -> Any:
        reading = readings.get(name)
        if reading is not None:
            return invert(reading)
        if status in readings and readings[status] in raws:
            return raws[str(readings[status])]
        if spec.required:
            raise EncodeError("the reading is required", field=name)
        return sentinel

    return write


def _status_column(name: str, spec: Meaning, domain: str) -> tuple[Column, ...]:
    if spec.hidden or not isinstance(spec.absent, dict):
        return ()
    return (Column(f"{name}_status", "attribute", "", f"Why {name} is absent.", domain),)


def _raw_key(raw: Any) -> Any:
    """A raw value as the payload gives it: keys of a YAML mapping are texts, whole numbers in them numbers."""
    if isinstance(raw, str):
        try:
            return int(raw, 0)
        except ValueError:
            return raw
    return raw


def _note_choices(name: str, spec: Meaning, scope: Scope) -> None:
    low, high = spec.range or (None, None)
    if low is not None and high is not None and high - low < 64 and low == int(low):
        scope.choices[name] = list(range(int(low), int(high) + 1))


def _note_steps(name: str, spec: Meaning, place: Place, scope: Scope, kind: str) -> None:
    if spec.max_step is None and spec.monotonic is None:
        return
    if kind != "measurement" or spec.hidden:
        raise place.error("`max_step` and `monotonic` need a measurement")
    step = on_violation(spec, "max_step"), on_violation(spec, "monotonic")
    scope.steps.append(StepRule(scope.within(spec.domain).domain, name, spec.max_step, spec.monotonic, *step))


def _refuse_contradictions(spec: Meaning, place: Place) -> None:
    number = spec.type not in ("bool", *_TEXTS, *TIMESTAMPS) and spec.enum is None and spec.flags is None
    for key in ("unit", "range", "scale", "decimals"):
        if getattr(spec, key) is not None and not number:
            raise (place / key).error(f"`{key}` needs a number, this field is an attribute")
    if spec.offset and not number:
        raise (place / "offset").error("`offset` needs a number, this field is an attribute")
    if isinstance(spec.scale, str) and not _FRACTION.fullmatch(spec.scale):
        raise (place / "scale").error(f"`{spec.scale}` is neither a number nor a fraction such as 1/1800000")
    if spec.scale == 0:
        raise (place / "scale").error("scale 0 would make every reading the same")
    if spec.epoch is not None and spec.type not in ("unix_s", "unix_ms"):
        raise (place / "epoch").error("`epoch` is for unix_s and unix_ms")
    if spec.enum is not None and spec.type in ("bool", *TIMESTAMPS):
        raise (place / "enum").error(f"`enum` does not fit type {spec.type}")
    if spec.else_ is not None and spec.enum is None:
        raise (place / "else").error("`else` needs an `enum`")
    if spec.pattern is not None and spec.type not in _TEXTS:
        raise (place / "pattern").error("`pattern` needs a text")
    if spec.flags is not None and (spec.enum is not None or spec.type in (*_TEXTS, "bool", *TIMESTAMPS)):
        raise (place / "flags").error("`flags` need a whole number without `enum`")
    _refuse_idle_violation(spec, place, number)


def _refuse_idle_violation(spec: Meaning, place: Place, number: bool) -> None:
    stated = spec.on_violation.values() if isinstance(spec.on_violation, dict) else [spec.on_violation]
    if "clamp" in stated and not number:
        raise (place / "on_violation").error("only numbers can clamp: use reject or warn")
    checked = (spec.range, spec.enum, spec.pattern, spec.max_step, spec.monotonic)
    if isinstance(spec.on_violation, str) and not any(checked) and spec.type not in ("decimal", "hex", *TIMESTAMPS):
        raise (place / "on_violation").error("`on_violation` needs a check: `range`, `enum`, `pattern`, `max_step` …")


def _conversion(spec: Meaning, place: Place, unified: UnifiedMeasurement | None) -> tuple[Fraction, Fraction]:
    """From the spec's unit to the domain's: value * factor + shift."""
    if spec.hidden and spec.unit is None:
        return Fraction(1), Fraction(0)
    if spec.unit is None:
        raise place.error('a measurement needs a `unit` (UCUM code, "1" for a pure number)')
    fault = unit_fault(spec.unit)
    if fault is not None:
        raise (place / "unit").error(fault)
    if unified is None or unified.unit == spec.unit:
        return Fraction(1), Fraction(0)
    converted = conversion(spec.unit, unified.unit)
    if converted is None:
        raise (place / "unit").error(
            f"unit `{spec.unit}`, but the domain has {unified.name} in `{unified.unit}`, which measures something else"
        )
    return converted


def _limits(
    spec: Meaning, place: Place, unified: UnifiedMeasurement | None, factor: Fraction, shift: Fraction
) -> Limits:
    if spec.range is None:
        inherited = unified.range if unified else None
        return Limits(*_bounds(inherited), "warn") if inherited else Limits()
    low, high = _bounds(spec.range)
    if low > high:
        raise (place / "range").error("the range is empty: write [lowest, highest]")
    low, high = (_converted(bound, factor, shift) for bound in (low, high))
    return Limits(low, high, on_violation(spec, "range"))


def _converted(bound: float, factor: Fraction, shift: Fraction) -> float:
    return float(exact(bound) * factor + shift) if isfinite(bound) else bound


def _bounds(pair: list[float | None]) -> tuple[float, float]:
    low, high = pair
    return -inf if low is None else low, inf if high is None else high


def _truth(name: str, reading: Any) -> bool:
    truth = reading if isinstance(reading, bool) else _TRUTHS.get(str(reading))
    if truth is None:
        raise EncodeError(f"expected true or false, got {reading!r}", field=name)
    return truth


def _typed_truth(reading: Any) -> Any:
    return _TRUTHS.get(str(reading), reading)


def _typed_time(reading: Any) -> Any:
    return parse_iso(str(reading)) if isinstance(reading, str) else reading


def shown(value: Any) -> str:
    """A value of an expression as part of a name."""
    return number_text(value) if isinstance(value, float) else str(value)
