"""The ledger: what was sent, and so what must come out of the job. Pure counting, no clock and no client."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class ExpectedAlarm(NamedTuple):
    """An alarm that must be raised; `start` is its first detection's event time in epoch ms."""

    rule: str
    device_id: str
    start: int


@dataclass(frozen=True)
class Line:
    """One line of device data with its truth: `messages` it decodes to, or the `dead` reason that refuses it.

    `via` is the protocol by which a gateway can make this line of what it receives; None: it goes onto the stream.
    """

    device_id: str
    data: bytes
    messages: int = 1
    dead: str | None = None
    duplicate: bool = False
    registered: bool = True
    late: bool = False
    alarm: ExpectedAlarm | None = None
    via: str | None = None


@dataclass
class Ledger:
    """Sums over all lines that Kinesis took. A dead line counts as one received message, a payload of k rows as k."""

    envelopes: int = 0
    received: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    unregistered: int = 0
    late: int = 0
    alarms: list[ExpectedAlarm] = field(default_factory=list)
    master_rows: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    """Unified table → key → columns as text; deleted rows are absent."""

    @property
    def num_dead(self) -> int:
        return sum(self.dead.values())

    @property
    def stored(self) -> int:
        """Messages that must stand in every message store."""
        return self.received - self.num_dead - self.duplicates

    def add(self, line: Line) -> None:
        self.envelopes += 1
        if line.dead is not None:
            self.received += 1
            self.dead[line.dead] += 1
            return
        self.received += line.messages
        if line.duplicate:
            self.duplicates += line.messages
            return
        self.unregistered += 0 if line.registered else line.messages
        self.late += line.messages if line.late else 0
        if line.alarm is not None:
            self.alarms.append(line.alarm)

    def put_master_row(self, master: str, key: str, columns: Mapping[str, str]) -> None:
        self.master_rows.setdefault(master, {})[key] = dict(columns)

    def remove_master_row(self, master: str, key: str) -> None:
        self.master_rows.get(master, {}).pop(key, None)
