"""The contract between a device's readings: largest steps and counters that may only rise or fall.

A reading is judged against the newest one before it. What comes late is not judged, and after a start the first
reading of a device has nothing to be judged against.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from udfs.errors import DecodeError
from udfs.model import OnViolation
from udfs.row import Row, number_text

MAX_DEVICES: Final = 100_000
"""Devices remembered by one decoder; the one not heard of for longest is forgotten first."""


class StepRule(NamedTuple):
    """What may lie between two readings of a measurement; `domain` is empty for the product's own."""

    domain: str
    name: str
    max_step: float | None
    monotonic: Literal["rising", "falling"] | None
    on_max_step: OnViolation
    on_monotonic: OnViolation


class Reading(NamedTuple):
    """A value at an event time in epoch ms."""

    time: int
    value: float


class Predecessors:
    """The newest reading of each device and measurement that has a rule."""

    def __init__(self) -> None:
        self._devices: OrderedDict[tuple[str, str], dict[str, Reading]] = OrderedDict()

    def judge(self, product: str, device: str, rules: Sequence[StepRule], row: Row, time: int) -> None:
        """Judges the row's readings and remembers them, also those it refuses: a jump is reported once.

        Raises DecodeError bad_step.
        """
        newest = self._of(product, device)
        fault: DecodeError | None = None
        for rule in rules:
            value = row.measurements.get(rule.name) if rule.domain == row.domain else None
            before = newest.get(rule.name)
            if value is None or (before is not None and time <= before.time):
                continue
            newest[rule.name] = Reading(time, value)
            if before is not None:
                try:
                    row.measurements[rule.name] = _judge(rule, before.value, value, row)
                except DecodeError as error:
                    fault = fault or error
        if fault is not None:
            raise fault

    def _of(self, product: str, device: str) -> dict[str, Reading]:
        key = product, device
        if key in self._devices:
            self._devices.move_to_end(key)
        elif len(self._devices) >= MAX_DEVICES:
            self._devices.popitem(last=False)
        return self._devices.setdefault(key, {})


def _judge(rule: StepRule, before: float, value: float, row: Row) -> float:
    """The value to keep, with a warning where one is due; raises DecodeError bad_step."""
    step = value - before
    if (rule.monotonic == "rising" and step < 0) or (rule.monotonic == "falling" and step > 0):
        text = f"{rule.name} {number_text(value)} after {number_text(before)}, it may only be {rule.monotonic}"
        return _violated(rule, rule.on_monotonic, text, value, before, row)
    if rule.max_step is not None and abs(step) > rule.max_step:
        largest = f"a step of {number_text(rule.max_step)} is the largest"
        text = f"{rule.name} {number_text(value)} after {number_text(before)}, {largest}"
        bound = before + (rule.max_step if step > 0 else -rule.max_step)
        return _violated(rule, rule.on_max_step, text, value, bound, row)
    return value


def _violated(rule: StepRule, consequence: OnViolation, text: str, value: float, bound: float, row: Row) -> float:
    if consequence == "reject":
        raise DecodeError("bad_step", text, field=rule.name)
    if consequence == "warn":
        row.quality.append(f"bad_step: {text}")
        return value
    row.quality.append(f"bad_step: {text}, clamped to {number_text(bound)}")
    return bound
