"""Episodes: the pure part of the lifecycle. Detections of one rule and device, in event-time order → alarms.

An alarm is raised when the detections of an episode have gone on for the rule's `for`, and cleared when none came for
its `clear_after` (event time). Its id follows from rule, device and the episode's start, so a replay gives the same
alarms.
"""

from dataclasses import dataclass, field, replace
from hashlib import blake2b


@dataclass(frozen=True)
class Detection:
    """One row of a rule's SELECT; `event_time` is epoch milliseconds."""

    rule: str
    device_id: str
    event_time: int
    value: float | None
    limit_value: float | None
    customer_id: str | None
    site_id: str | None
    evidence: str


@dataclass(frozen=True)
class Episode:
    """Detections without a gap: the first, the time of the last, how many there were, and whether they are an alarm."""

    first: Detection
    last_event_time: int
    num_detections: int = 1
    is_raised: bool = True

    @property
    def alarm_id(self) -> str:
        key = f"{self.first.rule}|{self.first.device_id}|{self.first.event_time}"
        return blake2b(key.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Transition:
    """An alarm's new state."""

    state: str
    episode: Episode


@dataclass
class EpisodeTracker:
    """Follows the episodes of one rule and device; detections wait until event time has passed them."""

    clear_after: int
    hold: int = 0
    """Milliseconds that detections must go on before there is an alarm."""

    episode: Episode | None = None
    pending: list[Detection] = field(default_factory=list)

    def add(self, detection: Detection) -> None:
        self.pending.append(detection)

    def advance(self, now: int) -> list[Transition]:
        """What happens up to event time `now`, in order."""
        due = sorted((d for d in self.pending if d.event_time <= now), key=_order)
        self.pending = [d for d in self.pending if d.event_time > now]
        transitions: list[Transition] = []
        for detection in due:
            transitions += self._clear_before(detection.event_time)
            transitions += self._detect(detection)
        return transitions + self._clear_before(now + 1)

    def next_time(self) -> int | None:
        """The event time at which `advance` has something to do."""
        times = [d.event_time for d in self.pending]
        if self.episode is not None:
            times.append(self.episode.last_event_time + self.clear_after)
        return min(times, default=None)

    def _clear_before(self, time: int) -> list[Transition]:
        episode = self.episode
        if episode is None or episode.last_event_time + self.clear_after >= time:
            return []
        self.episode = None
        return [Transition("cleared", episode)] if episode.is_raised else []

    def _detect(self, detection: Detection) -> list[Transition]:
        episode = self.episode
        if episode is None:
            episode = Episode(detection, detection.event_time, is_raised=False)
        else:
            last = max(episode.last_event_time, detection.event_time)
            episode = replace(episode, last_event_time=last, num_detections=episode.num_detections + 1)
        begins = not episode.is_raised and episode.last_event_time - episode.first.event_time >= self.hold
        self.episode = replace(episode, is_raised=True) if begins else episode
        return [Transition("raised", self.episode)] if begins else []


def _order(detection: Detection) -> tuple[int, str]:
    """By event time; of two at the same moment always the same one is first, whichever arrived first."""
    return detection.event_time, repr(detection)
