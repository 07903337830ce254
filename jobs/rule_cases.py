"""Timed cases of rules: what a test file says → messages in the order of their arrival, and the alarms expected.

Time counts from zero. A case has the readings of devices as series, and the changes of alarms that they should make; an
empty list says that nothing is raised. This part is pure; jobs.rule_case_files reads it, jobs.rule_runner runs it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from jobs.durations import Duration, duration_ms
from jobs.rules import Clock, Days, Rule, Severity
from jobs.series_expression import expand
from udfs.catalog import Catalog
from udfs.masters import MasterChange
from udfs.product import ProductSpec

ZERO: Final = 1_767_571_200_000
"""Time zero of the first case: Monday 2026-01-05, midnight UTC. Windows and hours in a rule have a known place so."""

MARK: Final = "operator mark"
"""In the place of a product: messages by which a case says what operators do."""

_WEEK: Final = 7 * 86_400_000

Name = Annotated[str, Meta(min_length=1)]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Readings of one device, `every` apart from `start` on; a null is a value that did not come.

    A list of numbers may be a text such as `20+0.5x30 @10 s` (jobs.series_expression). `product`: where it is not the
    rule's own. `late`: time of a reading → time at which it arrives.
    """

    device: Name
    product: str = ""
    customer: str = ""
    site: str = ""
    start: Duration = "0 s"
    every: Duration = "10 s"
    measurements: dict[str, list[float | None] | str] = {}
    attributes: dict[str, list[str | bool | None]] = {}
    late: dict[Duration, Duration] = {}

    @property
    def values(self) -> dict[str, list[float | None]]:
        """The measurements, texts expanded; raises ValueError."""
        return {
            name: expand(said).values if isinstance(said, str) else said for name, said in self.measurements.items()
        }

    @property
    def every_ms(self) -> int:
        """Milliseconds between two readings: what an expression says, else `every`."""
        stated = [expand(said).every_ms for said in self.measurements.values() if isinstance(said, str)]
        return next((every for every in stated if every is not None), duration_ms(self.every))

    @property
    def num_steps(self) -> int:
        columns: list[Sequence[object]] = [*self.values.values(), *self.attributes.values()]
        return max((len(column) for column in columns), default=0)

    @property
    def times(self) -> range:
        """The times of the readings, milliseconds from the case's zero."""
        start, every = duration_ms(self.start), self.every_ms
        return range(start, start + self.num_steps * every, every)

    @property
    def arrivals(self) -> dict[int, int]:
        """Time of a late reading → time of its arrival, both in milliseconds."""
        return {duration_ms(time): duration_ms(arrival) for time, arrival in self.late.items()}


class ExpectedAlarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change of an alarm's state; `at` is event time, `value` and `severity` are compared where they stand."""

    at: Duration
    device: Name
    state: Literal["raised", "escalated", "acknowledged", "cleared"]
    value: float | None = None
    severity: Severity | None = None


