"""Master data of several sources and the aggregates: what the stores hold while the job runs and after a restart."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deployment import ROOT, Deployment, deploy, newest_checkpoint, wait_for_checkpoint, wait_until
from psycopg.rows import dict_row
from pymongo import MongoClient
from test_dead_letters import dlq
from test_job import SPEC, change, envelope

from jobs.aggregate_rebuild import rebuild_day
from jobs.lake import Lake
from local.job import Job
from local.stack import Stack

DAY = datetime.combine(datetime.now(UTC).date() - timedelta(days=2), datetime.min.time(), UTC)
"""A day that is over, and not too late for Hot."""


DOCK = """
product: loading-dock
title: Loading dock sensor, a product of this test only
version: {version}
domain: telemetry
format: hex
layout:
  kind: length
  size: 2
  fields:
    - {{name: temperature, at: 0, type: i16, scale: 0.1, unit: Cel, range: [-40, {highest}]}}
examples:
  - {{payload: "00c8", expect: {{temperature: 20.0}}}}
"""


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_stores")
    (deployment.project / "specs" / "products" / "frost-guard.yaml").write_text(SPEC)
    write_dock(deployment, version=1, highest=40)
    return deployment


def write_dock(deployment: Deployment, version: int, highest: int) -> None:
    spec = deployment.project / "specs" / "products" / "loading-dock.yaml"
    spec.write_text(DOCK.format(version=version, highest=highest))


@pytest.fixture(scope="module")
def job(deployment: Deployment, folder: Path) -> Iterator[list[Job]]:
    """The job, which a test may stop and start anew."""
    running = [deployment.start(folder / "run")]
    running[0].wait_until_running()
    yield running
    running[0].stop()


@pytest.fixture(scope="module")
def hot(deployment: Deployment, job: list[Job]) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](deployment.config.documentdb.uri, tz_aware=True) as client:
        yield client[deployment.config.documentdb.database]


@pytest.fixture(scope="module")
def aurora(deployment: Deployment, job: list[Job]) -> Iterator[Any]:
    config = deployment.config.aurora
    with psycopg.connect(config.conninfo(config.read_host), autocommit=True, row_factory=dict_row) as connection:
        yield connection


def row(aurora: Any, table: str, key: str, value: str) -> dict[str, Any]:
    found: dict[str, Any] | None = aurora.execute(f"SELECT * FROM {table} WHERE {key} = %s", [value]).fetchone()  # noqa: S608
    return found or {}


def commit(deployment: Deployment, *records: dict[str, Any]) -> None:
    deployment.commit(*records)


def reading(device: str, temperature: float, at: datetime) -> bytes:
    payload = int(temperature * 10).to_bytes(2, "big", signed=True).hex() + "64"
    return envelope(device, payload, event_time=int(at.timestamp() * 1000))


def test_capture_records_of_every_format_become_one_customer_site_and_device(
    deployment: Deployment, aurora: Any
) -> None:
    now = int(time.time() * 1000)
    erp = {"db": "erp", "schema": "erp", "table": "debtors", "change_lsn": "00000027:00000ac0:0002", "ts_ms": now}
    debtor = {"debtor_no": 40, "company": "Acme", "country_code": "DEU", "tel": "030 1234567", "vat": "DE111"}
    thing = {"_id": "m-1", "product": "frost-guard", "site": "S1", "firmware": {"version": "2.1"}}
    release = {"releaseId": {"S": "r1"}, "product": {"S": "frost-guard"}, "version": {"S": "2.1"}}
    commit(
        deployment,
        {
            "operationType": "insert",
            "clusterTime": {"$timestamp": {"t": now // 1000, "i": 1}},
            "ns": {"db": "iot", "coll": "devices"},
            "documentKey": {"_id": "m-1"},
            "fullDocument": thing,
        },
        change("assets", "devices", {"serial_no": "m-1", "model": "frost-guard", "site_id": "S1"}),
        change("assets", "models", {"model": "frost-guard", "title": "Frost guard"}),
        change("crm", "sites", {"id": "S1", "customer_id": "C1", "name": "Hall", "time_zone": "Europe/Berlin"}),
        change("crm", "customers", {"id": "C1", "country": "Germany", "vat_id": "de111"}),
        {"op": "c", "before": None, "after": debtor, "source": erp},
        {
            "eventName": "INSERT",
            "tableName": "FirmwareReleases",
            "dynamodb": {"ApproximateCreationDateTime": now, "Keys": {"releaseId": {"S": "r1"}}, "NewImage": release},
        },
    )
    wait_until(lambda: bool(row(aurora, "device", "device_id", "m-1")), "the device in Aurora")
    wait_until(lambda: row(aurora, "customer", "customer_id", "C1").get("name") == "Acme", "the customer's ERP name")
    customer = row(aurora, "customer", "customer_id", "C1")
    assert (customer["country"], customer["phone"], customer["vat_id"]) == ("DE", "+49301234567", "DE111")
    assert (
        not row(aurora, "customer", "customer_id", "erp-40")
        or row(aurora, "customer", "customer_id", "erp-40")["deleted"]
    )
    assert row(aurora, "device", "device_id", "m-1")["firmware"] == "2.1"
    wait_until(lambda: bool(row(aurora, "firmware", "firmware_id", "r1")), "the firmware in Aurora")


def test_a_device_of_an_unknown_site_is_quarantined_until_the_site_is_there(
    deployment: Deployment, aurora: Any
) -> None:
    commit(deployment, change("assets", "devices", {"serial_no": "q-1", "model": "frost-guard", "site_id": "S-late"}))
    wait_until(
        lambda: row(aurora, "master_quarantine", "row_key", "q-1").get("reason") == "unknown_reference", "quarantine"
    )
    assert row(aurora, "device", "device_id", "q-1") == {}
    commit(deployment, change("crm", "sites", {"id": "S-late", "customer_id": "C1"}))
    wait_until(lambda: bool(row(aurora, "device", "device_id", "q-1")), "the device in Aurora")
    wait_until(lambda: row(aurora, "master_quarantine", "row_key", "q-1").get("reason") == "", "end of the quarantine")


def test_product_aggregates_agree_with_the_values_also_after_late_ones(deployment: Deployment, hot: Any) -> None:
    values = [5 + n / 10 for n in range(120)]
    times = [DAY + timedelta(hours=7, minutes=n) for n in range(120)]
    lines = [reading("a-1", value, at) for value, at in zip(values, times, strict=True)]
    deployment.send(*lines[20:], key="a-1")
    for span in ("1h", "6h", "1d"):
        wait_until(lambda span=span: total(hot, span) == 100, f"100 values in aggregates_{span}")  # type: ignore[misc]
    deployment.send(*lines[:20], key="a-1")  # two days late, and still counted
    for span in ("1h", "6h", "1d"):
        wait_until(lambda span=span: total(hot, span) == 120, f"120 values in aggregates_{span}")  # type: ignore[misc]
    day = hot.aggregates_1d.find_one({"product": "frost-guard", "measurement": "temperature"})
    assert (day["start"], day["min_value"], day["max_value"], day["last_value"]) == (DAY, 5.0, 16.9, 16.9)
    assert day["sum_value"] == pytest.approx(sum(values), rel=1e-12)
    assert day["mean_value"] == pytest.approx(statistics.mean(values), rel=1e-12)
    assert day["p50"] == pytest.approx(statistics.median(values), rel=0.02)
    assert day["p95"] == pytest.approx(sorted(values)[113], rel=0.02)
    hours = list(hot.aggregates_1h.find({"product": "frost-guard", "measurement": "temperature"}).sort("start", 1))
    assert [(hour["start"].hour, hour["num_values"]) for hour in hours] == [(7, 60), (8, 60)]
    [six] = hot.aggregates_6h.find({"product": "frost-guard", "measurement": "temperature"})
    assert six["start"] == DAY + timedelta(hours=6)


def total(hot: Any, span: str) -> int:
    found = hot[f"aggregates_{span}"].find({"product": "frost-guard", "measurement": "temperature"})
    return sum(document["num_values"] for document in found)


def test_a_device_that_changes_hands_at_noon_counts_for_both(
    deployment: Deployment, aurora: Any, job: list[Job]
) -> None:
    day = DAY - timedelta(days=1)
    morning, noon, evening = (day + timedelta(hours=hours) for hours in (6, 12, 18))
    commit(
        deployment,
        change("crm", "customers", {"id": "C2", "name": "Other"}, at=day.timestamp()),
        change("crm", "sites", {"id": "S2", "customer_id": "C2"}, at=day.timestamp()),
        change("crm", "sites", {"id": "S1b", "customer_id": "C1"}, at=day.timestamp()),
        change("assets", "devices", {"serial_no": "n-1", "model": "frost-guard", "site_id": "S1b"}, at=day.timestamp()),
        change("assets", "devices", {"serial_no": "n-1", "model": "frost-guard", "site_id": "S2"}, at=noon.timestamp()),
    )
    wait_until(lambda: row(aurora, "device", "device_id", "n-1").get("site_id") == "S2", "the move in Aurora")
    deployment.send(
        reading("n-1", 10, morning), reading("n-1", 30, evening), reading("n-1", 12, morning + timedelta(hours=1))
    )
    wait_until(lambda: len(customer_days(aurora, day.date())) == 4, "both customers' days")
    wait_until(lambda: customer_days(aurora, day.date())["C1", "temperature"]["num_values"] == 2, "both values of C1")
    found = customer_days(aurora, day.date())
    assert {key: value["sum_value"] for key, value in found.items() if key[1] == "temperature"} == {
        ("C1", "temperature"): 22.0,
        ("C2", "temperature"): 30.0,
    }
    lake = lake_of(deployment)
    wait_until(
        lambda: lake.query("SELECT count(*) AS n FROM messages WHERE device_id = 'n-1'", "messages")[0]["n"] == 3,
        "the lake",
    )
    rebuilt = rebuild_day(deployment.config, lake, day.date())
    assert [(each.new, each.changed, each.gone) for each in rebuilt] == [(0, 0, 0), (0, 0, 0)]
    assert customer_days(aurora, day.date()) == found
    aurora.execute("DELETE FROM customer_product_1d WHERE day = %s AND customer_id = 'C2'", [day.date()])
    assert [each.new for each in rebuild_day(deployment.config, lake, day.date())] == [0, 2]
    assert customer_days(aurora, day.date()) == found


def customer_days(aurora: Any, day: date) -> dict[tuple[str, str], dict[str, Any]]:
    rows = aurora.execute("SELECT * FROM customer_product_1d WHERE day = %s", [day]).fetchall()
    return {(row["customer_id"], row["measurement"]): row for row in rows}


def lake_of(deployment: Deployment) -> Lake:
    import os

    os.environ.update(deployment.environment)
    return Lake(deployment.config)


def test_quality_is_counted_by_product_and_source(deployment: Deployment, hot: Any) -> None:
    deployment.send(envelope("q-2", "ffce64", protocol="file"), envelope("q-2", "ff", protocol="file"))
    wait_until(lambda: bool(hot.data_quality_1d.count_documents({"protocol": "file", "num_received": 2})), "the counts")
    document = hot.data_quality_1d.find_one({"protocol": "file"})
    assert (document["product"], document["num_decoded"], document["num_usable"]) == ("frost-guard", 1, 0)


def test_no_document_of_hot_names_a_customer(hot: Any) -> None:
    for collection in (
        "messages",
        "latest_state",
        "aggregates_1h",
        "aggregates_6h",
        "aggregates_1d",
        "data_quality_1d",
    ):
        documents = list(hot[collection].find())
        assert documents, collection
        for document in documents:
            assert not {"customer_id", "site_id", "limits"} & document.keys()
            assert not {"C1", "C2"} & {str(value) for value in document.values()}


def test_after_a_mended_spec_and_a_replay_nearly_all_is_usable(
    deployment: Deployment, aurora: Any, hot: Any, job: list[Job], folder: Path
) -> None:
    commit(deployment, change("assets", "devices", {"serial_no": "dock-1", "model": "loading-dock", "site_id": "S1"}))
    wait_until(lambda: bool(row(aurora, "device", "device_id", "dock-1")), "the device in Aurora")
    now = int(time.time() * 1000)
    payloads = ["01f4" if number % 5 == 0 else "00c8" for number in range(100)]  # 50 and 20 degrees
    for number, payload in enumerate(payloads):
        line = envelope("dock-1", payload, product="loading-dock", event_time=now - number)
        deployment.send(line, key="dock-1")
    wait_until(lambda: usable(hot) == (100, 80), "a fifth to be refused")
    wait_until(lambda: hot.dead_letters.count_documents({"product": "loading-dock"}) == 20, "the letters")
    # Read again after a restore to before them, the lines would be usable at once by the mended spec.
    wait_for_checkpoint(folder / "run")
    job[0].stop()
    write_dock(deployment, version=2, highest=85)
    job[0] = Job.start(
        deployment.project,
        ROOT / "target" / "sluice.jar",
        deployment.environment,
        folder / "run",
        {"execution.state-recovery.path": newest_checkpoint(folder / "run")},
    )
    job[0].wait_until_running()
    replayed = dlq(deployment, "replay", "--product", "loading-dock", "--wait", "60")
    assert replayed.exit_code == 0, replayed.output
    wait_until(lambda: usable(hot) == (100, 100), "all of it to be usable", job[0].check)


def usable(hot: Any) -> tuple[int, int]:
    rows = list(hot.data_quality_1d.find({"product": "loading-dock"}))
    return sum(row["num_received"] for row in rows), sum(row["num_usable"] for row in rows)


def test_after_a_start_without_snapshot_nothing_is_stale_or_lost(
    deployment: Deployment, aurora: Any, job: list[Job], folder: Path
) -> None:
    at = time.time()
    commit(deployment, change("crm", "sites", {"id": "S3", "customer_id": "C1", "name": "new"}, at=at))
    wait_until(lambda: row(aurora, "site", "site_id", "S3").get("name") == "new", "the site in Aurora")
    job[0].stop()
    commit(deployment, change("crm", "sites", {"id": "S3", "customer_id": "C1", "name": "old"}, at=at - 60))
    commit(deployment, change("assets", "devices", {"serial_no": "r-1", "model": "frost-guard", "site_id": "S3"}))
    job[0] = deployment.start(folder / "run")
    job[0].wait_until_running()
    wait_until(lambda: bool(row(aurora, "device", "device_id", "r-1")), "the device in Aurora", job[0].check)
    assert row(aurora, "site", "site_id", "S3")["name"] == "new"
    wait_until(lambda: len(versions(aurora, "S3")) == 2, "the older version in the history")
    old, new = versions(aurora, "S3")
    assert (old["columns"]["name"], new["columns"]["name"]) == ("old", "new")
    assert (old["valid_from"], old["valid_to"], new["valid_to"]) == ("-infinity", new["valid_from"], "infinity")


def versions(aurora: Any, site: str) -> list[dict[str, Any]]:
    query = (
        "SELECT columns, valid_from::text, valid_to::text FROM master_validity "
        "WHERE master = 'site' AND row_key = %s ORDER BY version"
    )
    found: list[dict[str, Any]] = aurora.execute(query, [site]).fetchall()
    return found
