"""Episodes: the pure part of the lifecycle. What a rule observes of one device, in event-time order → alarms.

An episode begins with a detection. It is an alarm once its detections have gone on for the rule's `for` and come
`repeated` times; it ends by the clear condition, after `clear_after` without a detection, or by an operator's mark. A
rule with `absent_after` observes signs of life instead: its episode begins when none came for so long. An alarm's id
follows from rule, device and the episode's start, so a replay gives the same alarms.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import Final, NamedTuple

from jobs.durations import duration_text

SEVERITIES: Final = ("info", "minor", "major", "critical")
LEARNED_FOR: Final = 90 * 86_400_000
"""Milliseconds for which a false alarm teaches its device, and its alarms are remembered."""
LEARNED_MARGIN: Final = 1.25
"""The next false alarm of a device is seldom exactly as slight as the last."""

REMEMBERED: Final = 16
"""Alarms of one rule and device that a mark may still name, and that count as flapping."""


@dataclass(frozen=True)
class Observation:
    """What a rule has seen, or an operator has said, of one device; `event_time` is epoch milliseconds.

    `kind` is detection or clear, by the rule's SELECT and clear condition, or a mark: acknowledged, false_alarm,
    closed. `evidence` is JSON; that of a mark has `by` and `alarm_id`, without which the last alarm is meant.
    """

    rule: str
    device_id: str
    event_time: int
    kind: str
    value: float | None
    limit_value: float | None
    severity: str | None
    customer_id: str | None
    site_id: str | None
    evidence: str

    @property
    def excess(self) -> float | None:
        """How far the value lies from the limit."""
        if self.value is None or self.limit_value is None:
            return None
        return abs(self.value - self.limit_value)


@dataclass(frozen=True)
class Policy:
    """What a rule's header says of its alarms; all times in milliseconds, 0 or None where it says nothing."""

    severity: str = "major"
    hold: int = 0
    repeated: int = 1
    clear_after: int = 60_000
    close_after: int | None = None
    absent_after: int | None = None
    flapping_times: int = 0
    flapping_within: int = 0
    escalation: tuple[tuple[int, str], ...] = ()
    """Time since the alarm was raised → severity, for as long as nobody acknowledges it."""


@dataclass(frozen=True)
class Episode:
    """Detections without a gap, and what became of them."""

    first: Observation
    last_event_time: int
    severity: str
    num_detections: int = 1
    peak: float | None = None
    """The largest excess of its detections."""
    raised_at: int | None = None
    acknowledged: bool = False
    steps_done: int = 0

    @property
    def alarm_id(self) -> str:
        key = f"{self.first.rule}|{self.first.device_id}|{self.first.event_time}"
        return blake2b(key.encode(), digest_size=16).hexdigest()


class Raised(NamedTuple):
    """An alarm that was raised some time ago."""

    alarm_id: str
    at: int
    peak: float | None


@dataclass
class EpisodeState:
    """What is kept of one rule and device."""

    episode: Episode | None = None
    pending: list[Observation] = field(default_factory=list)
    """Observations that event time has not passed yet."""
    last_seen: Observation | None = None
    """The last sign of life that a rule with `absent_after` saw, at the time from which absence counts."""
    raised: tuple[Raised, ...] = ()
    learned_excess: float | None = None
    """Detections that lie hardly farther from the limit are false alarms, operators said, …"""
    learned_until: int = 0
    """… until this event time."""

    @property
    def is_empty(self) -> bool:
        return self == EpisodeState()


@dataclass(frozen=True)
class Transition:
    """An alarm's new state: raised, escalated, acknowledged or cleared; `at` is event time."""

    state: str
    at: int
    reason: str
    episode: Episode


class _Timer(NamedTuple):
    at: int
    act: Callable[[int], Iterator[Transition]]


