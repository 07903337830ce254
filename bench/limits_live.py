"""How soon an overridden limit holds: `python bench/limits_live.py [--times 10]`.

A device sends 25 degrees ten times a second; its limit is 40. At some moment a limit of 20 is put on the master stream.
The time of the first reading that raises the alarm, less that moment, is how long the limit took to be in force.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from throughput import ROOT, master_rows

from cli.master import put_row
from gateways.stream import Stream
from jobs.config import load_config
from local.job import Job
from local.ministack import DEVICE_STREAM, MASTER_STREAM, stream
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs

PRODUCT = "milesight-am319"
EVERY_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    times = parser.parse_args().times
    catalog = compile_catalog(read_specs(ROOT / "specs"))
    with tempfile.TemporaryDirectory() as name:
        run_dir = Path(name) / "run"
        with Stack.start(run_dir) as stack:
            environment = stack.environment()
            os.environ.update(environment)
            with Job.start(ROOT, ROOT / "target" / "sluice.jar", environment, run_dir) as job:
                job.wait_until_running()
                found = sorted(in_force_after(number, catalog, environment) for number in range(times))
    print(f"{times} limits, in force after: median {statistics.median(found):.1f} s, longest {found[-1]:.1f} s")


def in_force_after(number: int, catalog: Catalog, environment: dict[str, str]) -> float:
    """Seconds."""
    device = f"bench-{number}"
    config = load_config(ROOT / "flink-conf" / "local.json")
    devices = stream(environment, DEVICE_STREAM)
    stream(environment, MASTER_STREAM).put_all(("master", row) for row in master_rows(number + 1))
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host), autocommit=True) as aurora:
        for _ in range(30):
            send(devices, catalog, device)
        put_at = time.time()
        scope = {"limit_id": device, "scope": "device", "scope_id": device}
        put_row(config, "limit_override", scope | {"limit_name": "temperature_max", "value": "20"})
        while time.time() < put_at + PATIENCE_SECONDS:
            send(devices, catalog, device)
            raised = aurora.execute(
                "SELECT extract(epoch FROM first_event_time) FROM alarm WHERE device_id = %s", [device]
            ).fetchone()
            if raised:
                return float(raised[0]) - put_at
    raise SystemExit(f"the limit of {device} is not in force after {PATIENCE_SECONDS:.0f} s")


def send(devices: Stream, catalog: Catalog, device: str) -> None:
    envelope: dict[str, Any] = {"product": PRODUCT, "device": device, "protocol": "mqtt"}
    envelope |= {"received_at": time.time_ns() // 1_000_000}
    envelope |= {"payload": catalog.encode(PRODUCT, [{"temperature": 25.0}])}
    devices.put_all([(device, json.dumps(envelope).encode())])
    time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
