"""Tuning: a better limit for a rule, by the alarms that were and what operators said of them.

Nothing is changed: the proposal is a row of `limit_override` for somebody to approve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEAST_ALARMS = 5
"""With fewer there is nothing to learn from."""


class PastAlarm(NamedTuple):
    """An alarm of a rule as it was raised; `is_false` where an operator marked it so."""

    device_id: str
    value: float
    limit_value: float
    is_false: bool


@dataclass(frozen=True)
class Proposal:
    """Another limit for a device or, without one, for the product; what it would have changed, as parts of 1."""

    device_id: str | None
    limit: float
    proposed: float
    num_alarms: int
    num_false: int
    precision_before: float
    precision_after: float
    recall_after: float
    """Of the alarms that nobody marked; before it was 1."""


def propose(alarms: Sequence[PastAlarm], least_recall: float = 0.98) -> list[Proposal]:
    """The limits worth approving: for the product, and for each device whose false alarms the product's leaves."""
    found = []
    for_all = _best(None, alarms, least_recall)
    if for_all is not None:
        found.append(for_all)
    left = [alarm for alarm in alarms if for_all is None or _is_beyond(alarm, for_all.proposed)]
    for device_id in sorted({alarm.device_id for alarm in left}):
        of_device = _best(device_id, [alarm for alarm in left if alarm.device_id == device_id], least_recall)
        if of_device is not None:
            found.append(of_device)
    return found


def _best(device_id: str | None, alarms: Sequence[PastAlarm], least_recall: float) -> Proposal | None:
    """Of the limits just at a false alarm's value the one with the best precision, if it is better than now."""
    num_false = sum(alarm.is_false for alarm in alarms)
    if len(alarms) < LEAST_ALARMS or not num_false:
        return None
    limit = max((alarm.limit_value for alarm in alarms), key=[alarm.limit_value for alarm in alarms].count)
    true = [alarm for alarm in alarms if not alarm.is_false]
    before = len(true) / len(alarms)
    best: tuple[float, float, float] | None = None
    for candidate in {alarm.value for alarm in alarms if alarm.is_false}:
        kept = [alarm for alarm in alarms if _is_beyond(alarm, candidate)]
        kept_true = [alarm for alarm in kept if not alarm.is_false]
        recall = len(kept_true) / len(true) if true else 1.0
        precision = len(kept_true) / len(kept) if kept else 1.0
        if recall >= least_recall and precision > before:
            best = max(best or (0.0, 0.0, 0.0), (precision, recall, candidate))
    if best is None:
        return None
    precision, recall, candidate = best
    return Proposal(device_id, limit, candidate, len(alarms), num_false, before, precision, recall)


def _is_beyond(alarm: PastAlarm, limit: float) -> bool:
    """Whether it would still be an alarm: limits are above or below, as the alarm's own was."""
    return alarm.value > limit if alarm.value >= alarm.limit_value else alarm.value < limit
