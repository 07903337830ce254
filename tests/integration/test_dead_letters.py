"""Dead letters through a spec fix: refused by the old spec, replayed twice under the new one, and stored once.

The tests go through one story in their order: the job with the old spec, then the same job, restored, with the new one.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from deployment import ROOT, Deployment, deploy, newest_checkpoint, wait_until
from pymongo import MongoClient
from typer.testing import CliRunner

from cli.main import app
from jobs.replay import mark
from local.job import Job
from local.stack import Stack
from local.stores import Stores
from udfs.message import Replay

SPEC = """
product: roof-probe
title: Roof probe, a product of this test only
version: {version}
domain: telemetry
format: hex
layout:
  kind: length
  fields:
    - {{name: temperature, type: i16, scale: 0.1, unit: Cel, range: [-40, {highest}]}}
examples:
  - {{payload: 00c8, expect: {{temperature: 20.0}}}}
"""
MILD, HOT, IMPOSSIBLE, CUT = "00c8", "01f4", "7fff", "00"  # 20 and 50 degC, 3276.7 degC, one byte of two
LETTERS = 5


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_dead_letters")
    keep_what_replay_needs(deployment.project / "sql")
    write_spec(deployment, version=1, highest=40)
    return deployment


@pytest.fixture(scope="module")
def hot(deployment: Deployment) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](deployment.config.documentdb.uri, tz_aware=True) as client:
        yield client[deployment.config.documentdb.database]


@pytest.fixture(scope="module")
def stores(deployment: Deployment) -> Iterator[Stores]:
    with deployment.stores() as stores:
        yield stores


@pytest.fixture(scope="module")
def checkpoint(deployment: Deployment, stores: Stores, hot: Any, folder: Path) -> str:
    """The letters of the old spec are in the stores; where the job that wrote them left its state."""
    with deployment.start(folder / "old") as job:
        job.wait_until_running()
        deployment.send(envelope("probe-1", HOT))
        wait_until(lambda: hot.dead_letters.count_documents({}) == 1, "the oldest letter in DocumentDB", job.check)
        deployment.send(b'{"product": "roof-probe"', envelope("probe-1", IMPOSSIBLE), envelope("probe-1", MILD))
        deployment.send(envelope("probe-2", HOT), envelope("probe-2", CUT), key="other")
        wait_until(lambda: hot.dead_letters.count_documents({}) == LETTERS, "the letters in DocumentDB", job.check)
        wait_until(lambda: stores.dead_by_reason().total() == LETTERS, "the letters in the lake", job.check)
        wait_until(lambda: stores.num_rows("messages") == 1, "the message in the lake", job.check)
        return newest_checkpoint(folder / "old")


@pytest.fixture(scope="module")
def job(deployment: Deployment, checkpoint: str, folder: Path) -> Iterator[Job]:
    """The job with the new spec."""
    write_spec(deployment, version=2, highest=85)
    options = {"execution.state-recovery.path": checkpoint}
    jar = ROOT / "target" / "sluice.jar"
    with Job.start(deployment.project, jar, deployment.environment, folder / "new", options) as job:
        job.wait_until_running()
        yield job


def keep_what_replay_needs(sql: Path) -> None:
    """Other sinks leave, so that the job, which is started twice, starts sooner."""
    for file in [*sql.glob("aggregates/*"), *sql.glob("sinks/aurora_*")]:
        file.unlink()


def write_spec(deployment: Deployment, version: int, highest: int) -> None:
    spec = deployment.project / "specs" / "products" / "roof-probe.yaml"
    spec.write_text(SPEC.format(version=version, highest=highest))


def envelope(device: str, payload: str) -> bytes:
    fields = {"product": "roof-probe", "device": device, "protocol": "mqtt", "payload": payload}
    return json.dumps(fields | {"received_at": time.time_ns() // 1_000_000}).encode()


def dlq(deployment: Deployment, *arguments: str) -> Result:
    specs = str(deployment.project / "specs")
    environment = deployment.environment | {"COLUMNS": "200"}
    return CliRunner().invoke(app, ["--specs", specs, "dlq", *arguments], env=environment, catch_exceptions=False)


def outcomes(result: Result) -> list[str]:
    """The lines of the closing table, as `reason outcome number`."""
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines() if line.startswith(("out_of", "trunc"))]


def letter(hot: Any, device: str, reason: str) -> dict[str, Any]:
    found: dict[str, Any] = hot.dead_letters.find_one({"device_id": device, "reason": reason})
    return found


def marked(letter: dict[str, Any], attempt: int) -> bytes:
    """The line that replays the letter after so many attempts."""
    first_seen = round(letter["first_seen"].timestamp() * 1000)
    replay = Replay(dead_letter_id=letter["_id"], first_seen=first_seen, attempt=attempt, reason=letter["reason"])
    return mark(letter["raw"], replay)


def temperatures(stores: Stores) -> list[tuple[str, float, int]]:
    query = "SELECT device_id, measurements['temperature'] AS t, spec_version AS v FROM messages ORDER BY ALL"
    return [(row["device_id"], row["t"], row["v"]) for row in stores.query(query, "messages")]


def reconciles(stores: Stores) -> bool:
    counted = stores.num_rows("messages") + stores.num_rows("duplicates") + stores.dead_by_reason().total()
    return stores.num_received() == counted


def test_letters_are_counted_by_product_and_reason(deployment: Deployment, checkpoint: str) -> None:
    listed = dlq(deployment, "list")
    counts = [line.split()[:4] for line in listed.output.splitlines()[1:4]]
    assert counts == [
        ["roof-probe", "out_of_range", "3", "0"],
        ["-", "bad_envelope", "1", "0"],
        ["roof-probe", "truncated", "1", "0"],
    ]
    assert len(dlq(deployment, "list", "--reason", "truncated", "--since", "1h").output.splitlines()) == 4
    assert "no dead letters" in dlq(deployment, "list", "--state", "resolved").output


def test_a_letter_is_shown_with_its_byte_and_its_attempt(deployment: Deployment, hot: Any, checkpoint: str) -> None:
    shown = dlq(deployment, "show", letter(hot, "probe-2", "truncated")["_id"]).output
    assert "temperature" in shown
    assert "\n               ^" in shown  # behind the one byte
    assert dlq(deployment, "show", "no-such-id").exit_code == 1


def test_a_dry_run_tells_what_the_new_spec_would_do(deployment: Deployment, checkpoint: str) -> None:
    write_spec(deployment, version=2, highest=85)
    result = dlq(deployment, "replay", "--product", "roof-probe", "--dry-run")
    assert outcomes(result) == [
        "out_of_range still fails: out_of_range 1",
        "out_of_range would decode 2",
        "truncated still fails: truncated 1",
    ]
    assert "no product, as lines that are no envelopes and master data: 1" in result.output


def test_a_replay_stores_what_decodes_now_and_keeps_the_rest(
    deployment: Deployment, stores: Stores, hot: Any, job: Job
) -> None:
    before = letter(hot, "probe-2", "truncated")
    assert outcomes(dlq(deployment, "replay", "--product", "roof-probe")) == [
        "out_of_range fails again: out_of_range 1",
        "out_of_range resolved 2",
        "truncated fails again: truncated 1",
    ]
    after = letter(hot, "probe-2", "truncated")
    assert (after["_id"], after["first_seen"], after["raw"]) == (before["_id"], before["first_seen"], before["raw"])
    assert (after["state"], after["attempt"]) == ("open", 2)
    assert after["attempted_at"] > before["attempted_at"]
    wait_until(lambda: stores.num_rows("messages") == 3, "the messages in the lake", job.check)
    assert temperatures(stores) == [("probe-1", 20.0, 1), ("probe-1", 50.0, 2), ("probe-2", 50.0, 2)]


def test_a_second_replay_sends_only_what_failed_again(
    deployment: Deployment, stores: Stores, hot: Any, job: Job
) -> None:
    assert outcomes(dlq(deployment, "replay", "--product", "roof-probe")) == [
        "out_of_range fails again: out_of_range 1",
        "truncated fails again: truncated 1",
    ]
    assert letter(hot, "probe-2", "truncated")["attempt"] == 3
    wait_until(lambda: stores.dead_by_reason().total() == LETTERS + 4, "both replays in the lake", job.check)
    assert "attempts     3, the last" in dlq(deployment, "show", letter(hot, "probe-2", "truncated")["_id"]).output


def test_a_line_that_is_replayed_twice_is_stored_once(
    deployment: Deployment, stores: Stores, hot: Any, job: Job
) -> None:
    resolved = hot.dead_letters.find_one({"device_id": "probe-1", "state": "resolved"})
    deployment.send(marked(resolved, attempt=1))
    wait_until(lambda: stores.num_rows("duplicates") == 1, "the duplicate", job.check)
    assert len(temperatures(stores)) == 3


def test_an_older_attempt_that_comes_late_changes_nothing(
    deployment: Deployment, stores: Stores, hot: Any, job: Job
) -> None:
    failing = letter(hot, "probe-2", "truncated")
    deployment.send(marked(failing, attempt=1))
    wait_until(lambda: stores.dead_by_reason().total() == LETTERS + 5, "the attempt in the lake", job.check)
    assert letter(hot, "probe-2", "truncated") == failing


def test_a_letter_whose_messages_are_stored_is_resolved_without_sending(
    deployment: Deployment, stores: Stores, hot: Any, job: Job
) -> None:
    # As after a start without a snapshot, when the stream was read again with the new spec. It is the oldest letter.
    raw = stores.num_rows("raw")
    hot.dead_letters.update_one({"device_id": "probe-1", "state": "resolved"}, {"$set": {"state": "open"}})
    result = dlq(deployment, "replay", "--reason", "out_of_range", "--limit", "1")
    assert outcomes(result) == ["out_of_range already stored 1"]
    assert hot.dead_letters.count_documents({"state": "resolved"}) == 2
    assert stores.num_rows("raw") == raw


def test_a_line_that_is_no_envelope_cannot_be_replayed(deployment: Deployment, hot: Any, job: Job) -> None:
    result = dlq(deployment, "replay", "--reason", "bad_envelope")
    assert "cannot be replayed: no envelope" in result.output
    assert hot.dead_letters.find_one({"reason": "bad_envelope"})["attempt"] == 1


def test_every_receipt_is_accounted_for(stores: Stores, job: Job) -> None:
    wait_until(lambda: reconciles(stores), "received = stored + dead + duplicates", job.check)
    # 6 lines, 4 and 2 replayed ones, 2 replayed by hand; the dry run and what was stored already added none.
    assert (stores.num_rows("raw"), stores.num_rows("messages"), stores.num_rows("duplicates")) == (14, 3, 1)
    replays = stores.replays()
    assert (replays.envelopes, replays.received, replays.dead) == (8, 8, {"out_of_range": 2, "truncated": 3})
    assert job.num_restarts() == 0
