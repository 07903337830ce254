"""The contract of a field, of a message and of its time: what is plausible, and what becomes of what is not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from udfs.document import Place
from udfs.errors import DecodeError
from udfs.expression import Expression, ExpressionError, ExpressionFault, compile_expression
from udfs.model import Check, CrossCheck, EventTime, Meaning, OnViolation
from udfs.row import Row, number_text
from udfs.timestamps import iso_text

Violated = Callable[[float, Row], float]


@dataclass(frozen=True)
class Limits:
    """A closed range and what to do outside of it."""

    low: float = -inf
    high: float = inf
    on_violation: OnViolation = "reject"


def on_violation(spec: Meaning, check: Check) -> OnViolation:
    """What the spec says of a check; a missing required field is refused unless it is named."""
    stated = spec.on_violation
    if isinstance(stated, dict):
        return stated.get(check, "reject")
    return "reject" if stated is None or check == "required" else stated


def on_range_violation(name: str, limits: Limits) -> Violated:
    """What a reading outside `limits` turns into: itself or the bound, with a warning, or DecodeError out_of_range."""

    def reject(value: float, row: Row) -> float:
        raise DecodeError("out_of_range", _range_text(name, value, limits), field=name)

    def warn(value: float, row: Row) -> float:
        row.quality.append(f"out_of_range: {_range_text(name, value, limits)}")
        return value

    def clamp(value: float, row: Row) -> float:
        bound = limits.low if value < limits.low else limits.high
        row.quality.append(f"out_of_range: {_range_text(name, value, limits)}, clamped to {number_text(bound)}")
        return bound

    return {"reject": reject, "warn": warn, "clamp": clamp}[limits.on_violation]


def on_unknown_label(name: str, known: list[str], on_violation: OnViolation) -> Callable[[object, Row], str]:
    """What a raw value outside an enum turns into: its own text with a warning, or DecodeError not_allowed."""
    expected = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")

    def reject(raw: object, row: Row) -> str:
        raise DecodeError("not_allowed", f"{name} {raw} is none of {expected}", field=name)

    def warn(raw: object, row: Row) -> str:
        row.quality.append(f"not_allowed: {name} {raw} is none of {expected}")
        return str(raw)

    return reject if on_violation == "reject" else warn


def compile_pattern(name: str, spec: Meaning, place: Place) -> Callable[[str, Row], None]:
    """The check of a text against the field's regular expression; raises SpecError."""
    try:
        whole = re.compile(spec.pattern or "")
    except re.error as fault:
        raise (place / "pattern").error(f"no regular expression: {fault}") from None
    rejects = on_violation(spec, "pattern") == "reject"

    def check(text: str, row: Row) -> None:
        if whole.fullmatch(text):
            return
        message = f"{name} {text[:24]!r} does not match {whole.pattern}"
        if rejects:
            raise DecodeError("not_allowed", message, field=name)
        row.quality.append(f"not_allowed: {message}")

    return check


def report_missing(name: str, spec: Meaning, row: Row, detail: str = "") -> None:
    """A required reading is absent: a warning, or DecodeError missing_field."""
    message = f"{name} is required{detail}"
    if on_violation(spec, "required") == "reject":
        raise DecodeError("missing_field", message, field=name)
    row.quality.append(f"missing_field: {message}")


def report_bad_value(name: str, spec: Meaning, row: Row, fault: str) -> None:
    """What stands there is no value of the type: a warning and no reading, or DecodeError bad_value."""
    message = f"{name}: {fault}"
    if on_violation(spec, "type") == "reject":
        raise DecodeError("bad_value", message, field=name)
    row.quality.append(f"bad_value: {message}")


@dataclass(frozen=True)
class MessageCheck:
    """A cross-field check; it holds where a field that it names is absent."""

    holds: Expression
    message: str
    rejects: bool

    def judge(self, row: Row) -> None:
        """Warns, or raises DecodeError check_failed."""
        if evaluate(self.holds, row.values, "check") is not False:
            return
        if self.rejects:
            raise DecodeError("check_failed", self.message)
        row.quality.append(f"check_failed: {self.message}")


def compile_check(spec: CrossCheck, place: Place) -> MessageCheck:
    """The check at `place`; raises SpecError."""
    holds = expression(spec.check, place / "check")
    return MessageCheck(holds, spec.message or f"{spec.check} does not hold", spec.on_violation == "reject")


def expression(text: str, place: Place) -> Expression:
    """The expression that stands at `place`; raises SpecError."""
    try:
        return compile_expression(text)
    except ExpressionError as error:
        raise place.error(f"{error.message} (character {error.column + 1} of the expression)") from error


def evaluate(expression: Expression, values: Mapping[str, Any], name: str) -> Any:
    """The expression's value; a fault is the payload's, as DecodeError bad_value."""
    try:
        return expression.evaluate(values)
    except ExpressionFault as fault:
        raise DecodeError("bad_value", f"{name}: {expression.text}: {fault}", field=name) from None


@dataclass(frozen=True)
class TimePolicy:
    """When an event time cannot be right; a future one would hold back every later message of the stream."""

    field: str = ""
    max_future_s: int = 300
    max_age_s: int = 30 * 86400
    on_future: str = "reject"
    on_old: str = "warn"

    def judge(self, event_time: int, received_at: int, quality: list[str]) -> int:
        """The event time to use; raises DecodeError timestamp_future or timestamp_old where that is to be refused."""
        if event_time > received_at + self.max_future_s * 1000:
            text = f"{_time_text(event_time)} is more than {self.max_future_s} s after received_at"
            return self._violated("timestamp_future", self.on_future, text, event_time, received_at, quality)
        if event_time < received_at - self.max_age_s * 1000:
            text = f"{_time_text(event_time)} is more than {self.max_age_s} s before received_at"
            return self._violated("timestamp_old", self.on_old, text, event_time, received_at, quality)
        return event_time

    def _violated(
        self, reason: str, consequence: str, text: str, event_time: int, received_at: int, quality: list[str]
    ) -> int:
        if consequence == "reject":
            raise DecodeError(reason, text, field=self.field)
        clamped = consequence == "clamp"
        quality.append(f"{reason}: {text}{', received_at is used' if clamped else ''}")
        return received_at if clamped else event_time


def time_policy(domain: EventTime, product: EventTime) -> TimePolicy:
    """The product's rules where it states some, else the domain's, else 5 minutes ahead and 30 days back."""
    default = TimePolicy()
    return TimePolicy(
        field=product.field or default.field,
        max_future_s=_first(product.max_future_s, domain.max_future_s, default.max_future_s),
        max_age_s=_first(product.max_age_s, domain.max_age_s, default.max_age_s),
        on_future=product.on_future or domain.on_future or default.on_future,
        on_old=product.on_old or domain.on_old or default.on_old,
    )


def _first(*choices: int | None) -> int:
    return next(choice for choice in choices if choice is not None)


def _time_text(ms: int) -> str:
    try:
        return iso_text(ms)
    except ValueError:
        return f"{ms} ms"


def _range_text(name: str, value: float, limits: Limits) -> str:
    side, bound = ("below", limits.low) if value < limits.low else ("above", limits.high)
    return f"{name} {number_text(value)} {side} {number_text(bound)}"
