"""Messages a second through the whole job: `python bench/throughput.py [--sinks all|lake|blackhole] [--messages N]
[--enrich-mode keyed] [--devices-a-record 50]`.

A backlog of AM319 payloads (4 keys, all devices registered, 50 envelopes a Kinesis record) waits on the stream; the job
starts, and the messages that have left decode are counted by Flink until the backlog is through. The rate is taken
between 10 % and 90 % of it. `blackhole` keeps every operator and swaps the stores' connectors; `lake` swaps all but
Iceberg.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from gateways.stream import Keyed
from jobs.config import load_config
from jobs.lake_tables import message_inserts
from local.job import Job
from local.ministack import DEVICE_STREAM, MASTER_STREAM, stream
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.lake_definitions import compile_lake, read_lake

ROOT = Path(__file__).resolve().parent.parent
LINES_PER_RECORD = 50
NUM_DEVICES = 1000
COUNTS_ARRIVALS = "occurrences"
"""The task behind decode that every message passes."""
PRODUCT = "milesight-am319"
_OPTIONS = re.compile(r"\) WITH \(.*?\n\);", re.DOTALL)
_WRITTEN = re.compile(r"INSERT INTO lake\.`x`\.`(\w+)`")
_LAKE_TABLE = re.compile(r"lake\.`\$\{lake\.database\}`\.`?(\w+)`?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinks", choices=["all", "lake", "blackhole"], default="all")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--parallelism", type=int, default=2)
    parser.add_argument("--enrich-mode", choices=["broadcast", "keyed"], default="broadcast")
    parser.add_argument("--devices-a-record", type=int, choices=[1, LINES_PER_RECORD], default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = project_with_sinks(folder / "project", arguments.sinks)
        set_enrich_mode(project / "flink-conf" / "local.json", arguments.enrich_mode)
        with Stack.start(folder / "run") as stack:
            os.environ.update(stack.environment())
            catalog = compile_catalog(read_specs(ROOT / "specs"))
            preload(stack, catalog, arguments.messages, arguments.devices_a_record)
            measure(project, folder / "run", stack, arguments)


def project_with_sinks(project: Path, sinks: str) -> Path:
    for part in ("specs", "sql", "flink-conf"):
        shutil.copytree(ROOT / part, project / part)
    shutil.copy(ROOT / "main.py", project)
    for path in [*project.glob("sql/sinks/*.sql"), *project.glob("sql/aggregates/*.sql")]:
        if sinks != "all" and not (sinks == "lake" and path.name.startswith("lake_")):
            path.write_text(blackhole(path.read_text()))
    if sinks == "blackhole":
        # Before all other sinks, so that what they insert into is there.
        (project / "sql" / "sinks" / "0_lake.sql").write_text(blackhole_lake(project / "specs"))
        shutil.rmtree(project / "specs" / "lake")
    return project


def set_enrich_mode(properties: Path, mode: str) -> None:
    groups = json.loads(properties.read_text())
    for group in groups:
        if group["PropertyGroupId"] == "sluice.job":
            group["PropertyMap"]["enrich.mode"] = mode
    properties.write_text(json.dumps(groups))


def blackhole(text: str) -> str:
    text = _OPTIONS.sub(") WITH (\n  'connector' = 'blackhole'\n);", text)
    return _LAKE_TABLE.sub(r"blackhole_\1", text)


def blackhole_lake(specs: Path) -> str:
    """The lake's tables without a lake, and what is written to those of the domains."""
    tables = compile_lake(read_lake(specs), read_specs(specs))
    statements = [
        f"CREATE TEMPORARY TABLE blackhole_{table.name} "
        f"({', '.join(f'`{column.name}` {flink_type(column.type)}' for column in table.columns)}) "
        "WITH ('connector' = 'blackhole')"
        for table in tables
    ]
    statements += [_WRITTEN.sub(r"INSERT INTO blackhole_\1", insert) for insert in message_inserts("x", tables)]
    return "".join(f"{statement};\n" for statement in statements)


