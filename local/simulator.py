"""The fleet simulator: puts the fleet's envelopes and its master data on Kinesis, and keeps the ledger of it.

Order of a run: full load of master data; then, at the wanted rate, healthy readings with broken, late and repeated
lines among them, the published examples, the scripts of each cycle and changes of master data; last a quiet time.
"""

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from gateways.stream import Stream
from local.errors import StackError
from local.faults import FAULTS, break_line
from local.fleet import PROTOCOLS, Device, Fleet
from local.ledger import ExpectedAlarm, Ledger, Line
from local.master_data import Replication, RowChange, changes, enter, full_load, noise
from local.records import pack_lines
from local.scripts import CYCLE_SECONDS, LATE_BY_MS, LATE_FROM_SECONDS, Script, Step, limit_raised_at, scripts, window
from local.senders import Sender
from local.signals import drive, hot, measure

DEFAULT_RATE: Final = 200.0
TICK_SECONDS: Final = 0.1
LINES_PER_RECORD: Final = 50
MAX_LINES_PER_VISIT: Final = 3
SPACING_MS: Final = 250
"""Between the readings that a device sends together."""
CHANGE_SPACING_SECONDS: Final = 1.0
MASTER_APPLIED_SECONDS: Final = 120.0
BROKEN, REPEATED, LATE, STRANGER = 0.01, 0.01, 0.005, 0.01
REPEAT_AFTER_SECONDS: Final = 2.0
_DEVICE_CLOCK_STEP_MS: Final = 1


