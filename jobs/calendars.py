"""Calendars: when a rule is in force and when an operator hears of its alarms, by master data and in event time.

A schedule (working hours, in the time zone of the site) and a maintenance window say that a rule does not judge; a
silence says that its alarms are kept, but nobody is notified. Rows of master data come in any order and more than once;
the newest version of a row holds.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from jobs.episodes import Observation
from jobs.rules import Rule, Schedule
from udfs.masters import MasterChange

MASTERS: Final = ("site", "schedule", "maintenance_window", "silence")
"""The master tables that calendars are made of."""

SCOPES: Final = ("product", "customer", "site", "device")
"""From the widest to the narrowest, which wins where several state a schedule."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_log = logging.getLogger(__name__)


class Calendars:
    """The calendars that master data states; made anew from all rows after a change, since they are few."""

    def __init__(self, rows: Iterable[MasterChange] = ()) -> None:
        self._rows: dict[tuple[str, str], MasterChange] = {}
        self._zones: dict[str, tzinfo] = {}
        for change in rows:
            self.apply(change)

    def apply(self, change: MasterChange) -> bool:
        """Take a change over unless a newer version of its row is known; True if it was taken."""
        key = change.master, change.key
        known = self._rows.get(key)
        if change.master not in MASTERS or (known is not None and known.version > change.version):
            return False
        self._rows[key] = change
        if change.master == "site":
            self._zones[change.key] = _zone(change)
        return True

    def in_force(self, rule: Rule, observation: Observation) -> bool:
        """Whether `rule` judges what it observed at that time."""
        if any(True for _ in self._open("maintenance_window", rule, observation, observation.event_time)):
            return False
        schedule = self._schedule(rule, observation)
        if schedule is None:
            return True
        zone = self._zones.get(observation.site_id or "", UTC)
        return _is_open(schedule, datetime.fromtimestamp(observation.event_time / 1000, zone))

    def silence(self, rule: Rule, observation: Observation, at: int) -> str | None:
        """Why nobody is notified at event time `at`, or None."""
        for row in self._open("silence", rule, observation, at):
            if row.columns.get("rule") in (None, "", rule.name):
                return f"silence {row.key} until {row.columns.get('ends_at')}: {row.columns.get('reason', '')}"
        return None

    def _open(self, master: str, rule: Rule, observation: Observation, at: int) -> Iterator[MasterChange]:
        """The rows of `master` whose time and scope hold."""
        for row in self._standing(master):
            columns = row.columns
            if _holds_for(columns, rule, observation):
                starts, ends = columns.get("starts_at"), columns.get("ends_at")
                if (starts is None or _epoch_ms(starts) <= at) and (ends is None or at < _epoch_ms(ends)):
                    yield row

    def _schedule(self, rule: Rule, observation: Observation) -> Schedule | None:
        """The rule's own schedule, or what master data states by its name for the narrowest scope."""
        own = rule.header.schedule
        if own is None:
            return None
        stated = [
            row.columns
            for row in self._standing("schedule")
            if row.columns.get("schedule_name") == own.name and _holds_for(row.columns, rule, observation)
        ]
        narrowest = max(stated, key=lambda columns: SCOPES.index(columns["scope"]), default=None)
        if narrowest is None:
            return own
        return Schedule(own.name, *(narrowest.get(name, getattr(own, name)) for name in ("days", "opens", "closes")))

    def _standing(self, master: str) -> Iterator[MasterChange]:
        return (row for (table, _), row in self._rows.items() if table == master and not row.deleted)


def _holds_for(columns: dict[str, str], rule: Rule, observation: Observation) -> bool:
    ids = {
        "product": rule.product,
        "customer": observation.customer_id,
        "site": observation.site_id,
        "device": observation.device_id,
    }
    return columns.get("scope") in ids and ids[columns["scope"]] == columns.get("scope_id")


def _is_open(schedule: Schedule, moment: datetime) -> bool:
    """Hours that close before they open go on over midnight and belong to the day on which they opened."""
    opens, closes = time.fromisoformat(schedule.opens), time.fromisoformat(schedule.closes)
    days, today, now = weekdays(schedule.days), moment.weekday(), moment.time()
    if opens < closes:
        return today in days and opens <= now < closes
    return (today in days and now >= opens) or ((today - 1) % 7 in days and now < closes)


def weekdays(text: str) -> frozenset[int]:
    """`mon-fri,sun` → {0, 1, 2, 3, 4, 6}; a span may go over the week's end."""
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        days.update((start + offset) % 7 for offset in range((end - start) % 7 + 1))
    return frozenset(days)


def _epoch_ms(text: str) -> int:
    """Times without a zone are UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _zone(site: MasterChange) -> tzinfo:
    name = site.columns.get("time_zone")
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        _log.warning("site %s has no known time zone (`%s`): its schedules go by UTC", site.key, name)
        return UTC
