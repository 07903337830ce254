"""Bytes a message in the lake, in DocumentDB and as JSON: `python bench/storage.py [--messages N]`.

A week of the simulated fleet's readings, five products, goes through the job into the lake. Then the lake is compacted
by `sluice lake maintain`'s own code, and DocumentDB is given every tenth message as the job would write it. JSON is
the envelope as it came and the decoded message as one object, both without blanks. DocumentDB keeps the message alone,
so it is held against that.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from throughput import project_with_sinks

from jobs.config import Config, load_config
from jobs.lake import Lake
from jobs.lake_maintenance import Policy, maintain
from local.fleet import Fleet
from local.job import Job
from local.ledger import Line
from local.master_data import Replication, full_load
from local.ministack import DEVICE_STREAM, MASTER_STREAM, stream
from local.records import pack_lines
from local.signals import measure
from local.stack import Stack
from udfs.catalog import compile_catalog, read_specs

ROOT = Path(__file__).resolve().parent.parent
WEEK_MS = 7 * 86_400_000
ROWS_A_FILE = 4
"""Readings in one file of the cold room logger."""
SAMPLE = 10
"""Every so many-th message goes to DocumentDB."""
_DECODED = (
    "SELECT count(*) AS n, sum(octet_length(encode(to_json({'message_id': message_id, 'domain': domain, "
    "'product': product, 'device_id': device_id, 'event_time': epoch_ms(event_time), "
    "'received_at': epoch_ms(received_at), 'spec_version': spec_version, 'measurements': measurements, "
    "'attributes': attributes, 'quality': quality, 'firmware': firmware, 'customer_id': customer_id, "
    "'site_id': site_id})::VARCHAR))) AS bytes FROM messages"
)
_HOT = (
    "SELECT message_id AS _id, domain, product, device_id, event_time, received_at, spec_version, measurements, "
    "attributes, quality, firmware FROM messages WHERE hash(message_id) % ? = 0"
)
_ENVELOPES = "SELECT sum(octet_length(envelope)) AS bytes FROM raw"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Stack.start(Path(name) / "run") as stack:
        project = project_with_sinks(Path(name) / "project", "lake")
        properties = project / "flink-conf" / "local.json"
        environment = stack.environment() | {"SLUICE_PROPERTIES": str(properties)}
        os.environ.update(environment)
        config = load_config(properties)
        num_lines = preload(environment, arguments.messages)
        lake = Lake(config)
        with Job.start(project, ROOT / "target" / "sluice.jar", environment, Path(name) / "run") as job:
            job.wait_until_running()
            while not is_stored(lake, num_lines):
                job.check()
                print(f"{lake.num_rows('messages'):,} messages", file=sys.stderr)
                time.sleep(2)
        report(config, lake)


def preload(environment: dict[str, str], num_messages: int) -> int:
    """Puts master data and a week of readings on the streams; in how many lines."""
    fleet = Fleet(compile_catalog(read_specs(ROOT / "specs")), seed=1)
    replication, now = Replication(), datetime.now(UTC)
    stream(environment, MASTER_STREAM).put_all(("master", replication.loaded(row, now)) for row in full_load(fleet))
    devices = stream(environment, DEVICE_STREAM)
    sent, chunk, num_lines = 0, [], 0
    for line in week(fleet, num_messages):
        sent, num_lines = sent + line.messages, num_lines + 1
        chunk.append(line)
        if len(chunk) == 5_000 or sent >= num_messages:
            devices.put_all(pack_lines(chunk, 50))
            chunk = []
        if sent >= num_messages:
            break
    return num_lines


def is_stored(lake: Lake, num_lines: int) -> bool:
    """Whether every line is there, and every message of it or its dead letter."""
    if lake.num_rows("raw") < num_lines:
        return False
    [raw] = lake.query("SELECT sum(greatest(num_messages, 1)) AS received FROM raw", "raw")
    return int(raw["received"]) == sum(lake.num_rows(name) for name in ("messages", "dead_letters", "duplicates"))


def week(fleet: Fleet, num_messages: int) -> Iterator[Line]:
    """Every device in turn, so often that a week is full after `num_messages`."""
    rng = fleet.rng("storage")
    step = WEEK_MS * len(fleet.devices) // num_messages
    began = time.time_ns() // 1_000_000 - WEEK_MS - ROWS_A_FILE * step
    for serial in count():
        for device in fleet.devices:
            at = began + serial * step + device.index * 137 + rng.randrange(500)
            is_file = device.product == "coldroom-logger"
            if is_file and serial % ROWS_A_FILE:
                continue
            times = [at + n * step for n in range(ROWS_A_FILE)] if is_file else [at]
            readings = [measure(device.product, device.index, each, serial + n, rng) for n, each in enumerate(times)]
            yield fleet.line(device, readings, times[-1] + rng.randrange(50, 900), times[-1])


def report(config: Config, lake: Lake) -> None:
    before = {name: lake.state(name) for name in ("telemetry", "raw")}
    policy = Policy(min_files=2, keep_snapshots=timedelta(0), retain_last=1)
    for name in before:
        maintain(lake, name, policy, dry_run=False, progress=lambda step: None)
    after = {name: lake.state(name) for name in before}
    [decoded] = lake.query(_DECODED, "messages")
    [envelopes] = lake.query(_ENVELOPES, "raw")
    num, message_json, envelope_json = decoded["n"], int(decoded["bytes"]), int(envelopes["bytes"])
    rows = [
        ("JSON", "envelope", envelope_json),
        ("JSON", "message", message_json),
        ("JSON", "envelope and message", envelope_json + message_json),
        *[
            ("DocumentDB stand-in", f"message, {what}", size * num)
            for what, size in documentdb_bytes(config, lake).items()
        ],
        (
            "Iceberg",
            f"message, as the job wrote it: {before['telemetry'].num_files} files",
            before["telemetry"].num_bytes,
        ),
        ("Iceberg", f"message, compacted: {after['telemetry'].num_files} files", after["telemetry"].num_bytes),
        ("Iceberg", f"envelope, compacted: {after['raw'].num_files} files", after["raw"].num_bytes),
        ("Iceberg", "envelope and message, compacted", after["telemetry"].num_bytes + after["raw"].num_bytes),
    ]
    print(f"{num:,} messages\n\n| store | what | bytes a message | less than its JSON |\n|---|---|---|---|")
    for store, what, size in rows:
        same = (
            envelope_json + message_json if " and " in what else envelope_json if "envelope" in what else message_json
        )
        print(f"| {store} | {what} | {size / num:,.1f} | {100 * (1 - size / same):.1f} % |")
    print(json.dumps({"columns": column_bytes(lake)}), file=sys.stderr)


def documentdb_bytes(config: Config, lake: Lake) -> dict[str, float]:
    """Bytes a message of what sql/sinks/hot_messages.sql writes: as the server tells them, and of the BSON."""
    documents = lake.query(_HOT, "messages", parameters=[SAMPLE])
    with MongoClient[dict[str, Any]](config.documentdb.uri) as client:
        database = client[config.documentdb.database]
        database["messages"].insert_many(documents)
        try:
            stats = database.command("collStats", "messages")
        except PyMongoError:
            stats = {}
    told = {f"collStats {key}": stats[key] for key in ("size", "storageSize", "totalIndexSize") if stats.get(key)}
    sizes = {"BSON": sum(len(bson.encode(document)) for document in documents)} | told
    return {key: size / len(documents) for key, size in sizes.items()}


def column_bytes(lake: Lake) -> dict[str, int]:
    """Compressed bytes of each column of the telemetry, largest first."""
    files = [task.file.file_path for task in lake.load("telemetry").scan().plan_files()]
    rows = lake.duckdb.execute(
        "SELECT path_in_schema, sum(total_compressed_size)::BIGINT FROM parquet_metadata(?) GROUP BY 1 ORDER BY 2 DESC",
        [files],
    ).fetchall()
    return dict(rows)


if __name__ == "__main__":
    main()
