"""Stage 5, notify: alarms → notifications, one for the alarms of a rule that a site raises together."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from pyflink.common import Row
from pyflink.common.typeinfo import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from jobs import rows
from jobs.grouping import Alarm, Notification, SiteNotifier, SiteState
from jobs.rules import Rule, gone_rule

SITE: Final = ValueStateDescriptor("site-notifications", Types.PICKLED_BYTE_ARRAY())
_COLUMNS: Final = rows.ALARM.get_field_names()
_PLACES: Final = tuple(_COLUMNS.index(name) for name in ("site_id", "customer_id", "device_id"))


def site_key(alarm: Row) -> str:
    """Alarms are told together by site; a device without one stands alone."""
    site_id, _, device_id = (alarm[place] for place in _PLACES)
    return f"site|{site_id}" if site_id else f"device|{device_id}"


class Notify(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by site_key; in: rows.ALARM, out: rows.NOTIFICATION. `wait` and `update_every` in milliseconds."""

    def __init__(self, rules: Mapping[str, Rule], wait: int, update_every: int) -> None:
        self._rules, self._wait, self._update_every = rules, wait, update_every
        self._inhibited_by = {name: tuple(rule.header.inhibited_by) for name, rule in rules.items()}

    def open(self, runtime_context: RuntimeContext) -> None:
        self._state = runtime_context.get_state(SITE)

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        columns = dict(zip(_COLUMNS, value, strict=True))
        place = columns["site_id"], columns["customer_id"]
        _, notifier = self._notifier(place)
        notifier.add(
            Alarm(
                columns["alarm_id"],
                columns["rule"],
                columns["severity"],
                columns["state"],
                columns["device_id"],
                columns["changed_at"],
                columns["muted_by"],
            )
        )
        yield from self._advance(place, notifier, ctx.timer_service().current_watermark(), ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        place, notifier = self._notifier((None, None))
        yield from self._advance(place, notifier, ctx.timer_service().current_watermark(), ctx)

    def _notifier(self, place: tuple[str | None, str | None]) -> tuple[tuple[str | None, str | None], SiteNotifier]:
        known_place, state = self._state.value() or (place, SiteState())
        return known_place, SiteNotifier(state, self._inhibited_by, self._wait, self._update_every)

    def _advance(
        self, place: tuple[str | None, str | None], notifier: SiteNotifier, now: int, ctx: KeyedProcessFunction.Context
    ) -> Iterator[Row]:
        told = notifier.advance(now)
        if notifier.state.is_empty:
            self._state.clear()
        else:
            self._state.update((place, notifier.state))
        next_time = notifier.next_time()
        if next_time is not None:
            ctx.timer_service().register_event_time_timer(next_time + 1)
        yield from (self._row(place, notification) for notification in told)

    def _row(self, place: tuple[str | None, str | None], told: Notification) -> Row:
        rule = self._rules.get(told.rule) or gone_rule(told.rule)
        return Row(
            told.notification_id,
            told.state,
            told.at,
            told.rule,
            rule.header.title,
            told.severity,
            rule.product,
            *place,
            told.num_alarms,
            msgspec.json.encode(told.alarm_ids).decode(),
            told.reason,
            msgspec.json.encode(rule.header.response).decode(),
            rule.header.runbook,
        )
