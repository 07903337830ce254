"""The lake's tables on the embedded stack: made by definition, changed by definition, kept small, read as they were."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment, deploy, wait_until
from pyiceberg.exceptions import ValidationException
from pyiceberg.table import Table
from typer.testing import CliRunner

from cli.main import app
from jobs.lake import Lake, TagError
from jobs.lake_compaction import compact, plan_groups
from jobs.lake_maintenance import Policy, _Files, maintain, orphan_files, tag
from local.job import Job
from local.stack import Stack

ROOT = Path(__file__).parents[2]
DAY_MS = 86_400_000
NOTHING = Policy(min_files=1_000, max_manifests=1_000)
ROWS = "SELECT message_id, device_id, event_time, measurements, attributes, temperature FROM telemetry ORDER BY ALL"


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder) -> Deployment:
    return deploy(shared_stack, folder / "project", "test_lake")


@pytest.fixture(scope="module")
def lake(deployment: Deployment) -> Lake:
    os.environ.update(deployment.environment)
    return Lake(deployment.config)


@pytest.fixture(scope="module")
def filled(deployment: Deployment, lake: Lake, folder) -> Iterator[Job]:
    """A job that has written messages of two days by several commits."""
    with deployment.start(folder / "run") as job:
        job.wait_until_running()
        for batch in range(1, 5):
            send(deployment, batch)
            wait_until(lambda batch=batch: lake.num_rows("messages") == 20 * batch, f"batch {batch}", job.check)
        yield job


def send(deployment: Deployment, batch: int) -> None:
    """Ten messages of today and ten of yesterday, of two devices on both shards."""
    now = time.time_ns() // 1_000_000
    for device in ("guard-1", "guard-2", "guard-3", "guard-4"):
        lines = [
            b'{"product":"milesight-em300-th","device":"%s","protocol":"mqtt","received_at":%d,"event_time":%d,'
            b'"payload":"0367%02x01"}' % (device.encode(), now, now - DAY_MS * (n % 2) - n, batch * 10 + n)
            for n in range(5)
        ]
        deployment.send(*lines, key=device)


def partitions(table: Table) -> list[tuple[str, str]]:
    names = table.schema().find_column_name
    return [(str(names(field.source_id)), str(field.transform)) for field in table.spec().fields]


def committers(job: Job) -> dict[str, str]:
    """The ids of what commits to the lake: by them a restart finds what is not committed yet."""
    vertices = job._get(f"/jobs/{job._id}")["vertices"]
    return {vertex["name"]: vertex["id"] for vertex in vertices if "IcebergSink" in vertex["name"]}


def sluice(*arguments: str) -> Any:
    """The JSON that a command of `sluice lake` prints."""
    result = CliRunner().invoke(app, ["lake", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def no_progress(step: str) -> None:
    pass


def test_tables_are_partitioned_sorted_and_compressed_as_defined(filled: Job, lake: Lake) -> None:
    expected = {"alarms", "dead_letters", "duplicates", "raw"}
    expected |= {"telemetry", "event", "device", "site", "customer", "control", "ota"}
    assert set(lake.tables()) == expected
    table = lake.load("telemetry")
    assert partitions(table) == [("product", "identity"), ("event_time", "day")]
    order = [table.schema().find_column_name(field.source_id) for field in table.sort_order().fields]
    assert order == ["device_id", "event_time"]
    assert (table.format_version, table.properties["write.parquet.compression-codec"]) == (2, "zstd")
    path = next(iter(table.scan().plan_files())).file.file_path
    codecs = lake.duckdb.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [path]).fetchall()
    assert codecs == [("ZSTD",)]
    assert partitions(lake.load("dead_letters")) == [("product", "bucket[8]"), ("attempted_at", "day")]


def test_a_declared_field_is_a_column_beside_the_maps(filled: Job, lake: Lake) -> None:
    rows = lake.query(ROWS, "telemetry")
    assert len(rows) == 80
    assert all(row["temperature"] == row["measurements"]["temperature"] for row in rows)


def test_compaction_leaves_fewer_files_and_the_same_rows(filled: Job, lake: Lake) -> None:
    rows, before = lake.query(ROWS, "telemetry"), lake.state("telemetry")
    dry = maintain(lake, "telemetry", Policy(min_files=2), dry_run=True, progress=no_progress)
    assert lake.state("telemetry") == before
    done = maintain(lake, "telemetry", Policy(min_files=2), dry_run=False, progress=no_progress)
    assert (dry.compacted, dry.rewritten) == (done.compacted, done.rewritten) == (before.num_files, 2)
    assert (done.after.num_files, done.after.num_rows) == (2, 80)
    assert lake.query(ROWS, "telemetry") == rows
    files = [task.file for task in lake.load("telemetry").scan("event_time < '2020-01-01T00:00:00+00:00'").plan_files()]
    assert files == []
    devices = "SELECT device_id, event_time FROM read_parquet(?)"
    for task in lake.load("telemetry").scan().plan_files():
        assert task.file.sort_order_id == lake.load("telemetry").sort_order().order_id
        columns = lake.duckdb.execute("SELECT * FROM read_parquet(?) LIMIT 0", [task.file.file_path]).description
        assert [column[0] for column in columns or ()] == [
            field.name for field in lake.load("telemetry").schema().fields
        ]
        written = lake.duckdb.execute(devices, [task.file.file_path]).fetchall()
        assert written == sorted(written)


def test_a_tag_keeps_the_table_as_it_was(filled: Job, deployment: Deployment, lake: Lake) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    tag(lake, "telemetry", "audit")
    send(deployment, 5)
    wait_until(lambda: lake.num_rows("telemetry") == 100, "the fifth batch", filled.check)
    count = "SELECT count(*) AS n FROM telemetry"
    assert lake.query(count, "telemetry", at="audit") == [{"n": 80}]
    assert lake.query(count, "telemetry") == [{"n": 100}]
    assert lake.query(count, "telemetry", at=before) == [{"n": 0}]
    with pytest.raises(TagError, match="has no tag `adit`: it has audit"):
        lake.query(count, "telemetry", at="adit")


def test_compaction_is_no_conflict_with_what_the_job_commits_meanwhile(
    filled: Job, deployment: Deployment, lake: Lake
) -> None:
    table = lake.load("telemetry")
    groups = plan_groups(table, 2)
    compaction = compact(lake.duckdb, table, groups)
    next(compaction)
    send(deployment, 6)
    wait_until(lambda: lake.num_rows("telemetry") == 120, "the sixth batch", filled.check)
    for _ in compaction:
        pass
    assert (lake.num_rows("telemetry"), len(lake.query(ROWS, "telemetry"))) == (120, 120)
    old = {file.file_path for group in groups for file in group.files}
    assert not old & {task.file.file_path for task in lake.load("telemetry").scan().plan_files()}


def test_of_two_compactions_of_the_same_files_the_second_changes_nothing(filled: Job, lake: Lake) -> None:
    table = lake.load("telemetry")
    groups = plan_groups(table, 2)
    second = compact(lake.duckdb, table, groups)
    next(second)
    for _ in compact(lake.duckdb, lake.load("telemetry"), groups):
        pass
    rows, files = lake.query(ROWS, "telemetry"), lake.state("telemetry").num_files
    with pytest.raises(ValidationException):
        list(second)
    assert (lake.query(ROWS, "telemetry"), lake.state("telemetry").num_files) == (rows, files)


def test_expiry_keeps_tags_and_the_newest_of_flink(filled: Job, lake: Lake) -> None:
    policy = NOTHING._replace(keep_snapshots=timedelta(0), retain_last=1)
    rows = lake.query(ROWS, "telemetry")
    done = maintain(lake, "telemetry", policy, dry_run=False, progress=no_progress)
    assert done.expired > 0
    assert done.removed > 0
    assert done.after.tags == ("audit",)
    assert lake.query("SELECT count(*) AS n FROM telemetry", "telemetry", at="audit") == [{"n": 80}]
    assert lake.query(ROWS, "telemetry") == rows
    summaries = [each.summary for each in lake.load("telemetry").snapshots()]
    assert any(summary and summary["flink.job-id"] for summary in summaries)


def test_orphans_go_and_everything_that_is_named_stays(filled: Job, lake: Lake) -> None:
    table = lake.load("telemetry")
    orphan = f"{table.location()}/data/orphan.parquet"
    lake.duckdb.execute(f"COPY (SELECT 1 AS a) TO '{orphan}' (FORMAT parquet)")
    assert orphan not in [
        file.path for file in orphan_files(table, _Files(lake.config), datetime.now(UTC) - timedelta(1))
    ]
    rows = lake.query(ROWS, "telemetry")
    later = datetime.now(UTC) + timedelta(seconds=2)
    assert orphan in [file.path for file in orphan_files(table, _Files(lake.config), later)]
    maintain(
        lake, "telemetry", NOTHING._replace(orphans_after=timedelta(seconds=-2)), dry_run=False, progress=no_progress
    )
    assert orphan_files(lake.load("telemetry"), _Files(lake.config), later) == []
    assert lake.query(ROWS, "telemetry") == rows


def test_manifests_are_merged(filled: Job, lake: Lake) -> None:
    rows = lake.query(ROWS, "telemetry")
    done = maintain(lake, "telemetry", NOTHING._replace(max_manifests=1), dry_run=False, progress=no_progress)
    assert done.merged_manifests > 1
    table = lake.load("telemetry")
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) == 1
    assert (done.after.num_rows, lake.query(ROWS, "telemetry")) == (len(rows), rows)


def test_commands_say_what_the_lake_holds_and_what_was_done(filled: Job, lake: Lake) -> None:
    assert sluice("tables", "--json")[0].keys() >= {"table", "num_rows", "num_files", "tags"}
    assert sluice("query", "SELECT count(*) AS n FROM messages", "--json") == [{"n": 120}]
    assert sluice("query", "SELECT count(*) AS n FROM telemetry", "--tag", "audit", "--json") == [{"n": 80}]
    assert sluice("query", "SELECT count(*) AS n FROM telemetry", "--at", "2 h", "--json") == [{"n": 0}]
    for file in sorted((ROOT / "sql" / "lake").glob("*.sql")):
        assert isinstance(sluice("query", str(file), "--json"), list)
    dry = sluice("maintain", "--json", "--dry-run", "--min-files", "2")
    done = sluice("maintain", "--json", "--min-files", "2")
    assert (len(dry["tables"]), len(done["tables"]), done["failed"]) == (11, 11, {})
    [raw] = [each for each in done["tables"] if each["before"]["table"] == "raw"]
    assert raw["after"]["num_files"] < raw["before"]["num_files"]
    assert raw["after"]["num_rows"] == raw["before"]["num_rows"]


def test_definitions_that_change_change_the_tables(filled: Job, deployment: Deployment, lake: Lake, folder) -> None:
    ids = committers(filled)
    filled.stop()
    rows, old_files = (
        lake.query(ROWS, "telemetry"),
        {f.file.file_path for f in lake.load("telemetry").scan().plan_files()},
    )
    domain = deployment.project / "specs" / "domains" / "telemetry.yaml"
    gained = '\nmeasurements:\n  - {name: radon, unit: "Bq/m3", doc: Radon.}'
    domain.write_text(domain.read_text().replace("\nmeasurements:", gained))
    definition = deployment.project / "specs" / "lake" / "messages.yaml"
    definition.write_text(
        definition.read_text()
        .replace("partitions: [product, day(event_time)]", "partitions: [day(event_time), 'bucket(4, device_id)']")
        .replace("sort: [device_id, event_time]", "sort: [event_time]")
    )
    with deployment.start(folder / "second") as job:
        job.wait_until_running()
        assert len(ids) == 11
        assert committers(job) == ids
        send(deployment, 7)
        # This start has no snapshot: the job reads the stream from its beginning once more.
        wait_until(lambda: lake.num_rows("telemetry") == 120 + 140, "all seven batches", job.check)
        table = lake.load("telemetry")
        assert partitions(table) == [("event_time", "day"), ("device_id", "bucket[4]")]
        assert [table.schema().find_column_name(f.source_id) for f in table.sort_order().fields] == ["event_time"]
        assert lake.query("SELECT DISTINCT radon FROM telemetry", "telemetry") == [{"radon": None}]
        assert lake.query(ROWS, "telemetry", at="audit")
        assert {f.file.file_path for f in table.scan().plan_files()} >= old_files
        done = maintain(lake, "telemetry", Policy(min_files=2), dry_run=False, progress=no_progress)
        assert done.rewritten > 0
        assert (lake.num_rows("telemetry"), len(lake.query(ROWS, "telemetry"))) == (260, 260)
        assert all(row in lake.query(ROWS, "telemetry") for row in rows[:5])
