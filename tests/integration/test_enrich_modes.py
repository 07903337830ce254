"""enrich.mode: broadcast and keyed make the same of the same input, also after a crash."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment, deploy, wait_for_checkpoint, wait_until
from test_job import COLD, RULE, SPEC, WARM, change, envelope

from local.stack import Stack
from local.stores import Stores
from local.summary import OPERATOR

NUM_DEVICES = 40
NOON = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=12)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
LATER = AFTER + timedelta(minutes=10)
NUM_MESSAGES = 2 * (NUM_DEVICES + 1) + 1
NUM_ALARMS = NUM_DEVICES + NUM_DEVICES - 1
"""All are too cold before noon; after it all but the first, whose new customer has a limit of its own."""
COUNTERS = ("received", "decoded", "dead", "enriched", "usable")


def masters() -> list[dict[str, Any]]:
    """Forty devices of C1. At noon the first has moved to C2, which has a limit of its own; the last is gone then."""
    before, noon = (NOON - timedelta(days=1)).timestamp(), NOON.timestamp()
    rows = [change("crm", "customers", {"id": customer, "name": customer}, at=before) for customer in ("C1", "C2")]
    rows += [change("crm", "sites", {"id": f"S{n}", "customer_id": f"C{n}"}, at=before) for n in (1, 2)]
    rows += [change("assets", "devices", device(n, "S1"), at=before) for n in range(NUM_DEVICES)]
    limit = {"id": "L1", "scope": "customer", "scope_id": "C2", "limit_name": "temperature_min", "limit_value": -20}
    gone = change("assets", "devices", device(NUM_DEVICES - 1, "S1"), "delete", at=noon)
    return [*rows, change("assets", "alarm_limits", limit), gone, change("assets", "devices", device(0, "S2"), at=noon)]


def device(number: int, site: str) -> dict[str, str]:
    return {"serial_no": f"d-{number}", "model": "frost-guard", "site_id": site, "fw_version": "7"}


def readings(at: datetime) -> bytes:
    """One record: a cold reading of each device, one of a stranger, and lines that are refused."""
    milliseconds = int(at.timestamp() * 1000)
    senders = [*((f"d-{n}", COLD) for n in range(NUM_DEVICES)), ("stranger", WARM), ("d-1", "ff")]
    lines = [envelope(sender, payload, received_at=milliseconds) for sender, payload in senders]
    return b"\n".join([*lines, b"junk", b"", b'{"device": 1}'])


def in_mode(deployment: Deployment, mode: str) -> Deployment:
    (deployment.project / "specs" / "products" / "frost-guard.yaml").write_text(SPEC)
    rules = deployment.project / "sql" / "rules" / "frost-guard"
    rules.mkdir()
    (rules / "frost.sql").write_text(RULE)
    properties = deployment.project / "flink-conf" / "local.json"
    groups = json.loads(properties.read_text())
    [job] = [group["PropertyMap"] for group in groups if group["PropertyGroupId"] == "sluice.job"]
    job["enrich.mode"] = mode
    properties.write_text(json.dumps(groups))
    return deployment


def found_in(deployment: Deployment, run_dir: Path) -> dict[str, Any]:
    """What the stores and counters hold after both records, between which the Python workers are killed."""
    with deployment.stores() as stores, deployment.start(run_dir) as job:
        job.wait_until_running()
        deployment.commit(*masters())
        moved = lambda: stores.master_rows("device", "device_id").get("d-0", {}).get("site_id") == "S2"  # noqa: E731
        wait_until(moved, "the move in Aurora", job.check)
        deployment.send(readings(BEFORE))
        wait_until(lambda: stores.num_documents("messages") == NUM_DEVICES + 1, "the first record", job.check)
        wait_for_checkpoint(run_dir)
        assert job.kill_workers() > 0
        deployment.send(readings(AFTER))  # which finds the workers gone
        deployment.send(envelope("stranger", WARM, received_at=int(LATER.timestamp() * 1000)))  # time goes on
        wait_until(lambda: stores.num_documents("messages") == NUM_MESSAGES, "the second one", job.check)
        wait_until(lambda: stores.num_rows("messages") == NUM_MESSAGES, "the lake", job.check)
        wait_until(lambda: stores.num_alarms() == NUM_ALARMS, "the alarms", job.check)
        wait_until(lambda: stores.num_rows("dead_letters") == 6, "the dead letters", job.check)
        wait_until(lambda: job.num_restarts() > 0, "the restart among the metrics", job.check)
        return contents(stores) | {"counters": job.counters(OPERATOR, *COUNTERS)}


MESSAGES = (
    "SELECT device_id, message_id, event_time, quality, firmware, customer_id, site_id FROM messages "
    "ORDER BY event_time, device_id"
)
LETTERS = (
    "SELECT line, device_id, reason, message, byte_offset, excerpt, raw FROM dead_letters ORDER BY first_seen, line"
)
RAW = "SELECT line, device_id, num_messages, envelope FROM raw ORDER BY ALL"


def contents(stores: Stores) -> dict[str, Any]:
    return {
        "messages": stores.query(MESSAGES, "messages"),
        "dead letters": stores.query(LETTERS, "dead_letters"),
        "raw": stores.query(RAW, "raw"),
        "alarms": stores.alarms(),
        "hot": sorted(map(str, stores.documents("messages"))),
        "quality": sorted(map(str, stores.documents("data_quality_1d"))),
        "days": sorted(map(str, stores.table("customer_product_1d"))),
    }


@pytest.fixture(scope="module")
def found(shared_stack: Stack, folder: Path) -> dict[str, dict[str, Any]]:
    """By mode."""
    return {
        mode: found_in(in_mode(deploy(shared_stack, folder / mode, f"mode_{mode}"), mode), folder / f"{mode}-run")
        for mode in ("broadcast", "keyed")
    }


def test_a_reading_belongs_to_whoever_had_the_device_then(found: dict[str, dict[str, Any]]) -> None:
    rows = {(row["device_id"], row["event_time"]): row for row in found["keyed"]["messages"]}
    before, after, other = rows["d-0", BEFORE], rows["d-0", AFTER], rows["d-1", AFTER]
    assert (before["customer_id"], after["customer_id"], other["customer_id"]) == ("C1", "C2", "C1")
    gone = f"d-{NUM_DEVICES - 1}"
    assert (rows[gone, BEFORE]["site_id"], rows[gone, AFTER]["site_id"]) == ("S1", None)
    assert [rows[sender, AFTER]["quality"] for sender in ("d-1", gone, "stranger")] == [
        [],
        ["unregistered_device"],
        ["unregistered_device"],
    ]


def test_a_limit_of_the_new_customer_holds_from_then_on(found: dict[str, dict[str, Any]]) -> None:
    starts = {(alarm.device_id, alarm.start) for alarm in found["keyed"]["alarms"]}
    before, after = int(BEFORE.timestamp() * 1000), int(AFTER.timestamp() * 1000)
    assert {("d-0", before), ("d-1", after)} <= starts
    assert ("d-0", after) not in starts


@pytest.mark.parametrize("what", ["messages", "dead letters", "raw", "alarms", "hot", "quality", "days", "counters"])
def test_both_modes_find_the_same(found: dict[str, dict[str, Any]], what: str) -> None:
    assert found["keyed"][what], what
    assert found["keyed"][what] == found["broadcast"][what]
