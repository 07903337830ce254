"""Stage 5, lifecycle: detections → alarms with a state, one alarm an episode.

Event time decides: a detection is judged when the watermark has passed it, so the order of arrival changes nothing. One
that comes later than the watermark only counts towards an episode that is open (docs/decisions/0004).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from pyflink.common import Row
from pyflink.common.typeinfo import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from jobs.episodes import Detection, EpisodeTracker, Transition
from jobs.rules import Rule

TRACKER: Final = ValueStateDescriptor("episode-tracker", Types.PICKLED_BYTE_ARRAY())


class Lifecycle(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by rule and device; in: detections, out: rows.ALARM."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules

    def open(self, runtime_context: RuntimeContext) -> None:
        self._state = runtime_context.get_state(TRACKER)

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        detection = Detection(*value)
        if detection.rule not in self._rules:  # its file went away; a restored detection has no one to judge it
            return
        rule = self._rules[detection.rule]
        tracker = self._state.value() or EpisodeTracker(rule.clear_after_ms, rule.for_ms)
        watermark = ctx.timer_service().current_watermark()
        if detection.event_time > watermark or tracker.episode is not None:
            tracker.add(detection)
            yield from self._advance(tracker, watermark, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        tracker = self._state.value()
        if tracker is not None:
            yield from self._advance(tracker, timestamp, ctx)

    def _advance(self, tracker: EpisodeTracker, now: int, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        transitions = tracker.advance(now)
        next_time = tracker.next_time()
        if next_time is None:
            self._state.clear()
        else:
            self._state.update(tracker)
            ctx.timer_service().register_event_time_timer(next_time + 1)
        yield from (self._alarm(transition) for transition in transitions)

    def _alarm(self, transition: Transition) -> Row:
        episode, first = transition.episode, transition.episode.first
        rule = self._rules[first.rule]
        return Row(
            episode.alarm_id,
            rule.name,
            rule.header.title,
            rule.header.severity,
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
        )
