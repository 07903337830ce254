"""Episodes: the pure part of the lifecycle. Detections of one rule and device, in event-time order → alarms.

An alarm is raised by the first detection of an episode and cleared when no detection came for the rule's `clear_after`
(event time). Its id follows from rule, device and the episode's start, so a replay gives the same alarms.
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
    """An alarm that is raised: its first detection, the time of its last, and how many there were."""

    first: Detection
    last_event_time: int
    num_detections: int = 1

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
        return [Transition("cleared", episode)]

    def _detect(self, detection: Detection) -> list[Transition]:
        if self.episode is not None:
            last = max(self.episode.last_event_time, detection.event_time)
            self.episode = replace(self.episode, last_event_time=last, num_detections=self.episode.num_detections + 1)
            return []
        self.episode = Episode(detection, detection.event_time)
        return [Transition("raised", self.episode)]


def _order(detection: Detection) -> tuple[int, str]:
    """By event time; of two at the same moment always the same one is first, whichever arrived first."""
    return detection.event_time, repr(detection)
