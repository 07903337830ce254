"""The contract of a field and of a message's time: what is plausible, and what becomes of a reading that is not."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from udfs.errors import DecodeError
from udfs.model import EventTime, OnViolation
from udfs.row import Row, number_text
from udfs.timestamps import iso_text

Violated = Callable[[float, Row], float]


@dataclass(frozen=True)
class Limits:
    """A closed range and what to do outside of it."""

    low: float = -inf
    high: float = inf
    on_violation: OnViolation = "reject"


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


@dataclass(frozen=True)
class TimePolicy:
    """When an event time cannot be right; a future one would hold back every later message of the stream."""

    field: str = ""
    max_future_s: int = 300
    max_age_s: int = 30 * 86400
    on_future: str = "reject"

    def judge(self, event_time: int, received_at: int, quality: list[str]) -> int:
        """The event time to use; warns about an old one, raises DecodeError timestamp_future."""
        if event_time > received_at + self.max_future_s * 1000:
            return self._future(event_time, received_at, quality)
        if event_time < received_at - self.max_age_s * 1000:
            quality.append(
                f"timestamp_old: {_time_text(event_time)} is more than {self.max_age_s} s before received_at"
            )
        return event_time

    def _future(self, event_time: int, received_at: int, quality: list[str]) -> int:
        text = f"{_time_text(event_time)} is more than {self.max_future_s} s after received_at"
        if self.on_future == "reject":
            raise DecodeError("timestamp_future", text, field=self.field)
        quality.append(f"timestamp_future: {text}, received_at is used")
        return received_at


def time_policy(domain: EventTime, product: EventTime) -> TimePolicy:
    """The product's rules where it states some, else the domain's, else 5 minutes ahead and 30 days back."""
    default = TimePolicy()
    return TimePolicy(
        field=product.field or default.field,
        max_future_s=_first(product.max_future_s, domain.max_future_s, default.max_future_s),
        max_age_s=_first(product.max_age_s, domain.max_age_s, default.max_age_s),
        on_future=product.on_future or domain.on_future or default.on_future,
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
