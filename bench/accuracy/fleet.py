"""Precision and recall of alarms over a labelled fleet, plain thresholds beside the reduction of false positives.

    python bench/accuracy/fleet.py [--sites 40] [--days 12] [--seed 1]

Two sensors at each site, a reading every ten minutes. Cooling fails at some sites for hours: these are the alarms to
find. Besides, single readings are wrong, the sun shines on one sensor, and at some sites a machine warms both a little
every day. The rules of bench/accuracy/rules run in the job's own views, models and lifecycle on a mini-cluster;
operators mark the false alarms of the first four days, what comes after them is counted.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]

from jobs.platform import one_java_thread  # noqa: E402
from jobs.rule_cases import CaseMessage, mark_message  # noqa: E402
from jobs.rule_runner import RuleAlarm, alarms_of  # noqa: E402
from jobs.rules import default_limits, read_rules  # noqa: E402
from udfs.catalog import Catalog, compile_catalog, read_specs  # noqa: E402

PRODUCT: Final = "milesight-em300-th"
ZERO: Final = 1_767_571_200_000
DAY, HOUR, STEP = 86_400_000, 3_600_000, 600_000
LEARNING_DAYS: Final = 4
SLACK: Final = HOUR
"""An alarm so long after a failure still belongs to it."""

RULES: Final = {"plain threshold": f"{PRODUCT}/plain", "corroborated, lasting, learnt": f"{PRODUCT}/corroborated"}


class Failure(NamedTuple):
    """Cooling fails at a site; milliseconds."""

    site: str
    start: int
    end: int


@dataclass(frozen=True)
class Fleet:
    messages: list[CaseMessage]
    failures: list[Failure]


def simulate(num_sites: int, days: int, seed: int, limits: dict[str, float]) -> Fleet:
    random = Random(seed)
    messages: list[CaseMessage] = []
    failures: list[Failure] = []
    for number in range(num_sites):
        site = f"site-{number:03d}"
        of_site = list(_failures(site, days, random))
        failures += of_site
        machine = 11.5 if number % 8 == 0 else 0.0
        for sensor in ("a", "b"):
            messages += _readings(f"{site}-{sensor}", site, days, of_site, machine, random, limits)
    return Fleet(sorted(messages, key=lambda message: message.received_at), failures)


def _failures(site: str, days: int, random: Random) -> Iterator[Failure]:
    for day in range(days):
        if random.random() < 0.12:
            start = ZERO + day * DAY + random.randrange(20) * HOUR
            yield Failure(site, start, start + random.randint(2, 4) * HOUR)


def _readings(
    device: str,
    site: str,
    days: int,
    failures: Sequence[Failure],
    machine: float,
    random: Random,
    limits: dict[str, float],
) -> Iterator[CaseMessage]:
    sunny = {day for day in range(days) if random.random() < 0.08}
    sun = 8 if device.endswith("a") else 15  # one sensor hangs to the east, the other to the west
    for at in range(ZERO, ZERO + days * DAY, STEP):
        hour, day = (at - ZERO) % DAY / HOUR, (at - ZERO) // DAY
        value = 20 + 2 * sin((hour - 9) / 24 * 2 * pi) + random.gauss(0, 0.4)
        if any(failure.start <= at < failure.end for failure in failures):
            value += 20
        if day in sunny and sun <= hour < sun + 2:
            value += 14
        if machine and 10 <= hour < 11:
            value += machine
        if random.random() < 0.002:
            value += 30
        yield _message(device, site, at, value, limits)


def _message(device: str, site: str, at: int, value: float, limits: dict[str, float]) -> CaseMessage:
    return CaseMessage(
        message_id=f"{device}:{at}",
        domain="telemetry",
        product=PRODUCT,
        device_id=device,
        event_time=at,
        received_at=at,
        spec_version=1,
        measurements={"temperature": round(value, 1)},
        attributes={},
        quality=[],
        firmware=None,
        customer_id="customer",
        site_id=site,
        limits=limits,
    )


def is_true(alarm: RuleAlarm, failures: Sequence[Failure]) -> bool:
    site = alarm.device_id.rpartition("-")[0]
    return any(f.site == site and f.start <= alarm.at < f.end + SLACK for f in failures)


def marks_of(alarms: Sequence[RuleAlarm], failures: Sequence[Failure]) -> list[CaseMessage]:
    """What operators say an hour after each false alarm of the first days."""
    learning = ZERO + LEARNING_DAYS * DAY
    return [
        mark_message(alarm.rule, alarm.device_id, alarm.at + HOUR, "false_alarm")
        for alarm in alarms
        if alarm.at < learning and not is_true(alarm, failures)
    ]


class Accuracy(NamedTuple):
    alarms: int
    false: int
    failures: int
    found: int

    @property
    def precision(self) -> float:
        return 1 - self.false / self.alarms if self.alarms else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.failures if self.failures else 1.0


def accuracy(alarms: Sequence[RuleAlarm], failures: Sequence[Failure]) -> Accuracy:
    """Of what comes after the days of learning."""
    learning = ZERO + LEARNING_DAYS * DAY
    counted = [alarm for alarm in alarms if alarm.at >= learning]
    expected = [failure for failure in failures if failure.start >= learning]
    found = [
        failure
        for failure in expected
        if any(
            a.device_id.startswith(f"{failure.site}-") and failure.start <= a.at < failure.end + SLACK for a in counted
        )
    ]
    false = sum(not is_true(alarm, failures) for alarm in counted)
    return Accuracy(len(counted), false, len(expected), len(found))


def run(messages: list[CaseMessage], catalog: Catalog) -> dict[str, list[RuleAlarm]]:
    """The raised alarms of each rule."""
    by_rule: dict[str, list[RuleAlarm]] = defaultdict(list)
    with one_java_thread():
        found = alarms_of(messages, catalog, read_rules(HERE / "rules"))
    for alarm in found:
        by_rule[alarm.rule].append(alarm)
    return by_rule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=40)
    parser.add_argument("--days", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    catalog = compile_catalog(read_specs(HERE.parents[1] / "specs"))
    limits = default_limits(read_rules(HERE / "rules"))[PRODUCT]
    fleet = simulate(options.sites, options.days, options.seed, limits)
    started = time.perf_counter()
    first = run(fleet.messages, catalog)
    marks = [mark for name in RULES.values() for mark in marks_of(first[name], fleet.failures)]
    messages = sorted([*fleet.messages, *marks], key=lambda message: message.received_at)
    second = run(messages, catalog)
    seconds = time.perf_counter() - started
    print(
        f"{len(fleet.messages):,} readings of {options.sites} sites, {len(fleet.failures)} failures, {seconds:.0f} s\n"
    )
    print("| rule | alarms | false | precision | failures | found | recall |")
    print("|---|---|---|---|---|---|---|")
    told = {"plain threshold": first[RULES["plain threshold"]]}
    told["plain threshold, marks learnt"] = second[RULES["plain threshold"]]
    told["corroborated and lasting"] = first[RULES["corroborated, lasting, learnt"]]
    told["corroborated, lasting, marks learnt"] = second[RULES["corroborated, lasting, learnt"]]
    for title, alarms in told.items():
        of = accuracy(alarms, fleet.failures)
        figures = f"{of.alarms} | {of.false} | {of.precision:.3f} | {of.failures} | {of.found} | {of.recall:.3f}"
        print(f"| {title} | {figures} |")


if __name__ == "__main__":
    main()
