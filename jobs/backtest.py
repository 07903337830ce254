"""Backtest: what a rule would have raised at other limits, by a replay of what devices sent, from the lake.

The rule runs in the job's own views, models and lifecycle on a mini-cluster, for all limits at once: each has a copy of
the fleet. Calendars and marks of operators are left out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from jobs.lake import MESSAGES, Lake
from jobs.platform import one_java_thread
from jobs.rule_cases import CaseMessage
from jobs.rule_runner import RuleAlarm, alarms_of
from jobs.rules import Rule
from jobs.tuning import Span
from udfs.catalog import Catalog

_PAST: Final = """
SELECT message_id, domain, product, device_id, epoch_ms(event_time) AS event_time, epoch_ms(received_at) AS received_at,
       spec_version, measurements, attributes, quality, firmware, customer_id, site_id
FROM messages WHERE list_contains($products, product) AND event_time >= $since
ORDER BY event_time DESC LIMIT $most
"""
_STILL_OPEN: Final = 1 << 62


def past_messages(lake: Lake, products: Collection[str], since: datetime, most: int) -> list[CaseMessage]:
    """The newest `most` messages of the products since then, in the order of their arrival; their limits are empty."""
    parameters = {"products": [*products], "since": since, "most": most}
    found = [_message(row) for row in lake.query(_PAST, MESSAGES, parameters=parameters)]
    return sorted(found, key=lambda message: (message.received_at, message.event_time))


def backtest(
    rule: Rule, limit_name: str, limits: Sequence[float], messages: Sequence[CaseMessage], catalog: Catalog
) -> dict[float, list[Span]]:
    """The alarms that `rule` raises over the messages at each of the limits."""
    defaults = {name: limit.default for name, limit in rule.header.limits.items()}
    copies = [
        _copy(message, number, {**defaults, limit_name: limit})
        for message in messages
        for number, limit in enumerate(limits)
    ]
    with one_java_thread():
        raised = alarms_of(copies, catalog, [rule])
    replayed: dict[float, list[Span]] = {limit: [] for limit in limits}
    for alarm in raised:
        number, span = _span(alarm)
        replayed[limits[number]].append(span)
    return replayed


def _message(row: Mapping[str, Any]) -> CaseMessage:
    maps = {name: dict(row[name] or {}) for name in ("measurements", "attributes")}
    return CaseMessage(**{**row, **maps, "quality": list(row["quality"] or []), "limits": {}})


def _copy(message: CaseMessage, number: int, limits: dict[str, float]) -> CaseMessage:
    """The message as one of the fleet `number`, whose sites are its own too."""
    site = None if message.site_id is None else f"{number}:{message.site_id}"
    message_id, device_id = f"{number}:{message.message_id}", f"{number}:{message.device_id}"
    return message._replace(message_id=message_id, device_id=device_id, site_id=site, limits=limits)


def _span(alarm: RuleAlarm) -> tuple[int, Span]:
    number, _, device_id = alarm.device_id.partition(":")
    return int(number), Span(device_id, alarm.first_at, _STILL_OPEN if alarm.over_at is None else alarm.over_at)
