"""What the broker waits for: deliveries in the order in which they came, and so they are acknowledged (MQTT 5, 4.6).

A connection that breaks leaves deliveries under way. The broker sends them again with the ids that they had; those
that we still have are recognised, so a payload goes through the intake once though it came twice.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Publish(NamedTuple):
    """A payload as it came; `received_at` is epoch milliseconds, `properties` are MQTT 5's of the user."""

    packet_id: int
    qos: int
    is_duplicate: bool
    topic: str
    payload: bytes
    properties: dict[str, str]
    received_at: int


@dataclass(slots=True, eq=False)
class Delivery:
    """What stays of a payload until it is acknowledged."""

    packet_id: int
    qos: int
    fingerprint: int
    is_settled: bool = False


class Inflight:
    """The deliveries of one session; `acknowledge` is called with packet ids, in order."""

    def __init__(self, acknowledge: Callable[[int], None]) -> None:
        self._acknowledge = acknowledge
        self._order: deque[Delivery] = deque()
        self._before: dict[int, Delivery] = {}
        self.num_unsettled = 0

    def arrive(self, publish: Publish) -> Delivery | None:
        """The delivery to settle; None where it is under way already since an earlier connection."""
        fingerprint = hash((publish.topic, publish.payload))
        known = self._before.pop(publish.packet_id, None) if publish.is_duplicate else None
        if known is not None and known.fingerprint == fingerprint:
            self._order.append(known)
            self._advance()
            return None
        delivery = Delivery(publish.packet_id, publish.qos, fingerprint)
        self.num_unsettled += 1
        if publish.qos:
            self._order.append(delivery)
        return delivery

    def settle(self, delivery: Delivery) -> None:
        """It is durable, or refused for good: its turn to be acknowledged comes."""
        delivery.is_settled = True
        self.num_unsettled -= 1
        self._advance()

    def detach(self) -> None:
        """The connection has ended: its ids mean nothing until the broker sends them again."""
        self._before |= {delivery.packet_id: delivery for delivery in self._order}
        self._order.clear()

    def forget(self) -> None:
        """The broker has no session of ours: what it sends from now on is new."""
        self._before.clear()

    def _advance(self) -> None:
        while self._order and self._order[0].is_settled:
            self._acknowledge(self._order.popleft().packet_id)