def flink_type(kind: str) -> str:
    parts = {"long": "BIGINT", "timestamptz": "TIMESTAMP_LTZ(6)", "binary": "BYTES", "list": "ARRAY"}
    return re.sub(r"\w+", lambda match: parts.get(match[0], match[0].upper()), kind)


def preload(stack: Stack, catalog: Catalog, num_messages: int, devices_a_record: int) -> None:
    stream(stack.environment(), MASTER_STREAM).put_all(("master", row) for row in master_rows(NUM_DEVICES))
    device_stream = stream(stack.environment(), DEVICE_STREAM)
    rng, now = Random(1), time.time_ns() // 1_000_000
    began = time.monotonic()
    chunk: list[Keyed] = []
    for first in range(0, num_messages, LINES_PER_RECORD):
        place = first // LINES_PER_RECORD * devices_a_record
        devices = [f"bench-{(place + n) % NUM_DEVICES}" for n in range(devices_a_record)]
        lines = [
            line(catalog, devices[n % devices_a_record], now - num_messages + first + n, rng)
            for n in range(LINES_PER_RECORD)
        ]
        chunk.append((devices[0], b"\n".join(lines)))
        if len(chunk) == 100:
            device_stream.put_all(chunk)
            chunk = []
    device_stream.put_all(chunk)
    print(f"preloaded {num_messages:,} messages in {time.monotonic() - began:.0f} s", file=sys.stderr)


def line(catalog: Catalog, device: str, event_time: int, rng: Random) -> bytes:
    reading = {
        "temperature": rng.uniform(15, 30),
        "humidity": rng.uniform(20, 80),
        "co2": rng.randrange(400, 1500),
        "pressure": rng.uniform(980, 1030),
    }
    envelope: dict[str, Any] = {"product": PRODUCT, "device": device, "protocol": "mqtt", "received_at": event_time}
    return json.dumps(envelope | {"payload": catalog.encode(PRODUCT, [reading])}).encode()


def master_rows(devices: int) -> list[bytes]:
    """A customer with one site, at which the devices are."""
    rows = [
        ("crm", "customers", {"id": "C1", "name": "Bench"}),
        ("crm", "sites", {"id": "S1", "customer_id": "C1"}),
        *(
            ("assets", "devices", {"serial_no": f"bench-{n}", "model": PRODUCT, "site_id": "S1", "fw_version": "1"})
            for n in range(devices)
        ),
    ]
    now = datetime.now(UTC).isoformat()
    metadata = {"timestamp": now, "record-type": "data", "operation": "load"}
    return [
        json.dumps({"data": data, "metadata": metadata | {"schema-name": schema, "table-name": table}}).encode()
        for schema, table, data in rows
    ]


def measure(project: Path, run_dir: Path, stack: Stack, arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    options = {"parallelism.default": str(arguments.parallelism), "metrics.fetcher.update-interval": "500"}
    environment = stack.environment()
    load_config(project / "flink-conf" / "local.json", os.environ | environment)
    environment["SLUICE_PROPERTIES"] = str(project / "flink-conf" / "local.json")
    with Job.start(project, ROOT / "target" / "sluice.jar", environment, run_dir, options) as job:
        job.wait_until_running()
        started = time.monotonic() - began
        rate = rate_between(job, 0.1 * arguments.messages, 0.9 * arguments.messages)
        memory = job.memory_bytes / (1 << 30)
    print(
        f"| {arguments.sinks} | {arguments.enrich_mode} | {arguments.devices_a_record} | {arguments.parallelism} "
        f"| {arguments.messages:,} | {rate:,.0f} "
        f"| {started:.1f} | {memory:.1f} |"
    )


def rate_between(job: Job, low: float, high: float) -> float:
    """Messages a second between the first sight of `low` and of `high` decoded messages."""
    first: tuple[float, int] | None = None
    while True:
        job.check()
        now, decoded = time.monotonic(), job.num_records_read(COUNTS_ARRIVALS)
        if first is None and decoded >= low:
            first = now, decoded
        if first is not None and decoded >= high and now > first[0]:
            return (decoded - first[1]) / (now - first[0])
        time.sleep(0.2)


if __name__ == "__main__":
    main()
