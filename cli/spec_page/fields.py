"""What a field's row says: raw value to reading, unit, contract, and the column that a rule selects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.spec_page.boxes import FieldPlace, visible
from cli.spec_page.byte_map import Palette
from jobs.views import column_name, view_name
from udfs.column import Column
from udfs.contract import on_violation
from udfs.model import Check, Computed, CsvField, Meaning, UnifiedMeasurement, Value
from udfs.product import ProductSpec
from udfs.row import number_text

Unified = Mapping[str, Mapping[str, UnifiedMeasurement]]
"""By domain, its measurements by each of their names."""

_SHOWN_COLUMNS: Final = 4
_MAY_FAIL: Final = ("decimal", "hex", "iso8601", "datetime", "bcd", "digits")
"""Types that not every piece of a payload is a value of."""

_DONE: Final = {"reject": "refused", "warn": "kept with a warning", "clamp": "clamped to the bound"}


@dataclass(frozen=True)
class Rule:
    """One check of the contract and what becomes of a payload that fails it."""

    check: str
    consequence: str


@dataclass(frozen=True)
class ColumnPlace:
    """The columns of a typed view that a field fills: one, or a range of them."""

    view: str
    first: str
    last: str = ""
    count: int = 1


@dataclass(frozen=True)
class FieldRow:
    """A field as the page tells it; texts may hold code in backticks."""

    name: str
    colour: int
    doc: str
    is_hidden: bool
    trail: tuple[str, ...]
    place: str
    type: str
    facts: tuple[str, ...]
    formula: str
    labels: tuple[tuple[str, str], ...]
    labels_heading: str
    absent: tuple[tuple[str, str], ...]
    unit: str
    stored_unit: str
    rules: tuple[Rule, ...]
    columns: tuple[ColumnPlace, ...]
    is_time: bool = False


def field_row(place: FieldPlace, product: ProductSpec, unified: Unified, palette: Palette) -> FieldRow:
    """The row of a field that stands at a place of a layout, or is computed."""
    spec = place.spec
    name = str(spec.name)  # type: ignore[attr-defined]
    columns = place.field.columns
    labels, heading = _labels(spec)
    said = columns[0].doc if columns and not spec.flags else ""
    known = unified.get(columns[0].domain if columns else spec.domain or product.domain, {}).get(name)
    return FieldRow(
        name=name,
        colour=palette.colour(name),
        doc=spec.doc or said,
        is_hidden=spec.hidden,
        trail=place.trail,
        place=place.place,
        type=spec.type or ("" if isinstance(spec, Computed) else "unsigned"),
        facts=tuple(_facts(spec, place.little)),
        formula=_formula(spec),
        labels=labels,
        labels_heading=heading,
        absent=_absent(spec),
        unit=spec.unit or "",
        stored_unit=next((column.unit for column in columns if column.unit), ""),
        rules=tuple(_rules(spec, known)),
        columns=tuple(_column_places(columns, product.product)),
        is_time=name == product.document.event_time.field,
    )


def _facts(spec: Meaning, little: bool) -> Iterable[str]:
    """What else there is to the type."""
    if little:
        yield "low byte first"
    for key in ("format", "template", "zone", "epoch", "digits", "decimals", "default"):
        value = getattr(spec, key)
        if value is not None:
            yield f"{key} `{_scalar(value)}`"
    if spec.type == "datetime" and spec.coding != "text":
        yield f"coding {spec.coding}"
    if spec.type == "datetime" and spec.zone is None and not spec.zones:
        yield "UTC"
    for letter, offset in (spec.zones or {}).items():
        yield f"`{letter}` is {offset}"
    if isinstance(spec, Value) and spec.encoding != "ascii":
        yield spec.encoding
    if isinstance(spec, CsvField) and spec.quoted:
        yield "written in quotes"


def _formula(spec: Meaning) -> str:
    """How a raw value becomes the value in the payload's unit, empty where it is it."""
    if isinstance(spec, Computed):
        return f"`{spec.compute}`"
    times = "" if spec.scale is None else f" × {spec.scale if isinstance(spec.scale, str) else number_text(spec.scale)}"
    plus = "" if not spec.offset else f" {'−' if spec.offset < 0 else '+'} {number_text(abs(spec.offset))}"
    return f"raw{times}{plus}".replace(" ", "\N{NO-BREAK SPACE}") if times or plus else ""


def _labels(spec: Meaning) -> tuple[tuple[tuple[str, str], ...], str]:
    if spec.flags is not None:
        return tuple((f"bit {bit}", name) for bit, name in spec.flags.items()), "flags, each true or false"
    labels = [(visible(raw) or "empty", label) for raw, label in (spec.enum or {}).items()]
    return tuple(labels + ([("any other", spec.else_)] if spec.else_ is not None else [])), "labels"


def _absent(spec: Meaning) -> tuple[tuple[str, str], ...]:
    """Raw values that mean no reading, each with why."""
    if isinstance(spec.absent, dict):
        return tuple(spec.absent.items())
    return tuple((_scalar(raw), "") for raw in spec.absent or ())


def _rules(spec: Meaning, unified: UnifiedMeasurement | None) -> Iterable[Rule]:
    def rule(text: str, check: Check) -> Rule:
        return Rule(text, _DONE[on_violation(spec, check)])

    if spec.required:
        yield rule("required", "required")
    if spec.range is not None:
        yield rule(_range_text(spec.range, spec.unit or ""), "range")
    elif unified is not None and unified.range is not None and not spec.hidden:
        yield Rule(f"{_range_text(unified.range, unified.unit)}, the domain's range", _DONE["warn"])
    if spec.enum is not None and spec.else_ is None:
        yield rule("one of the labels", "enum")
    if spec.pattern is not None:
        yield rule(f"matches `{spec.pattern}`", "pattern")
    if spec.max_step is not None:
        yield rule(f"at most {number_text(spec.max_step)} from the reading before", "max_step")
    if spec.monotonic is not None:
        yield rule(f"{spec.monotonic} only", "monotonic")
    if spec.equals is not None:
        yield Rule(f"equals `{spec.equals}`", _DONE["reject"])
    if spec.type in _MAY_FAIL and on_violation(spec, "type") != "reject":
        yield Rule("is of its type", "no reading, with a warning")


def _range_text(bounds: Sequence[float | None], unit: str) -> str:
    low, high = (None if bound is None else number_text(bound).replace("-", "−") for bound in bounds)
    if low is None or high is None:
        text = f"at most {high}" if low is None else f"at least {low}"
    else:
        text = f"{low} to {high}"
    return text if unit in ("", "1") else f"{text} {unit}"


def _column_places(columns: Sequence[Column], product: str) -> Iterable[ColumnPlace]:
    if len(columns) > _SHOWN_COLUMNS:
        first, last = columns[0], columns[-1]
        view = view_name(product, first.domain)
        yield ColumnPlace(view, column_name(first.name), column_name(last.name), len(columns))
        return
    for column in columns:
        yield ColumnPlace(view_name(product, column.domain), column_name(column.name))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else visible(str(value))
