"""Master data at size: what a subtask needs for a fleet of N devices, how long its start takes, how fast it enriches.

    .venv/bin/python bench/master_data.py --devices 1000000

Starts the embedded PostgreSQL, fills it with devices at 1 % as many sites, and measures in a process of its own each:
`broadcast`, what every subtask of decode holds (jobs/enrich.py); `keyed/N`, what one of N holds with enrich.mode=keyed
(jobs/shares.py), whose first rate has the reading of its shares in it; and `unify`, what the one subtask holds that
unifies the sources (jobs/master.py). Then how fast mode keyed cuts records. The newest table stands in
bench/results/master_data.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import psutil
import psycopg

from jobs.config import Aurora, load_config
from jobs.enrich import MASTERS, MasterData, read_earlier_versions, read_master_data
from jobs.ingest import Record
from jobs.master import read_source_rows
from jobs.shares import HELD_EVERYWHERE, Shares, cut, share_of
from jobs.store import migrate_aurora
from local.stack import Stack
from udfs.masters import compile_masters, read_masters
from udfs.unify import Unifier

ROOT = Path(__file__).parents[1]
DEVICES_PER_SITE = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--part", choices=[*PARTS], help="measure this alone, in this process")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](load_config(ROOT / "flink-conf" / "local.json").aurora, options.devices)))
        return
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder) / ".run") as stack:
        environment = os.environ | stack.environment()
        aurora = load_config(ROOT / "flink-conf" / "local.json", environment).aurora
        migrate_aurora(aurora, ROOT / "sql" / "aurora")
        fill(aurora, options.devices)
        print(f"{options.devices:,} devices at {options.devices // DEVICES_PER_SITE:,} sites\n")
        print("| part | start s | memory MiB | enriched/s, each device once | enriched/s, again |")
        print("|---|---|---|---|---|")
        for part in PARTS:
            command = [sys.executable, __file__, "--part", part, "--devices", str(options.devices)]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            rates = (f"{found[name]:,.0f}" if name in found else "–" for name in ("first_rate", "again_rate"))
            print(f"| {part} | {found['start']:.1f} | {found['memory']:,.0f} | {' | '.join(rates)} |", flush=True)
    print(f"\ncut: {_cut_rate():,.0f} lines/s, records of 50 devices")


def fill(aurora: Aurora, devices: int) -> None:
    """What a job has written that unified this fleet."""
    version, position = 1_767_600_000_000_000_000, f"{1_767_600_000_000:013d}{0:040d}"
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


def measure_broadcast(aurora: Aurora, devices: int) -> dict[str, float]:
    ids = [*_ids(devices)]
    before, began = _memory(), time.perf_counter()
    data = _opened(aurora, MASTERS)
    start = time.perf_counter() - began
    first = _rate(data, ids, lambda device: None)
    again = _rate(data, ids, lambda device: None)
    return {"start": start, "memory": _memory() - before, "first_rate": first, "again_rate": again}


def measure_keyed(subtasks: int, aurora: Aurora, devices: int) -> dict[str, float]:
    ids = [device for device in _ids(devices) if int(share_of(device), 16) % subtasks == 0]
    before, began = _memory(), time.perf_counter()
    data, shares = _opened(aurora, HELD_EVERYWHERE), Shares(aurora)
    start = time.perf_counter() - began

    def hold(device: str) -> None:
        shares.hold(share_of(device), data)

    first = _rate(data, ids, hold)
    again = _rate(data, ids, hold)
    return {"start": start, "memory": _memory() - before, "first_rate": first, "again_rate": again}


def _ids(devices: int) -> Iterator[str]:
    return (f"24e124{n:010x}" for n in range(devices))


def _opened(aurora: Aurora, masters: Collection[str]) -> MasterData:
    """As a subtask of decode is after its start."""
    keys = compile_masters(read_masters(ROOT / "specs")).keys
    data = MasterData({"milesight-am319": {"temperature_max": 40.0}})
    for change in read_master_data(aurora, aurora.read_host, {master: keys[master] for master in masters}):
        data.apply(change)
    for version in read_earlier_versions(aurora, masters):
        data.remember(version)
    return data


def _rate(data: MasterData, ids: list[str], hold: Callable[[str], None]) -> float:
    began = time.perf_counter()
    for device in ids:
        hold(device)
        data.enrichment("milesight-am319", device, 1_767_700_000_000)
    return len(ids) / (time.perf_counter() - began)


def _cut_rate() -> float:
    line = '{"product":"milesight-am319","device":"%s","protocol":"mqtt","received_at":1767700000000,"payload":"%s"}'
    data = "\n".join(line % (device, "0367340104686505" * 4) for device in _ids(50)).encode()
    record, times = Record(data, 1_767_700_000_000, "shardId-0", "1"), 2_000
    began = time.perf_counter()
    for _ in range(times):
        for _ in cut(record):
            pass
    return 50 * times / (time.perf_counter() - began)


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


PARTS: Final[dict[str, Callable[[Aurora, int], dict[str, float]]]] = {
    "broadcast": measure_broadcast,
    "keyed/2": partial(measure_keyed, 2),
    "keyed/8": partial(measure_keyed, 8),
    "unify": measure_unify,
}


if __name__ == "__main__":
    main()
