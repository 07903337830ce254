"""What goes wrong with devices, and when: episodes and sequences that rules must see, and near misses.

The run is cut into cycles. A device has at most one script a cycle and rests for three cycles, so every script is an
episode of its own; the last seconds of a bounded run are quiet, so that watermarks pass what was injected.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from local.fleet import Device, Fleet

CYCLE_SECONDS: Final = 90.0
QUIET_SECONDS: Final = 15.0
REST_CYCLES: Final = 4
STEP_SECONDS: Final = 1.0
"""Between the hot readings of an episode; the rules close an episode after 20 s without one."""
TRACKER_STEP_SECONDS: Final = 2.0  # a tracker's clock has whole seconds: two reports must not share one
GUARD_SECONDS: Final = 3.0
"""Around a script its device sends nothing else."""
LATE_FROM_SECONDS: Final = 12.0
"""Late readings come when the watermark surely has passed their event time."""
LATE_BY_MS: Final = 240_000
LIMIT_RAISED_AT: Final = 0.25  # parts of the window
LIMIT_HOLDS_FROM: Final = 0.6
LIMIT_TAKES_SECONDS: Final = 10.0
"""A raised limit holds everywhere after this at most; shorter runs do not try it."""

OVER_TEMPERATURE: Final = "milesight-am319/over_temperature"
TOO_WARM: Final = "coldroom-logger/too_warm"
POWER_CUT_THEN_MOVING: Final = "meitrack-aaa/power_cut_then_moving"
THRESHOLD_RULES: Final = {"milesight-am319": OVER_TEMPERATURE, "coldroom-logger": TOO_WARM}

CUT, RESTORED, REPORT = 23, 22, 35


@dataclass(frozen=True)
class Step:
    """One scripted reading, `at` seconds after the start; `rule` names the alarm that it must raise."""

    at: float
    device: Device
    kind: str
    """hot | late | drive"""
    event: int = REPORT
    speed: int = 0
    rule: str | None = None


@dataclass(frozen=True)
class Script:
    """The steps of one device in one cycle."""

    device: Device
    steps: tuple[Step, ...]

    def covers(self, at: float) -> bool:
        return self.steps[0].at - GUARD_SECONDS <= at <= self.steps[-1].at + GUARD_SECONDS


def raised_limit_device(fleet: Fleet) -> Device:
    """The device whose limit is raised during the run; later it is hot and must not alarm."""
    return fleet.of_product("milesight-am319")[-1]


def window(cycle: int, run_seconds: float | None) -> tuple[float, float]:
    """First and last second of the cycle in which something may go wrong; empty where last <= first."""
    start = cycle * CYCLE_SECONDS
    end = start + CYCLE_SECONDS if run_seconds is None else min(start + CYCLE_SECONDS, run_seconds)
    return start + GUARD_SECONDS, end - QUIET_SECONDS


def limit_raised_at(first: float, last: float) -> float:
    """When in the window of the first cycle master data changes."""
    return first + LIMIT_RAISED_AT * max(0.0, last - first)


def scripts(fleet: Fleet, cycle: int, run_seconds: float | None) -> list[Script]:
    """All scripts of the cycle that fit into its window."""
    first, last = window(cycle, run_seconds)
    rng = fleet.rng(f"scripts {cycle}")
    plans = [*_hot(fleet, cycle, rng), *_trackers(fleet, cycle, rng), *_late(fleet, cycle, rng)]
    found = [_moved(device, steps, first, last, rng) for device, steps in plans]
    found.append(_hot_below_raised_limit(fleet, cycle, first, last))
    return [script for script in found if script is not None]


def _hot(fleet: Fleet, cycle: int, rng: Random) -> Iterator[tuple[Device, list[Step]]]:
    for product, count in (("milesight-am319", 4), ("coldroom-logger", 3)):
        for device in _turn(fleet, product, cycle, count):
            num_steps = rng.randint(9, 12)
            steps = [Step(number * STEP_SECONDS, device, "hot") for number in range(num_steps)]
            yield device, [Step(0, device, "hot", rule=THRESHOLD_RULES[product]), *steps[1:]]


def _trackers(fleet: Fleet, cycle: int, rng: Random) -> Iterator[tuple[Device, list[Step]]]:
    towed_1, towed_2, restored, parked = _turn(fleet, "meitrack-aaa", cycle, 4)
    moving = (REPORT, 38, POWER_CUT_THEN_MOVING)
    yield towed_1, _drive(towed_1, [(CUT, 0, None), moving])
    yield towed_2, _drive(towed_2, [(CUT, 0, None), (REPORT, 0, None), (REPORT, rng.randint(1, 9), None), moving])
    yield restored, _drive(restored, [(CUT, 0, None), (REPORT, 0, None), (RESTORED, 0, None), (REPORT, 42, None)])
    yield parked, _drive(parked, [(CUT, 0, None), (REPORT, 0, None), (REPORT, 4, None), (RESTORED, 0, None)])


def _late(fleet: Fleet, cycle: int, rng: Random) -> Iterator[tuple[Device, list[Step]]]:
    for product in THRESHOLD_RULES:
        # Behind the 16 devices of the scripts above; only once it is sure that the watermark has passed.
        device = fleet.of_product(product)[30 + cycle % REST_CYCLES]
        yield device, [Step(LATE_FROM_SECONDS, device, "late")]


def _turn(fleet: Fleet, product: str, cycle: int, count: int) -> list[Device]:
    start = cycle % REST_CYCLES * count
    return fleet.of_product(product)[start : start + count]


def _drive(device: Device, reports: list[tuple[int, int, str | None]]) -> list[Step]:
    return [
        Step(number * TRACKER_STEP_SECONDS, device, "drive", event, speed, rule)
        for number, (event, speed, rule) in enumerate(reports)
    ]


def _moved(device: Device, steps: list[Step], first: float, last: float, rng: Random) -> Script | None:
    """The script at a random place of the window, or None where it does not fit."""
    room = last - first - steps[-1].at
    if room < 0:
        return None
    start = first + rng.uniform(0, room)
    return Script(device, tuple(_at(step, start + step.at) for step in steps))


def _hot_below_raised_limit(fleet: Fleet, cycle: int, first: float, last: float) -> Script | None:
    device = raised_limit_device(fleet)
    start = first + LIMIT_HOLDS_FROM * (last - first)
    settled = cycle > 0 or start - limit_raised_at(first, last) >= LIMIT_TAKES_SECONDS
    if not settled or last - start < 5 * STEP_SECONDS:
        return None
    return Script(device, tuple(Step(start + number * STEP_SECONDS, device, "hot") for number in range(5)))


def _at(step: Step, at: float) -> Step:
    return Step(at, step.device, step.kind, step.event, step.speed, step.rule)