@dataclass
class EpisodeTracker:
    """Follows the episodes of one rule and device by the rule's policy of now; `state` is all that it remembers.

    `in_force` says whether the rule judges an observation: not outside its schedule or in a maintenance window.
    """

    state: EpisodeState
    policy: Policy
    in_force: Callable[[Observation], bool] = lambda observation: True

    def add(self, observation: Observation) -> None:
        self.state.pending.append(observation)

    def advance(self, now: int) -> list[Transition]:
        """What happens up to event time `now`, in order."""
        waiting = self.state.pending
        due = sorted((o for o in waiting if o.event_time <= now), key=_order)
        self.state.pending = [o for o in waiting if o.event_time > now]
        transitions: list[Transition] = []
        for observation in due:
            transitions += self._pass_time(observation.event_time)
            transitions += self._observe(observation)
        return [*transitions, *self._pass_time(now + 1)]

    def next_time(self) -> int | None:
        """The event time at which `advance` has something to do."""
        times = [o.event_time for o in self.state.pending]
        times += [timer.at for timer in self._timers()]
        return min(times, default=None)

    def absent_at(self) -> int | None:
        """The event time at which the device is missed if nothing more comes; None where nobody waits for it."""
        absent_after, seen = self.policy.absent_after, self.state.last_seen
        signs = [o.event_time for o in self.state.pending if o.kind == "detection"]
        if self.state.episode is None and seen is not None:
            signs.append(seen.event_time)
        return max(signs) + absent_after if signs and absent_after is not None else None

    def _pass_time(self, time: int) -> Iterator[Transition]:
        """What time alone brings about before `time`."""
        while (timer := min(self._timers(), key=lambda t: t.at, default=None)) and timer.at < time:
            yield from timer.act(timer.at)

    def _timers(self) -> Iterator[_Timer]:
        episode, policy, seen = self.state.episode, self.policy, self.state.last_seen
        if episode is None:
            if policy.absent_after is not None and seen is not None:
                yield _Timer(seen.event_time + policy.absent_after, partial(self._miss, seen))
            if self.state.raised:
                yield _Timer(self._remembered_until(), self._forget)
            return
        if policy.absent_after is None:
            calm = self._calm(episode)
            over = partial(self._end, reason=f"no detection for {duration_text(calm)}")
            yield _Timer(episode.last_event_time + calm, over)
        if episode.raised_at is None:
            return
        if policy.close_after is not None:
            yield _Timer(episode.raised_at + policy.close_after, self._close)
        if not episode.acknowledged and episode.steps_done < len(policy.escalation):
            yield _Timer(episode.raised_at + policy.escalation[episode.steps_done][0], partial(self._escalate, episode))

    def _remembered_until(self) -> int:
        remembered = max(LEARNED_FOR, self.policy.flapping_within)
        return max(self.state.raised[-1].at + remembered, self.state.learned_until)

    def _forget(self, at: int) -> Iterator[Transition]:
        """So long after its last alarm nothing is kept of a device that is calm."""
        self.state.raised, self.state.learned_excess, self.state.learned_until = (), None, 0
        return iter(())

    def _observe(self, observation: Observation) -> Iterator[Transition]:
        if observation.kind == "detection":
            sees = self._detect if self.policy.absent_after is None else self._see
            return sees(observation)
        return self._clear(observation) if observation.kind == "clear" else self._mark(observation)

    def _detect(self, observation: Observation) -> Iterator[Transition]:
        if not self.in_force(observation) or self._is_known_as_false(observation):
            return
        before = self.state.episode
        episode = _begun(observation, self.policy.severity) if before is None else _gone_on(before, observation)
        self.state.episode = episode
        if episode.raised_at is None:
            lasted = episode.last_event_time - episode.first.event_time
            if lasted >= self.policy.hold and episode.num_detections >= self.policy.repeated:
                yield self._raise(episode, episode.last_event_time, "")
        elif before is not None and episode.severity != before.severity:
            yield Transition("escalated", observation.event_time, f"detected as {episode.severity}", episode)
        self._remember_peak()

    def _see(self, sign: Observation) -> Iterator[Transition]:
        """A sign of life."""
        seen, episode = self.state.last_seen, self.state.episode
        if seen is None or sign.event_time > seen.event_time:
            self.state.last_seen = sign
        if episode is not None and sign.event_time >= episode.first.event_time:
            yield from self._end(sign.event_time, "it is back")

    def _miss(self, seen: Observation, at: int) -> Iterator[Transition]:
        """No sign of life for too long; where the rule is not in force, absence counts anew from then on."""
        missed = replace(seen, event_time=at)
        if self.in_force(missed):
            silent = duration_text(self.policy.absent_after or 0)
            yield self._raise(_begun(missed, self.policy.severity), at, f"nothing for {silent}")
        else:
            self.state.last_seen = missed

    def _raise(self, episode: Episode, at: int, reason: str) -> Transition:
        self.state.episode = episode = replace(episode, raised_at=at)
        self.state.raised = (*self.state.raised, Raised(episode.alarm_id, at, episode.peak))[-REMEMBERED:]
        if self._is_flapping(episode):
            within = duration_text(self.policy.flapping_within)
            reason = f"flapping: raised {self.policy.flapping_times} times within {within}, over when calm for as long"
        return Transition("raised", at, reason, episode)

    def _is_flapping(self, episode: Episode) -> bool:
        at, policy = episode.raised_at, self.policy
        if at is None or not policy.flapping_times:
            return False
        return sum(at - raised.at < policy.flapping_within for raised in self.state.raised) >= policy.flapping_times

    def _calm(self, episode: Episode) -> int:
        """How long no detection must come before the episode is over."""
        return self.policy.flapping_within if self._is_flapping(episode) else self.policy.clear_after

    def _clear(self, observation: Observation) -> Iterator[Transition]:
        """The clear condition holds; a flapping alarm waits for calm all the same."""
        episode = self.state.episode
        if episode is not None and not self._is_flapping(episode):
            yield from self._end(observation.event_time, "clear condition")

    def _close(self, at: int) -> Iterator[Transition]:
        self.state.last_seen = None  # who is gone for good is not missed again
        yield from self._end(at, f"closed by itself after {duration_text(self.policy.close_after or 0)}")

    def _end(self, at: int, reason: str) -> Iterator[Transition]:
        episode, self.state.episode = self.state.episode, None
        if episode is not None and episode.raised_at is not None:
            yield Transition("cleared", at, reason, episode)

    def _escalate(self, episode: Episode, at: int) -> Iterator[Transition]:
        after, severity = self.policy.escalation[episode.steps_done]
        severity = _higher(severity, episode.severity)
        self.state.episode = replace(episode, severity=severity, steps_done=episode.steps_done + 1)
        yield Transition("escalated", at, f"not acknowledged for {duration_text(after)}", self.state.episode)

    def _mark(self, mark: Observation) -> Iterator[Transition]:
        """What an operator says of an alarm, open or over."""
        said = json.loads(mark.evidence)
        episode = self.state.episode
        last = self.state.raised[-1].alarm_id if self.state.raised else None
        alarm_id = said.get("alarm_id") or last
        if mark.kind == "false_alarm":
            self._learn(alarm_id, mark.event_time)
        if episode is None or episode.raised_at is None or episode.alarm_id != alarm_id:
            return
        if mark.kind == "acknowledged":
            self.state.episode = replace(episode, acknowledged=True)
            if not episode.acknowledged:
                yield Transition("acknowledged", mark.event_time, f"by {said.get('by')}", self.state.episode)
        else:
            if self.state.last_seen is not None:  # absence counts anew from what the operator said
                self.state.last_seen = replace(self.state.last_seen, event_time=mark.event_time)
            word = "false alarm, says" if mark.kind == "false_alarm" else "closed by"
            yield from self._end(max(mark.event_time, episode.first.event_time), f"{word} {said.get('by')}")

    def _learn(self, alarm_id: str | None, at: int) -> None:
        """From now on a detection as slight as those of this alarm is none for this device."""
        peak = next((raised.peak for raised in self.state.raised if raised.alarm_id == alarm_id), None)
        if peak is not None:
            known = self.state.learned_excess if at <= self.state.learned_until else None
            self.state.learned_excess = max(peak, known or 0.0)
            self.state.learned_until = at + LEARNED_FOR

    def _is_known_as_false(self, observation: Observation) -> bool:
        learned, excess = self.state.learned_excess, observation.excess
        if learned is None or excess is None or observation.event_time > self.state.learned_until:
            return False
        return excess <= learned * LEARNED_MARGIN

    def _remember_peak(self) -> None:
        """An alarm's peak grows while it is open."""
        episode = self.state.episode
        if episode is not None and episode.raised_at is not None:
            newest = self.state.raised[-1]._replace(peak=episode.peak)
            self.state.raised = (*self.state.raised[:-1], newest)


def _begun(observation: Observation, severity: str) -> Episode:
    severity = _higher(observation.severity, severity)
    return Episode(observation, observation.event_time, severity, peak=observation.excess)


def _gone_on(episode: Episode, observation: Observation) -> Episode:
    excesses = [excess for excess in (episode.peak, observation.excess) if excess is not None]
    return replace(
        episode,
        last_event_time=max(episode.last_event_time, observation.event_time),
        severity=_higher(observation.severity, episode.severity),
        num_detections=episode.num_detections + 1,
        peak=max(excesses, default=None),
    )


def _higher(one: str | None, other: str) -> str:
    """The graver of two severities; one that is none of them counts as none."""
    return one if one in SEVERITIES and SEVERITIES.index(one) > SEVERITIES.index(other) else other


def _order(observation: Observation) -> tuple[int, str]:
    """By event time; of two at the same moment always the same one is first, whichever arrived first."""
    return observation.event_time, repr(observation)
