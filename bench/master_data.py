"""Master data at size: what a subtask needs for a fleet of N devices, how long its start takes, how fast it enriches.

    .venv/bin/python bench/master_data.py --devices 1000000

Starts the embedded PostgreSQL, fills it with devices at 1 % as many sites, and measures in a process of its own each:
`enrich`, what every subtask of decode holds (jobs/enrich.py), and `unify`, what the one subtask holds that unifies the
sources (jobs/master.py). Prints a table; the newest one stands in bench/results/master_data.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from jobs.config import Aurora, load_config
from jobs.enrich import MASTERS, MasterData, read_earlier_versions, read_master_data
from jobs.master import read_source_rows
from jobs.store import migrate_aurora
from local.stack import Stack
from udfs.masters import compile_masters, read_masters
from udfs.unify import Unifier

ROOT = Path(__file__).parents[1]
DEVICES_PER_SITE = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--part", choices=["enrich", "unify"], help="measure this alone, in this process")
    options = parser.parse_args()
    if options.part:
        measure = {"enrich": measure_enrich, "unify": measure_unify}[options.part]
        print(json.dumps(measure(load_config(ROOT / "flink-conf" / "local.json").aurora, options.devices)))
        return
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder) / ".run") as stack:
        environment = os.environ | stack.environment()
        aurora = load_config(ROOT / "flink-conf" / "local.json", environment).aurora
        migrate_aurora(aurora, ROOT / "sql" / "aurora")
        fill(aurora, options.devices)
        print(f"{options.devices:,} devices at {options.devices // DEVICES_PER_SITE:,} sites\n")
        print("| part | start s | memory MiB | enriched/s, each device once | enriched/s, again |")
        print("|---|---|---|---|---|")
        for part in ("enrich", "unify"):
            command = [sys.executable, __file__, "--part", part, "--devices", str(options.devices)]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            rates = (f"{found[name]:,.0f}" if name in found else "–" for name in ("first_rate", "again_rate"))
            print(f"| {part} | {found['start']:.1f} | {found['memory']:,.0f} | {' | '.join(rates)} |")


def fill(aurora: Aurora, devices: int) -> None:
    """What a job has written that unified this fleet."""
    version, position = 1_767_600_000_000_000_000, f"{1_767_600_000_000 << 64:040d}"
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        _copy(connection, "customer (customer_id, version, deleted)", iter([("C1", version, False)]))
        _copy(
            connection,
            "site (site_id, customer_id, version, deleted)",
            ((f"S{n}", "C1", version, False) for n in range(devices // DEVICES_PER_SITE)),
        )
        _copy(
            connection,
            "device (device_id, product, site_id, firmware, version, deleted)",
            (
                (f"24e124{n:010x}", "milesight-am319", f"S{n // DEVICES_PER_SITE}", "1.7", version, False)
                for n in range(devices)
            ),
        )
        _copy(
            connection,
            "master_source_row (source, row_key, master, position, version, columns)",
            _sources(devices, version, position),
        )


def _sources(devices: int, version: int, position: str) -> Iterator[tuple[object, ...]]:
    yield "crm.customers", "C1", "customer", position, version, '{"customer_id":"C1"}'
    for n in range(devices // DEVICES_PER_SITE):
        yield "crm.sites", f"S{n}", "site", position, version, f'{{"site_id":"S{n}","customer_id":"C1"}}'
    for n in range(devices):
        device, site = f"24e124{n:010x}", f"S{n // DEVICES_PER_SITE}"
        columns = {"device_id": device, "product": "milesight-am319", "site_id": site, "firmware": "1.7"}
        yield "assets.devices", device, "device", position, version, json.dumps(columns, separators=(",", ":"))


def _copy(connection: "psycopg.Connection[tuple[object, ...]]", table: str, rows: Iterator[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:  # type: ignore[arg-type]
        for row in rows:
            copy.write_row(row)


def measure_enrich(aurora: Aurora, devices: int) -> dict[str, float]:
    before, began = _memory(), time.perf_counter()
    keys = compile_masters(read_masters(ROOT / "specs")).keys
    data = MasterData({"milesight-am319": {"temperature_max": 40.0}})
    for change in read_master_data(aurora, aurora.read_host, {master: keys[master] for master in MASTERS}):
        data.apply(change)
    for version in read_earlier_versions(aurora):
        data.remember(version)
    start = time.perf_counter() - began
    ids = [f"24e124{n:010x}" for n in range(devices)]
    first = _rate(data, ids)
    return {"start": start, "memory": _memory() - before, "first_rate": first, "again_rate": _rate(data, ids)}


def _rate(data: MasterData, ids: list[str]) -> float:
    began = time.perf_counter()
    for device in ids:
        data.enrichment("milesight-am319", device, 1_767_700_000_000)
    return len(ids) / (time.perf_counter() - began)


def measure_unify(aurora: Aurora, devices: int) -> dict[str, float]:
    before, began = _memory(), time.perf_counter()
    catalog = compile_masters(read_masters(ROOT / "specs"))
    unifier = Unifier(catalog)
    standing = read_master_data(aurora, aurora.write_host, catalog.keys)
    healed = sum(1 for _ in unifier.restore(read_source_rows(aurora), standing))
    if healed:
        raise SystemExit(f"{healed} rows did not stand: the bench's fleet is wrong")
    return {"start": time.perf_counter() - began, "memory": _memory() - before}


def _memory() -> float:
    return psutil.Process().memory_info().rss / (1 << 20)


if __name__ == "__main__":
    main()
