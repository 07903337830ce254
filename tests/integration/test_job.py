"""The job on a mini-cluster, with a product and a rule that exist as files only, bad input and a killed worker."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from deployment import Deployment, deploy, wait_until
from pymongo import MongoClient

from local.job import Job
from local.stack import Stack
from local.stores import Stores

SPEC = """
product: frost-guard
title: Frost guard, a product of this test only
version: 3
domain: telemetry
format: hex
layout:
  kind: length
  size: 3
  fields:
    - {name: temperature, at: 0, type: i16, scale: 0.1, unit: Cel}
    - {name: battery, at: 2, type: u8, unit: "%"}
examples:
  - {payload: ffce64, expect: {temperature: -5.0, battery: 100}}
"""
RULE = """/*
title: Frost
severity: minor
type: threshold
limits:
  temperature_min: {default: 3, unit: Cel}
*/
SELECT device_id, event_time, customer_id, site_id, temperature AS `value`,
       limits['temperature_min'] AS limit_value, battery
FROM frost_guard_telemetry
WHERE temperature < limits['temperature_min']
"""
PATTERN = """/*
title: Thawed
severity: minor
type: correlation
*/
SELECT device_id, event_time
FROM frost_guard_telemetry
MATCH_RECOGNIZE (
  PARTITION BY device_id
  ORDER BY event_time
  MEASURES WARM.event_time AS event_time
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (COLD WARM) WITHIN INTERVAL '10' SECOND
  DEFINE COLD AS COLD.temperature < 0, WARM AS WARM.temperature > 0
)
"""
COLD, WARM = "ffce64", "00c864"  # -5.0 and 20.0 degC at 100 %
_places = count(1)


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_job")
    (deployment.project / "specs" / "products" / "frost-guard.yaml").write_text(SPEC)
    rules = deployment.project / "sql" / "rules" / "frost-guard"
    rules.mkdir()
    (rules / "frost.sql").write_text(RULE)
    (rules / "thaw.sql").write_text(PATTERN)
    return deployment


@pytest.fixture(scope="module")
def job(deployment: Deployment, folder: Path) -> Iterator[Job]:
    with deployment.start(folder / "run") as job:
        job.wait_until_running()
        yield job


@pytest.fixture(scope="module")
def stores(deployment: Deployment, job: Job) -> Iterator[Stores]:
    with deployment.stores() as stores:
        yield stores


@pytest.fixture(scope="module")
def hot(deployment: Deployment, job: Job) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](deployment.config.documentdb.uri) as client:
        yield client[deployment.config.documentdb.database]


def envelope(device: str, payload: str, **fields: object) -> bytes:
    times = {"received_at": time.time_ns() // 1_000_000}
    return json.dumps(
        {"product": "frost-guard", "device": device, "protocol": "mqtt", "payload": payload} | times | fields
    ).encode()


def change(schema: str, table: str, data: dict[str, Any], operation: str = "insert", at: float = 0) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at or time.time(), UTC).isoformat()
    metadata = {
        "timestamp": moment,
        "commit-timestamp": moment,
        "record-type": "data",
        "operation": operation,
        "schema-name": schema,
        "table-name": table,
        "transaction-record-id": next(_places),
    }
    return {"data": data, "metadata": metadata}


def register(deployment: Deployment, stores: Stores, device: str) -> None:
    deployment.commit(
        change("crm", "customers", {"id": "C1", "name": "Acme", "country": "de"}),
        change("crm", "sites", {"id": "S1", "customer_id": "C1", "name": "Hall"}),
        change("assets", "devices", {"serial_no": device, "model": "frost-guard", "site_id": "S1", "fw_version": "7"}),
    )
    wait_until(lambda: device in stores.master_rows("device", "device_id"), f"{device} in Aurora")


def test_product_and_rule_added_as_files_are_picked_up(deployment: Deployment, stores: Stores, hot: Any) -> None:
    register(deployment, stores, "guard-1")
    deployment.send(envelope("guard-1", COLD))
    wait_until(lambda: bool(hot.messages.count_documents({"device_id": "guard-1"})), "the message in DocumentDB")
    message = hot.messages.find_one({"device_id": "guard-1"})
    assert message["measurements"] == {"temperature": -5.0, "battery": 100.0}
    assert (message["spec_version"], message["firmware"], message["quality"]) == (3, "7", [])
    pass_time(deployment, stores, lambda: "guard-1" in alarmed(stores))
    [alarm] = [alarm for alarm in stores.alarms() if alarm.device_id == "guard-1"]
    assert alarm.rule == "frost-guard/frost"


def test_hot_holds_no_customer_field(deployment: Deployment, stores: Stores, hot: Any) -> None:
    register(deployment, stores, "guard-2")
    deployment.send(envelope("guard-2", WARM))
    wait_until(lambda: bool(hot.latest_state.count_documents({"_id": "guard-2"})), "the latest state")
    wait_until(lambda: bool(hot.aggregates_1h.count_documents({"product": "frost-guard"})), "the aggregate")
    for collection in ("messages", "latest_state", "aggregates_1h"):
        for document in hot[collection].find():
            assert not {"customer_id", "site_id", "limits"} & document.keys()
            assert "C1" not in json.dumps(document, default=str)


def test_older_message_does_not_overwrite_the_latest_state(deployment: Deployment, hot: Any) -> None:
    now = time.time_ns() // 1_000_000
    deployment.send(envelope("guard-3", WARM, event_time=now))
    deployment.send(envelope("guard-3", COLD, event_time=now - 60_000))
    wait_until(lambda: hot.messages.count_documents({"device_id": "guard-3"}) == 2, "both messages")
    wait_until(lambda: bool(hot.latest_state.count_documents({"_id": "guard-3"})), "the latest state")
    assert hot.latest_state.find_one({"_id": "guard-3"})["measurements"]["temperature"] == 20.0


def test_limit_of_one_device_holds_without_a_restart(deployment: Deployment, stores: Stores) -> None:
    register(deployment, stores, "guard-4")
    override = {"id": "L4", "scope": "device", "scope_id": "guard-4", "limit_name": "temperature_min"}
    deployment.commit(change("assets", "alarm_limits", override | {"limit_value": -20}))
    wait_until(lambda: "L4" in stores.master_rows("limit_override", "limit_id"), "the override in Aurora")
    deployment.send(envelope("guard-4", COLD), envelope("guard-5", COLD))
    pass_time(deployment, stores, lambda: "guard-5" in alarmed(stores))
    assert "guard-4" not in alarmed(stores)


def test_readings_of_one_moment_are_in_the_order_of_the_stream(
    deployment: Deployment, stores: Stores, hot: Any
) -> None:
    now = time.time_ns() // 1_000_000
    thawing, freezing = ([f"{name}-{number}" for number in range(40)] for name in ("thawing", "freezing"))
    for first in range(0, 40, 5):
        for devices, payloads in ((thawing, (COLD, WARM)), (freezing, (WARM, COLD))):
            some = devices[first : first + 5]
            lines = [envelope(device, payload, event_time=now) for device in some for payload in payloads]
            deployment.send(*lines, key=some[0])
    pass_time(deployment, stores, lambda: set(freezing) <= alarmed(stores))
    assert alarmed(stores, "frost-guard/thaw") == set(thawing)

    def devices_at(temperature: float) -> set[str]:
        names = {"_id": {"$in": thawing + freezing}, "measurements.temperature": temperature}
        return {state["_id"] for state in hot.latest_state.find(names)}

    wait_until(lambda: devices_at(20.0) == set(thawing), "the later reading as the latest state")
    wait_until(lambda: devices_at(-5.0) == set(freezing), "the later reading as the latest state")


def test_older_change_of_master_data_does_not_win(deployment: Deployment, stores: Stores) -> None:
    now = time.time()
    new = {"id": "S9", "customer_id": "C1", "name": "new"}
    deployment.commit(change("crm", "sites", new, at=now), change("crm", "sites", new | {"name": "old"}, at=now - 60))
    deployment.commit(change("crm", "sites", {"id": "S10", "customer_id": "C1", "name": "last"}))
    # Two rows are written by two subtasks: the one behind may come first.
    wait_until(lambda: {"S9", "S10"} <= stores.master_rows("site", "site_id").keys(), "both rows")
    assert stores.master_rows("site", "site_id")["S9"]["name"] == "new"


def test_bad_input_becomes_dead_letters_and_the_job_goes_on(deployment: Deployment, stores: Stores, job: Job) -> None:
    before = stores.dead_by_reason()
    deployment.send(
        b"\xff\xfe not text",
        b'{"product": "frost-guard"',
        envelope("guard-6", "zz"),
        envelope("guard-6", "ffce"),
        envelope("guard-6", WARM, product="no-such-product"),
        envelope("guard-6", WARM, received_at=4_000_000_000_000),
        envelope("gu\u0000ard", WARM),
        b"[1, 2, 3]",
    )
    expected = {"bad_envelope": 5, "bad_hex": 1, "truncated": 1, "unknown_product": 1}
    wait_until(lambda: stores.dead_by_reason() - before == expected, f"{expected}")
    assert job.num_restarts() == 0


def test_bad_master_data_is_quarantined(deployment: Deployment, stores: Stores) -> None:
    override = {"id": "L7", "scope": "galaxy", "scope_id": "x", "limit_name": "y", "limit_value": 1}
    deployment.commit(change("assets", "alarm_limits", override))
    query = "SELECT reason, field FROM dead_letters WHERE stream = 'master-cdc'"
    wait_until(lambda: stores.num_rows("dead_letters") > 0 and bool(stores.query(query, "dead_letters")), "quarantine")
    assert stores.query(query, "dead_letters") == [{"reason": "bad_value", "field": "scope"}]
    assert "L7" not in stores.master_rows("limit_override", "limit_id")


def test_nothing_is_lost_or_doubled_when_workers_are_killed(deployment: Deployment, stores: Stores, job: Job) -> None:
    stored, duplicates = stores.num_rows("messages"), stores.num_rows("duplicates")
    start = time.time_ns() // 1_000_000 - 100_000
    lines = [envelope(f"guard-{n % 7}", WARM, event_time=start + n) for n in range(400)]
    for first in range(0, 200, 10):
        deployment.send(*lines[first : first + 10], key=str(first))
    kill_python_workers()
    for first in range(200, 400, 10):
        deployment.send(*lines[first : first + 10], key=str(first))
    deployment.send(*lines[:50])  # once more: duplicates

    wait_until(lambda: job.num_restarts() > 0, "a restart", job.check)
    wait_until(lambda: stores.num_rows("messages") - stored >= 400, "all messages in the lake", job.check)
    wait_until(lambda: stores.num_rows("duplicates") - duplicates >= 50, "the duplicates", job.check)
    assert stores.num_rows("messages") - stored == 400
    assert stores.num_rows("duplicates") - duplicates == 50
    wait_until(lambda: stores.num_documents("messages") == stores.num_rows("messages"), "the hot store to agree")
    dead = stores.dead_by_reason().total()
    assert stores.num_received() == stores.num_rows("messages") + stores.num_rows("duplicates") + dead


def test_migrations_are_applied_once(deployment: Deployment, job: Job) -> None:
    aurora = deployment.config.aurora
    with psycopg.connect(
        host=aurora.read_host, port=aurora.port, user=aurora.user, password=aurora.password, dbname=aurora.database
    ) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM migration ORDER BY name")]
    assert names == [path.stem for path in sorted((deployment.project / "sql" / "aurora").glob("*.sql"))]


def alarmed(stores: Stores, rule: str = "frost-guard/frost") -> set[str]:
    return {alarm.device_id for alarm in stores.alarms() if alarm.rule == rule}


def pass_time(deployment: Deployment, stores: Stores, condition: Any) -> None:
    """Other devices go on sending, so that the watermark passes what was sent before."""

    def sent() -> bool:
        for number in range(8):  # both shards, so both subtasks
            deployment.send(envelope(f"clock-{number}", WARM), key=f"clock-{number}")
        return bool(condition())

    wait_until(sent, "the watermark to pass")


def kill_python_workers() -> None:
    workers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "pyflink.fn_execution.beam.beam_boot" in " ".join(process.info["cmdline"] or [])
    ]
    assert workers
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
