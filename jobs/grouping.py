"""Grouping: the pure part of notifications. Alarms of one site, in event-time order → what an operator is told.

Alarms of one rule at a site that come together are one notification. It waits a while, so that an alarm that explains
them (a power cut of the site) can come first and inhibit them. Whoever is not told of an alarm finds out why: each
alarm that nobody was notified of has a notification of state `suppressed` with the reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final, NamedTuple

from jobs.durations import duration_text
from jobs.episodes import SEVERITIES

NAMED_ALARMS: Final = 100
"""A notification counts all of its alarms and names so many."""


class Alarm(NamedTuple):
    """A change of an alarm's state at event time `at`; `muted_by` says which silence holds."""

    alarm_id: str
    rule: str
    severity: str
    state: str
    device_id: str
    at: int
    muted_by: str | None


class Notification(NamedTuple):
    """What is told: sent, updated (more alarms or a higher severity), resolved; or suppressed, and why."""

    notification_id: str
    state: str
    at: int
    rule: str
    severity: str
    num_alarms: int
    alarm_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Group:
    """The alarms of one rule that were told together; `open` are those that are not over."""

    notification_id: str
    rule: str
    severity: str
    told: tuple[str, ...]
    num_alarms: int
    open: frozenset[str]
    updated_at: int


@dataclass
class SiteState:
    """What is kept of one site."""

    pending: list[Alarm] = field(default_factory=list)
    """Changes that event time has not passed yet."""
    open: dict[str, Alarm] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    """Alarm → event time at which it is told, unless it is over or inhibited by then."""
    inhibited: dict[str, str] = field(default_factory=dict)
    """Alarm → the alarm that explains it."""
    groups: dict[str, Group] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.pending or self.open or self.groups)


@dataclass
class SiteNotifier:
    """Decides what is told of one site; `inhibited_by` maps a rule to those whose open alarms explain its alarms.

    `wait` is how long an alarm waits for others, `update_every` how often a notification changes at most; milliseconds.
    """

    state: SiteState
    inhibited_by: Mapping[str, tuple[str, ...]]
    wait: int = 30_000
    update_every: int = 300_000

    def add(self, alarm: Alarm) -> None:
        self.state.pending.append(alarm)

    def advance(self, now: int) -> list[Notification]:
        """What is told up to event time `now`, in order."""
        due = sorted((a for a in self.state.pending if a.at <= now), key=lambda a: (a.at, a.alarm_id, a.state))
        self.state.pending = [a for a in self.state.pending if a.at > now]
        told: list[Notification] = []
        for alarm in due:
            told += self._pass_time(alarm.at)
            told += self._observe(alarm)
        return [*told, *self._pass_time(now + 1)]

    def next_time(self) -> int | None:
        return min([*(alarm.at for alarm in self.state.pending), *self.state.waiting.values()], default=None)

    def _observe(self, alarm: Alarm) -> Iterator[Notification]:
        if alarm.state == "cleared":
            yield from self._over(alarm)
            return
        self.state.open[alarm.alarm_id] = alarm
        if alarm.state == "raised":
            if alarm.muted_by is None:
                self.state.waiting[alarm.alarm_id] = self._due(alarm.rule, alarm.at)
            else:
                yield _suppressed(alarm, alarm.at, alarm.muted_by)
        elif alarm.state == "escalated":
            yield from self._graver(alarm)

    def _due(self, rule: str, at: int) -> int:
        """When an alarm of `at` is told: with those of its rule that wait already, else after a wait of its own."""
        others = [due for other, due in self.state.waiting.items() if self.state.open[other].rule == rule]
        if others:
            return min(others)
        group = self.state.groups.get(rule)
        return max(at + self.wait, 0 if group is None else group.updated_at + self.update_every)

    def _graver(self, alarm: Alarm) -> Iterator[Notification]:
        group = self.state.groups.get(alarm.rule)
        if group is not None and alarm.alarm_id in group.open:
            severity = max(group.severity, alarm.severity, key=SEVERITIES.index)
            self.state.groups[alarm.rule] = group = replace(group, severity=severity, updated_at=alarm.at)
            yield _of_group(group, "updated", alarm.at, f"escalated to {severity}")

    def _over(self, alarm: Alarm) -> Iterator[Notification]:
        state = self.state
        state.open.pop(alarm.alarm_id, None)
        if state.waiting.pop(alarm.alarm_id, None) is not None:
            yield _suppressed(alarm, alarm.at, f"over within {duration_text(self.wait)}")
        state.inhibited.pop(alarm.alarm_id, None)
        for explained in [one for one, by in state.inhibited.items() if by == alarm.alarm_id]:
            del state.inhibited[explained]
            state.waiting[explained] = self._due(state.open[explained].rule, alarm.at)
        group = state.groups.get(alarm.rule)
        if group is None or alarm.alarm_id not in group.open:
            return
        group = replace(group, open=group.open - {alarm.alarm_id})
        state.groups[alarm.rule] = group
        if not group.open:
            del state.groups[alarm.rule]
            yield _of_group(group, "resolved", alarm.at, "all alarms are over")

    def _pass_time(self, time: int) -> Iterator[Notification]:
        """What is due before `time`: moment by moment, the alarms of a rule together."""
        while (at := min(self.state.waiting.values(), default=time)) < time:
            due = [self.state.open[alarm_id] for alarm_id, due in self.state.waiting.items() if due == at]
            told: dict[str, list[Alarm]] = {}
            for alarm in sorted(due):
                del self.state.waiting[alarm.alarm_id]
                inhibitor = self._inhibitor(alarm)
                if inhibitor is None:
                    told.setdefault(alarm.rule, []).append(alarm)
                else:
                    self.state.inhibited[alarm.alarm_id] = inhibitor.alarm_id
                    yield _suppressed(alarm, at, f"inhibited by {inhibitor.rule}, alarm {inhibitor.alarm_id}")
            for rule, alarms in told.items():
                yield self._tell(rule, alarms, at)

    def _inhibitor(self, alarm: Alarm) -> Alarm | None:
        rules = self.inhibited_by.get(alarm.rule, ())
        return min((other for other in self.state.open.values() if other.rule in rules), default=None)

    def _tell(self, rule: str, alarms: list[Alarm], at: int) -> Notification:
        group = self.state.groups.get(rule)
        state = "sent" if group is None else "updated"
        if group is None:
            group = Group(_id(rule, alarms[0].alarm_id), rule, alarms[0].severity, (), 0, frozenset(), at)
        ids = [alarm.alarm_id for alarm in alarms]
        group = replace(
            group,
            severity=max([group.severity, *(alarm.severity for alarm in alarms)], key=SEVERITIES.index),
            told=(*group.told, *ids)[:NAMED_ALARMS],
            num_alarms=group.num_alarms + len(ids),
            open=group.open | set(ids),
            updated_at=at,
        )
        self.state.groups[rule] = group
        return _of_group(group, state, at, "")


def _of_group(group: Group, state: str, at: int, reason: str) -> Notification:
    return Notification(
        group.notification_id, state, at, group.rule, group.severity, group.num_alarms, group.told, reason
    )


def _suppressed(alarm: Alarm, at: int, reason: str) -> Notification:
    ids = (alarm.alarm_id,)
    return Notification(_id("suppressed", alarm.alarm_id), "suppressed", at, alarm.rule, alarm.severity, 1, ids, reason)


def _id(*parts: str) -> str:
    return blake2b("|".join(parts).encode(), digest_size=16).hexdigest()
