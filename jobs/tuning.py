"""Tuning: a better limit for a rule, by the alarms that were, what operators said of them, and what a replay of the
readings raises at other limits (jobs.backtest).

Nothing is changed: the proposal is a row of `limit_override` to approve. An alarm of the replay that nobody has seen
yet counts as false, so that a laxer limit has to find failures that operators missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

LEAST_ALARMS: Final = 5
"""With fewer there is nothing to learn from."""

_STEPS: Final = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Limits that are tried, in steps from the present one: more alarms below 0, fewer above."""


class Span(NamedTuple):
    """An alarm of a device from its first detection until it was over, epoch milliseconds."""

    device_id: str
    start: int
    end: int

    def meets(self, other: "Span") -> bool:
        return self.device_id == other.device_id and self.start <= other.end and other.start <= self.end


class PastAlarm(NamedTuple):
    """An alarm as it was raised; `is_false` where an operator marked it so; or a failure that raised none."""

    span: Span
    is_false: bool = False
    was_missed: bool = False
    excess: float | None = None
    """How far its first value lay beyond its limit, negative for limits below."""


@dataclass(frozen=True)
class Outcome:
    """What the replay raised at a limit."""

    limit: float
    num_failures: int
    num_found: int
    num_false: int
    """Alarms that operators marked as false."""
    num_new: int
    """Alarms that nobody has seen."""

    @property
    def precision(self) -> float:
        alarms = self.num_found + self.num_false + self.num_new
        return self.num_found / alarms if alarms else 1.0

    @property
    def recall(self) -> float:
        return self.num_found / self.num_failures if self.num_failures else 1.0

    @property
    def balance(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / ((self.precision + self.recall) or 1.0)


@dataclass(frozen=True)
class Proposal:
    """Another limit for a device or, without one, for the product, and what it changes."""

    device_id: str | None
    before: Outcome
    after: Outcome


def limits_to_try(limit: float, past: Sequence[PastAlarm]) -> list[float]:
    """The present limit among others on both sides; a step is how far alarms usually lay beyond it."""
    excesses = [alarm.excess for alarm in past if alarm.excess]
    step = median(excesses) if excesses else 0.1 * abs(limit) or 1.0
    return [limit if not number else float(f"{limit + number * step:.4g}") for number in _STEPS]


def propose(limit: float, past: Sequence[PastAlarm], replayed: Mapping[float, Sequence[Span]]) -> list[Proposal]:
    """The limits worth approving: for the product, and for each device whose alarms that leaves wrong."""
    known = come_again(limit, past, replayed)
    for_all = _best(None, limit, limit, known, replayed)
    chosen = limit if for_all is None else for_all.after.limit
    of_devices = [
        _best(device_id, limit, chosen, _of_device(known, device_id), _spans_of(replayed, device_id))
        for device_id in sorted({alarm.span.device_id for alarm in known})
    ]
    return [proposal for proposal in (for_all, *of_devices) if proposal is not None]


def come_again(limit: float, past: Sequence[PastAlarm], replayed: Mapping[float, Sequence[Span]]) -> list[PastAlarm]:
    """The alarms that the replay raises at the present limit: it lacks those of a model that warmed up before. And what
    was missed."""
    return [alarm for alarm in past if alarm.was_missed or any(alarm.span.meets(s) for s in replayed[limit])]


def outcome(limit: float, past: Sequence[PastAlarm], spans: Sequence[Span]) -> Outcome:
    raised = [alarm for alarm in past if any(alarm.span.meets(span) for span in spans)]
    num_found, num_false = sum(not alarm.is_false for alarm in raised), sum(alarm.is_false for alarm in raised)
    num_new = sum(not any(alarm.span.meets(span) for alarm in past) for span in spans)
    return Outcome(limit, sum(not alarm.is_false for alarm in past), num_found, num_false, num_new)


def _best(
    device_id: str | None,
    limit: float,
    chosen: float,
    past: Sequence[PastAlarm],
    replayed: Mapping[float, Sequence[Span]],
) -> Proposal | None:
    """The limit that balances best, the nearest of several; None where it is the `chosen` one."""
    if len(past) < LEAST_ALARMS:
        return None
    outcomes = {tried: outcome(tried, past, spans) for tried, spans in replayed.items()}
    best = max(outcomes.values(), key=lambda each: (each.balance, each.limit == chosen, -abs(each.limit - limit)))
    return None if best.limit == chosen else Proposal(device_id, outcomes[chosen], best)


def _of_device(past: Sequence[PastAlarm], device_id: str) -> list[PastAlarm]:
    return [alarm for alarm in past if alarm.span.device_id == device_id]


def _spans_of(replayed: Mapping[float, Sequence[Span]], device_id: str) -> dict[float, list[Span]]:
    return {limit: [span for span in spans if span.device_id == device_id] for limit, spans in replayed.items()}