class ExpectedNotification(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What operators are told of the rule's alarms; `because` is a part of the reason."""

    at: Duration
    state: Literal["sent", "updated", "resolved", "suppressed"]
    alarms: int = 1
    because: str = ""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator says `at` some time of the device's alarm."""

    at: Duration
    device: Name
    mark: Literal["acknowledged", "false_alarm", "closed"]


class SiteRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A site of the case."""

    site_id: Name
    time_zone: Name


class Scoped(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For whom a row of a calendar holds."""

    scope: Literal["product", "customer", "site", "device"]
    scope_id: Name


class ScheduleRow(Scoped, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Other hours than the rule's own."""

    schedule_name: Name
    days: Days
    opens: Clock
    closes: Clock


class WindowRow(Scoped, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A maintenance window, in times of the case."""

    starts_at: Duration
    ends_at: Duration


class SilenceRow(WindowRow, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A silence, in times of the case."""

    rule: str = ""
    reason: str = ""


class CaseMasters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows of the master tables that calendars are made of; they stand from the beginning."""

    site: list[SiteRow] = []
    schedule: list[ScheduleRow] = []
    maintenance_window: list[WindowRow] = []
    silence: list[SilenceRow] = []


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case; `limits`: device → limit → value, where it is not the default of the rule's header.

    Notifications are compared where they are stated.
    """

    name: Name
    series: Annotated[list[Series], Meta(min_length=1)]
    limits: dict[str, dict[str, float]] = {}
    masters: CaseMasters = CaseMasters()
    marks: list[Mark] = []
    alarms: list[ExpectedAlarm]
    notifications: list[ExpectedNotification] | None = None


class RuleTests(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A test file."""

    cases: Annotated[list[Case], Meta(min_length=1)]


class CaseMessage(NamedTuple):
    """A message as decode and enrich would give it: the columns of jobs.rows.MESSAGE."""

    message_id: str
    domain: str
    product: str
    device_id: str
    event_time: int
    received_at: int
    spec_version: int
    measurements: dict[str, float]
    attributes: dict[str, str]
    quality: list[str]
    firmware: str | None
    customer_id: str | None
    site_id: str | None
    limits: dict[str, float]


class AlarmChange(NamedTuple):
    """A change of an alarm's state, expected or seen; `at` is milliseconds from the case's zero."""

    at: int
    device: str
    state: str
    value: float | None
    severity: str | None = None


class Told(NamedTuple):
    """A notification, expected or seen; `at` is milliseconds from the case's zero."""

    at: int
    state: str
    alarms: int
    reason: str


@dataclass(frozen=True)
class PlannedCase:
    """A case at its place in a run.

    Cases run one after the other in event time, each from its own zero on and with devices of its own, so that none
    sees another's readings and lateness counts within a case.
    """

    rule: Rule
    case: Case
    number: int
    zero: int

    def own(self, name: str) -> str:
        """The id of a device, site or customer in the run, where each case has its own."""
        return f"case{self.number}:{name}"

    @property
    def expected(self) -> list[AlarmChange]:
        return in_order(
            [AlarmChange(duration_ms(a.at), a.device, a.state, a.value, a.severity) for a in self.case.alarms]
        )

    @property
    def expected_notifications(self) -> list[Told]:
        return sorted(Told(duration_ms(n.at), n.state, n.alarms, n.because) for n in self.case.notifications or [])


def plan_cases(cases: Sequence[tuple[Rule, Case]]) -> list[PlannedCase]:
    """The cases in the order in which they run; each has a week of its own, or more where it is longer."""
    planned = []
    zero = ZERO
    for number, (rule, case) in enumerate(cases):
        planned.append(PlannedCase(rule, case, number, zero))
        zero += _WEEK * (1 + _length(case) // _WEEK)
    return planned


def case_messages(
    planned: PlannedCase, catalog: Catalog, default_limits: Mapping[str, Mapping[str, float]]
) -> list[CaseMessage]:
    """The messages of a case in the order in which they arrive; `default_limits` by product."""
    messages: list[CaseMessage] = []
    for series in planned.case.series:
        spec = catalog.products[series.product or planned.rule.product]
        overrides = planned.case.limits.get(series.device, {})
        limits = {**default_limits.get(spec.product, {}), **overrides}
        messages += _series_messages(planned, series, spec, limits)
    for mark in planned.case.marks:
        at = planned.zero + duration_ms(mark.at)
        messages.append(mark_message(planned.rule.name, planned.own(mark.device), at, mark.mark))
    return sorted(messages, key=lambda message: message.received_at)


def mark_message(rule: str, device_id: str, at: int, mark: str) -> CaseMessage:
    """What an operator says of the device's alarm that is open or was the last; it comes like messages do."""
    return CaseMessage(
        message_id=f"mark:{rule}:{device_id}:{at}",
        domain="control",
        product=MARK,
        device_id=device_id,
        event_time=at,
        received_at=at,
        spec_version=0,
        measurements={},
        attributes={"rule": rule, "mark": mark},
        quality=[],
        firmware=None,
        customer_id=None,
        site_id=None,
        limits={},
    )


def case_master_data(planned: PlannedCase) -> list[MasterChange]:
    """The rows of a case's calendars, with ids and times of the run."""
    changes = []
    for table, rows in msgspec.to_builtins(planned.case.masters).items():
        for number, row in enumerate(rows):
            columns = {name: _master_value(planned, row, name) for name in row}
            key = columns.get("site_id", f"{planned.number}.{number}")
            changes.append(MasterChange(table, key, columns, 0, False))
    return changes


def _master_value(planned: PlannedCase, row: Mapping[str, str], name: str) -> str:
    if name in ("starts_at", "ends_at"):
        return datetime.fromtimestamp((planned.zero + duration_ms(row[name])) / 1000, UTC).isoformat()
    own_id = name in ("scope_id", "site_id") and row.get("scope") != "product"
    return planned.own(row[name]) if own_id else row[name]


def notifications_differ(expected: Sequence[Told], got: Sequence[Told]) -> bool:
    return len(expected) != len(got) or not all(map(same_notification, expected, got))


def same_notification(expected: Told, got: Told) -> bool:
    return expected[:3] == got[:3] and expected.reason in got.reason


def differs(expected: Sequence[AlarmChange], got: Sequence[AlarmChange]) -> bool:
    return len(expected) != len(got) or not all(map(matches, expected, got))


def matches(expected: AlarmChange, got: AlarmChange) -> bool:
    """Whether `got` is the change that was expected; a value counts only where one is expected."""
    same_value = expected.value is None or (got.value is not None and math.isclose(expected.value, got.value))
    same_severity = expected.severity in (None, got.severity)
    return expected[:3] == got[:3] and same_value and same_severity


def in_order(changes: Sequence[AlarmChange]) -> list[AlarmChange]:
    """By time and device; of two changes at one time the old alarm is cleared before the new one is raised."""
    order = ("acknowledged", "cleared", "raised", "escalated")
    return sorted(changes, key=lambda change: (change.at, change.device, order.index(change.state)))


def _length(case: Case) -> int:
    """Milliseconds up to the last reading or arrival of a case."""
    return max(max([*series.times, *series.arrivals.values()], default=0) for series in case.series)


def _series_messages(
    planned: PlannedCase, series: Series, spec: ProductSpec, limits: dict[str, float]
) -> Iterator[CaseMessage]:
    device_id, arrivals, values = planned.own(series.device), series.arrivals, series.values
    for step, time in enumerate(series.times):
        measurements, attributes = _readings(values, step), _readings(series.attributes, step)
        if measurements or attributes:
            yield CaseMessage(
                message_id=f"{device_id}:{spec.product}:{time}",
                domain=spec.domain,
                product=spec.product,
                device_id=device_id,
                event_time=planned.zero + time,
                received_at=planned.zero + arrivals.get(time, time),
                spec_version=spec.version,
                measurements={name: float(value) for name, value in measurements.items()},
                attributes={name: _attribute(value) for name, value in attributes.items()},
                quality=[],
                firmware=None,
                customer_id=planned.own(series.customer) if series.customer else None,
                site_id=planned.own(series.site) if series.site else None,
                limits=limits,
            )


def _readings(columns: Mapping[str, Sequence[Any]], step: int) -> dict[str, Any]:
    values = {name: column[step] for name, column in columns.items()}
    return {name: value for name, value in values.items() if value is not None}


def _attribute(value: str | bool) -> str:
    """Decoding gives truth values as texts."""
    return str(value).lower() if isinstance(value, bool) else value
