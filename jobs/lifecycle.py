"""Stage 5, lifecycle: what rules observe → alarms with a state, one alarm an episode.

Event time decides: an observation is judged when the watermark has passed it, so the order of arrival changes nothing.
A detection that comes later than the watermark only counts towards an episode that is open (docs/decisions/0004).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from pyflink.common import Row
from pyflink.common.typeinfo import Types
from pyflink.datastream import KeyedBroadcastProcessFunction, RuntimeContext, TimeDomain
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from jobs.calendars import MASTERS, Calendars
from jobs.episodes import EpisodeState, EpisodeTracker, Observation, Transition
from jobs.rules import Rule, gone_rule
from udfs.masters import MasterChange

EPISODE: Final = ValueStateDescriptor("episode", Types.PICKLED_BYTE_ARRAY())
CALENDAR_STATE: Final = MapStateDescriptor("calendars", Types.STRING(), Types.PICKLED_BYTE_ARRAY())
GRACE: Final = 30_000
"""Milliseconds by the clock that a sign of life may come later than absence by the clock is stated."""

_REFUSED_FOR: Final = 3_600_000
"""Milliseconds after which time looks again at an alarm whose rule is refused."""


class Lifecycle(KeyedBroadcastProcessFunction):  # type: ignore[misc]
    """Keyed by rule and device; in: rows.OBSERVATION and, broadcast, changes of master data; out: rows.ALARM.

    `read_master_data` gives what stood in the calendars' tables at the start. Alarms of `refused` rules, whose files
    have a fault, wait until they are mended; those of rules that are gone are over when something next comes to them.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        read_master_data: Callable[[], Iterable[MasterChange]],
        refused: Collection[str] = (),
    ) -> None:
        self._rules, self._read_master_data, self._refused = rules, read_master_data, frozenset(refused)

    def open(self, runtime_context: RuntimeContext) -> None:
        self._state = runtime_context.get_state(EPISODE)
        self._calendars = Calendars(self._read_master_data())
        self._restored = False
        self._opened = _clock()
        self._arrivals: dict[str, int] = {}

    def process_broadcast_element(self, value: Row, ctx: KeyedBroadcastProcessFunction.Context) -> Iterator[Row]:
        self._restore(ctx)
        change = MasterChange(*value)
        if change.master in MASTERS and self._calendars.apply(change):
            ctx.get_broadcast_state(CALENDAR_STATE).put(f"{change.master}|{change.key}", change)
        return iter(())

    def process_element(self, value: Row, ctx: KeyedBroadcastProcessFunction.ReadOnlyContext) -> Iterator[Row]:
        observation = Observation(*value)
        self._restore(ctx)
        rule = self._rules.get(observation.rule)
        if rule is None:
            yield from self._without_rule(observation)
            return
        tracker = self._tracker(rule)
        watermark = ctx.timer_service().current_watermark()
        in_time = observation.event_time > watermark or tracker.state.episode is not None
        if in_time or observation.kind not in ("detection", "clear"):
            tracker.add(observation)
            self._watch_by_the_clock(rule, ctx)
            yield from self._advance(tracker, rule, watermark, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedBroadcastProcessFunction.OnTimerContext) -> Iterator[Row]:
        self._restore(ctx)
        name = ctx.get_current_key().partition("|")[0]
        rule = self._rules.get(name)
        if self._state.value() is None:
            return
        if rule is None:
            if name in self._refused:
                ctx.timer_service().register_event_time_timer(timestamp + _REFUSED_FOR)
            else:
                yield from self._gone(name, timestamp)
            return
        tracker = self._tracker(rule)
        if ctx.time_domain() == TimeDomain.EVENT_TIME:
            # Up to now, not to the timer: at the end of a bounded run no further timer comes.
            yield from self._advance(tracker, rule, ctx.timer_service().current_watermark(), ctx)
        elif self._is_silent_by_the_clock(rule, ctx):
            absent_at = tracker.absent_at()
            if absent_at is not None:
                yield from self._advance(tracker, rule, absent_at, ctx)

    def _without_rule(self, observation: Observation) -> Iterator[Row]:
        """A mark, or what was under way when the job stopped: it waits for a refused rule to be mended."""
        state = self._state.value()
        if state is not None and observation.rule in self._refused:
            state.pending.append(observation)
            self._state.update(state)
        elif state is not None:
            yield from self._gone(observation.rule, observation.event_time)

    def _gone(self, name: str, at: int) -> Iterator[Row]:
        """Nobody judges the device by this rule any more."""
        episode = self._state.value().episode
        self._state.clear()
        if episode is not None and episode.raised_at is not None:
            over = Transition("cleared", max(at, episode.first.event_time), "its rule is gone", episode)
            yield self._alarm(gone_rule(name), over)

    def _tracker(self, rule: Rule) -> EpisodeTracker:
        state = self._state.value() or EpisodeState()
        return EpisodeTracker(state, rule.policy, partial(self._calendars.in_force, rule))

    def _advance(self, tracker: EpisodeTracker, rule: Rule, now: int, ctx: Any) -> Iterator[Row]:
        transitions = tracker.advance(now)
        if tracker.state.is_empty:
            self._state.clear()
        else:
            self._state.update(tracker.state)
        next_time = tracker.next_time()
        if next_time is not None:
            ctx.timer_service().register_event_time_timer(next_time + 1)
        yield from (self._alarm(rule, transition) for transition in transitions)

    def _watch_by_the_clock(self, rule: Rule, ctx: Any) -> None:
        """Where every device falls silent event time stands still: then absence goes by the clock."""
        absent_after = rule.policy.absent_after
        if absent_after is not None:
            key, now = ctx.get_current_key(), _clock()
            if key not in self._arrivals:
                ctx.timer_service().register_processing_time_timer(now + absent_after + GRACE)
            self._arrivals[key] = now

    def _is_silent_by_the_clock(self, rule: Rule, ctx: Any) -> bool:
        """Time that the job itself was away does not count; looks again later where it was not long enough."""
        arrived = self._arrivals.get(ctx.get_current_key(), self._opened)
        due = arrived + (rule.policy.absent_after or 0) + GRACE
        if _clock() < due:
            ctx.timer_service().register_processing_time_timer(due)
            return False
        self._arrivals.pop(ctx.get_current_key(), None)
        return rule.policy.absent_after is not None

    def _restore(self, ctx: Any) -> None:
        if not self._restored:
            for _, change in ctx.get_broadcast_state(CALENDAR_STATE).items():
                self._calendars.apply(change)
            self._restored = True

    def _alarm(self, rule: Rule, transition: Transition) -> Row:
        episode, first = transition.episode, transition.episode.first
        return Row(
            episode.alarm_id,
            rule.name,
            rule.header.title,
            episode.severity,
            transition.state,
            rule.product,
            first.device_id,
            first.customer_id,
            first.site_id,
            first.event_time,
            episode.last_event_time,
            episode.num_detections,
            first.value,
            first.limit_value,
            first.evidence,
            transition.at,
            transition.reason,
            self._calendars.silence(rule, first, transition.at),
        )


def observation_key(row: Row) -> str:
    return f"{row[0]}|{row[1]}"


def _clock() -> int:
    return time.time_ns() // 1_000_000
