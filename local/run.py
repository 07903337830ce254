"""`sluice run`: stack, job, fleet, live summary and, at the end, the table that reconciles all stores."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from gateways.stream import Stream
from jobs.config import Config, load_config
from local.fleet import Fleet
from local.gateway import Gateway
from local.job import Job
from local.latency import LatencyProbe
from local.reconciliation import Check, reconcile, render
from local.simulator import FleetSimulator
from local.stack import Stack
from local.stores import Stores
from local.summary import summary_line
from udfs.catalog import compile_catalog, read_specs
from udfs.masters import compile_masters, read_masters

LINE_SECONDS: Final = 5.0
STANDSTILL_SECONDS: Final = 60.0
"""In a run that goes on, bundles, checkpoints and the commits of the lake change something in less."""


@dataclass(frozen=True)
class RunPlan:
    """What to run: `rate` messages a second from `devices`, for `run_seconds` (None: until interrupted)."""

    project: Path
    jar: Path
    run_dir: Path
    rate: float
    devices: int
    seed: int
    run_seconds: float | None
    restarts: int = 0
    """How often the job's Python workers are killed, evenly over a bounded run."""


def run(plan: RunPlan, console: Console) -> bool:
    """True if every store holds what it must. Stack and job are stopped on leaving, whatever happens."""
    began = time.monotonic()
    with Stack.start(plan.run_dir) as stack:
        console.print(f"stack   up after {time.monotonic() - began:.1f} s, logs in {plan.run_dir / 'logs'}")
        environment = stack.environment()
        with Job.start(plan.project, plan.jar, environment, plan.run_dir) as job:
            job.wait_until_running()
            console.print(f"job     running after {time.monotonic() - began:.1f} s, Flink's web UI: {job.web_ui}")
            config = load_config(plan.project / "flink-conf" / "local.json", os.environ | environment)
            os.environ.update(environment)  # boto3 and the lake take their credentials from there
            with Gateway.start(plan.project, environment, plan.run_dir) as gateway:
                console.print(f"gateway serves after {time.monotonic() - began:.1f} s: TCP, MQTT, REST and files")
                with Stores(config) as stores, _latency(config) as latency:
                    checks = _run_fleet(plan, console, config, job, gateway, stores, latency)
                    console.print(f"memory  {_gibibytes(stack, job, gateway):.1f} GiB (stack, job and gateway)")
    console.print(render(checks))
    return all(check.holds for check in checks)


def _run_fleet(
    plan: RunPlan,
    console: Console,
    config: Config,
    job: Job,
    gateway: Gateway,
    stores: Stores,
    latency: LatencyProbe,
) -> list[Check]:
    keys = compile_masters(read_masters(plan.project / "specs")).keys
    fleet = Fleet(compile_catalog(read_specs(plan.project / "specs")), plan.seed, plan.devices)
    devices, masters = (Stream(config.aws, name) for name in (config.kinesis.devices, config.kinesis.masters))
    with gateway.senders() as senders:
        simulator = FleetSimulator(
            devices,
            masters,
            fleet,
            plan.rate,
            plan.run_seconds,
            master_applied=lambda: len(stores.master_rows("device", keys["device"])) >= len(fleet.devices),
            knows_late=job.keeps_event_time,
            senders=senders,
        )
        console.print(
            f"fleet   {len(fleet.devices)} devices, {plan.rate:g} messages/s; Ctrl-C ends the run with its table"
        )
        with _sending(simulator) as sending:
            _watch(plan, console, simulator, sending, job, stores, latency)
    console.print("fleet   stopped; waiting until the stores have all of it")
    return _settle(simulator, job, stores, keys, config.documentdb.ttl_days)


def _watch(
    plan: RunPlan,
    console: Console,
    simulator: FleetSimulator,
    sending: "_Sending",
    job: Job,
    stores: Stores,
    latency: LatencyProbe,
) -> None:
    began = time.monotonic()
    kills = [(plan.run_seconds or 0) * part / (plan.restarts + 1) for part in range(1, plan.restarts + 1)]
    try:
        while not sending.ended(LINE_SECONDS):
            job.check()
            if kills and time.monotonic() - began >= kills[0]:
                kills.pop(0)
                console.print(f"fault   killed {job.kill_workers()} Python workers of the job")
            console.print(
                summary_line(time.monotonic() - began, simulator.ledger, job, stores, latency), soft_wrap=True
            )
    except KeyboardInterrupt:
        console.print("interrupted: no more messages are sent")


def _settle(simulator: FleetSimulator, job: Job, stores: Stores, keys: dict[str, str], ttl_days: int) -> list[Check]:
    """All checks as soon as they hold, or when the stores have stood still for so long that they will not."""
    checks: list[Check] = []
    changed = time.monotonic()
    while True:
        job.check()
        before, checks = checks, reconcile(simulator.ledger, stores, keys, ttl_days)
        if checks != before:
            changed = time.monotonic()
        if all(check.holds for check in checks) or time.monotonic() - changed > STANDSTILL_SECONDS:
            return checks
        time.sleep(1)


class _Sending:
    """The simulator in its thread; its error is raised where the run is watched."""

    def __init__(self, simulator: FleetSimulator) -> None:
        self._simulator = simulator
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._send, name="fleet")

    def start(self) -> None:
        self._thread.start()

    def ended(self, timeout: float) -> bool:
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        try:
            self._simulator.run(self._stop)
        except BaseException as error:
            self._error = error


@contextmanager
def _sending(simulator: FleetSimulator) -> Iterator[_Sending]:
    sending = _Sending(simulator)
    sending.start()
    try:
        yield sending
    finally:
        sending.stop()


@contextmanager
def _latency(config: Config) -> Iterator[LatencyProbe]:
    probe = LatencyProbe(config.documentdb.uri, config.documentdb.database)
    probe.start()
    try:
        yield probe
    finally:
        probe.stop()


def _gibibytes(stack: Stack, job: Job, gateway: Gateway) -> float:
    return (
        job.memory_bytes + gateway.memory_bytes + sum(server.memory_bytes() for server in stack.services.values())
    ) / (1 << 30)