class FleetSimulator:
    """Sends until told to stop, or for `run_seconds` (None: no end); `rate` is messages a second.

    `master_applied` is asked after the full load until it says yes; only then devices send: by the `senders` of their
    protocols, where there is none onto the stream. Late readings of which none may raise an alarm wait until
    `knows_late` says that the job will tell that they are late.
    """

    def __init__(
        self,
        devices: Stream,
        masters: Stream,
        fleet: Fleet,
        rate: float = DEFAULT_RATE,
        run_seconds: float | None = None,
        master_applied: Callable[[], bool] = lambda: True,
        knows_late: Callable[[], bool] = lambda: True,
        senders: Mapping[str, Sender] = {},
    ) -> None:
        self._devices, self._masters = devices, masters
        self._senders = senders
        self._fleet = fleet
        self._rate = rate
        self._run_seconds = run_seconds
        self._master_applied, self._knows_late = master_applied, knows_late
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._rng = fleet.rng("traffic")
        self._replication = Replication()
        self._order = self._rng.sample(fleet.devices, len(fleet.devices))
        self._strangers = fleet.unregistered()
        self._visits = 0
        self._background_messages = 0
        self._serials: dict[str, int] = {}
        self._last_event_time: dict[str, int] = {}
        self._cycle = -1
        self._scripts: list[Script] = []
        self._steps: list[Step] = []
        self._faults: Counter[str] = Counter()
        self._repeats: list[tuple[float, Line]] = []
        self._examples_sent = False
        self._changes: list[tuple[float, list[RowChange]]] = []

    @property
    def ledger(self) -> Ledger:
        """A copy of the ledger as it stands now."""
        with self._lock:
            return copy.deepcopy(self._ledger)

    def run(self, stop_event: threading.Event) -> None:
        """Send until `stop_event` or the end of `run_seconds`; raises StackError when Kinesis takes no records."""
        self._load_master_data()
        self._wait_for_master_data(stop_event)
        start = time.monotonic()
        self._plan_changes()
        while not stop_event.is_set():
            elapsed = time.monotonic() - start
            if self._run_seconds is not None and elapsed >= self._run_seconds:
                return
            self._tick(elapsed)
            stop_event.wait(max(0.0, start + elapsed + TICK_SECONDS - time.monotonic()))

    def _tick(self, elapsed: float) -> None:
        self._enter_cycle(int(elapsed // CYCLE_SECONDS))
        self._commit_changes(elapsed)
        now = _now_ms()
        lines = [self._scripted(step, now) for step in self._due_steps(elapsed)]
        lines += self._background(elapsed, now)
        lines += self._due_repeats(elapsed)
        lines += self._due_examples(elapsed, now)
        self._send(lines)

    def _load_master_data(self) -> None:
        now = datetime.now(UTC)
        rows = full_load(self._fleet)
        records = [*noise(self._replication, now), *(self._replication.loaded(row, now) for row in rows)]
        self._put_master(records, rows)

    def _wait_for_master_data(self, stop_event: threading.Event) -> None:
        deadline = time.monotonic() + MASTER_APPLIED_SECONDS
        while not stop_event.is_set() and not self._master_applied():
            if time.monotonic() > deadline:
                message = f"the job did not apply the full load of master data in {MASTER_APPLIED_SECONDS:.0f} s"
                raise StackError("fleet", None, message)
            stop_event.wait(TICK_SECONDS)

    def _plan_changes(self) -> None:
        at = limit_raised_at(*window(0, self._run_seconds))
        for number, transaction in enumerate(changes(self._fleet)):
            self._changes.append((at + number * CHANGE_SPACING_SECONDS, transaction))

    def _commit_changes(self, elapsed: float) -> None:
        while self._changes and self._changes[0][0] <= elapsed:
            _, transaction = self._changes.pop(0)
            self._put_master(list(self._replication.committed(transaction, datetime.now(UTC))), transaction)

    def _put_master(self, records: list[bytes], rows: list[RowChange]) -> None:
        # One key: the single shard keeps the order of commits.
        self._masters.put_all(("master", record) for record in records)
        with self._lock:
            for row in rows:
                enter(self._ledger, row)

    def _enter_cycle(self, cycle: int) -> None:
        if cycle == self._cycle:
            return
        self._cycle = cycle
        self._scripts = scripts(self._fleet, cycle, self._run_seconds)
        self._steps = sorted((step for script in self._scripts for step in script.steps), key=lambda step: step.at)

    def _due_steps(self, elapsed: float) -> list[Step]:
        due = [step for step in self._steps if step.at <= elapsed]
        if any(step.kind == "late" for step in due) and not self._knows_late():
            due = [step for step in due if step.kind != "late"]
        self._steps = [step for step in self._steps if step not in due]
        return due

    def _scripted(self, step: Step, now: int) -> Line:
        device = step.device
        late = step.kind == "late"
        event_time = now - LATE_BY_MS if late else self._next_event_time(device, now)
        serial = self._next_serial(device)
        if step.kind == "drive":
            readings = drive(device.index, event_time, serial, self._rng, event=step.event, speed=step.speed)
        else:
            readings = hot(device.product, device.index, event_time, serial, self._rng)
        alarm = step.rule and ExpectedAlarm(step.rule, device.device_id, _payload_time(device, event_time))
        return self._fleet.line(device, [readings], now, event_time, late=late, alarm=alarm or None)

    def _background(self, elapsed: float, now: int) -> list[Line]:
        wanted = min(int(self._rate * elapsed) - self._background_messages, int(self._rate) + 1)
        busy = {script.device.device_id for script in self._scripts if script.covers(elapsed)}
        first, last = window(self._cycle, self._run_seconds)
        calm = not first <= elapsed <= last
        lines: list[Line] = []
        sent = 0
        while sent < wanted:
            device = self._next_device()
            if device.device_id in busy:
                continue
            visit = self._visit(device, now, elapsed, calm)
            sent += sum(line.messages for line in visit)
            lines += visit
        self._background_messages += sent
        return lines

    def _next_device(self) -> Device:
        self._visits += 1
        if self._rng.random() < STRANGER:
            return self._rng.choice(self._strangers)
        return self._order[self._visits % len(self._order)]

    def _visit(self, device: Device, now: int, elapsed: float, calm: bool) -> list[Line]:
        """The lines that a device sends together; at most one of them has a fault, none in calm times."""
        num_readings = self._rng.randint(1, MAX_LINES_PER_VISIT)
        times = [now - SPACING_MS * back for back in reversed(range(num_readings))]
        if device.product == "coldroom-logger":  # its file holds several rows
            lines = [self._healthy(device, now, times)]
        else:
            lines = [self._healthy(device, now, [at]) for at in times]
        if calm:
            return lines
        dice = self._rng.random()
        if dice < BROKEN:
            return [*lines[:-1], self._broken(device, now)]
        if dice < BROKEN + REPEATED and lines[-1].via != "file":  # a file that comes again is not loaded again
            self._repeats.append((elapsed + REPEAT_AFTER_SECONDS, replace(lines[-1], duplicate=True)))
        elif dice < BROKEN + REPEATED + LATE and device.product != "meitrack-aaa":
            lines.append(self._late(device, now))
        return lines

    def _healthy(self, device: Device, now: int, times: list[int]) -> Line:
        event_times = [self._next_event_time(device, at) for at in times]
        readings = [
            measure(device.product, device.index, at, self._next_serial(device), self._rng) for at in event_times
        ]
        return self._fleet.line(device, readings, now, event_times[-1])

    def _late(self, device: Device, now: int) -> Line:
        event_time = now - LATE_BY_MS - self._rng.randrange(LATE_BY_MS)
        readings = measure(device.product, device.index, event_time, self._next_serial(device), self._rng)
        return self._fleet.line(device, [readings], now, event_time, late=True)

    def _broken(self, device: Device, now: int) -> Line:
        # The rarest so far, so that also a short run has every fault.
        fault = min((f for f in FAULTS if f.product in (None, device.product)), key=lambda f: self._faults[f.name])
        self._faults[fault.name] += 1
        event_time = self._next_event_time(device, now)
        readings = measure(device.product, device.index, event_time, self._next_serial(device), self._rng)
        return break_line(fault, device.device_id, self._fleet.envelope(device, [readings], now, event_time))

    def _due_repeats(self, elapsed: float) -> list[Line]:
        due = [line for at, line in self._repeats if at <= elapsed]
        self._repeats = [(at, line) for at, line in self._repeats if at > elapsed]
        return due

    def _due_examples(self, elapsed: float, now: int) -> list[Line]:
        """The published examples, once: times of years ago are in some, so they come as late as late readings."""
        if self._examples_sent or elapsed < min(LATE_FROM_SECONDS, window(0, self._run_seconds)[1]):
            return []
        self._examples_sent = True
        return self._fleet.published_examples(now)

    def _send(self, lines: list[Line]) -> None:
        direct = [line for line in lines if line.via not in self._senders]
        self._devices.put_all(pack_lines(direct, LINES_PER_RECORD))
        with ThreadPoolExecutor(len(PROTOCOLS), "sender") as threads:  # they wait, each for its gateway
            sent = [
                threads.submit(sender.send, [line for line in lines if line.via == via])
                for via, sender in self._senders.items()
            ]
        for sending in sent:
            sending.result()
        with self._lock:
            for line in lines:
                self._ledger.add(line)

    def _next_serial(self, device: Device) -> int:
        self._serials[device.device_id] = serial = self._serials.get(device.device_id, 0) + 1
        return serial

    def _next_event_time(self, device: Device, wanted: int) -> int:
        """A device's clock never stands still, so no two of its readings are the same message by chance."""
        last = self._last_event_time.get(device.device_id, 0)
        self._last_event_time[device.device_id] = event_time = max(wanted, last + _DEVICE_CLOCK_STEP_MS)
        return event_time


def _payload_time(device: Device, event_time: int) -> int:
    """The event time that the job will read: a tracker's clock has whole seconds."""
    return event_time // 1000 * 1000 if device.product == "meitrack-aaa" else event_time


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
