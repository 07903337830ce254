"""What operators say holds at once, and alarms outlive a restart with other rule files. One job after the other."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deployment import ROOT, Deployment, deploy, wait_until
from psycopg.rows import dict_row
from test_job import COLD, SPEC, WARM, envelope

from local.job import Job
from local.stack import Stack
from local.stores import Stores

FROST = """/*
title: Frost
severity: minor
type: threshold
limits:
  temperature_min: {default: 3, unit: Cel}
clear: temperature > 10
*/
SELECT device_id, event_time, customer_id, site_id, temperature AS `value`,
       limits['temperature_min'] AS limit_value
FROM frost_guard_telemetry
WHERE temperature < limits['temperature_min']
"""
CALM = FROST.replace("clear: temperature > 10", "clear_after: 30 s")
"""Over by time alone."""

SILENT = """/*
title: Silent
severity: minor
type: threshold
absent_after: 20 s
escalation: [{after: 4 h, severity: major}]
*/
SELECT device_id, event_time FROM frost_guard_telemetry
"""
_passers = count(1)


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "operations", "test_operations")
    (deployment.project / "specs" / "products" / "frost-guard.yaml").write_text(SPEC)
    for name in ("frost", "short_lived", "broken_later"):
        write_rule(deployment, name, FROST if name == "frost" else CALM.replace("Frost", name))
    return deployment


def write_rule(deployment: Deployment, name: str, text: str) -> None:
    folder = deployment.project / "sql" / "rules" / "frost-guard"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.sql").write_text(text)


@pytest.fixture(scope="module")
def stores(deployment: Deployment) -> Iterator[Stores]:
    with deployment.stores() as stores:
        yield stores


class Alarms:
    """The alarm service's rows."""

    def __init__(self, deployment: Deployment) -> None:
        aurora = deployment.config.aurora
        self._connection = psycopg.connect(aurora.conninfo(aurora.read_host), row_factory=dict_row, autocommit=True)

    def of(self, device: str, rule: str = "frost") -> dict[str, Any]:
        asked = [device, f"frost-guard/{rule}"]
        found = self._connection.execute("SELECT * FROM alarm WHERE device_id = %s AND rule = %s", asked).fetchall()
        return dict(found[0]) if found else {}

    def rows(self, sql: str, *asked: str) -> list[dict[str, Any]]:
        return list(self._connection.execute(sql, asked).fetchall())

    def states(self, device: str) -> list[str]:
        rows = self._connection.execute("SELECT state FROM notification WHERE alarm_ids LIKE %s", [self._id(device)])
        return [row["state"] for row in rows.fetchall()]

    def _id(self, device: str) -> str:
        return f"%{self.of(device).get('alarm_id')}%"


def pass_time(deployment: Deployment, until: Any, job: Job, what: str) -> None:
    """Sends warm readings of other devices, with which event time moves on."""

    def holds() -> bool:
        deployment.send(envelope("passer", WARM, passer=next(_passers)), key="passer")
        return bool(until())

    wait_until(holds, what, job.check)


def raised(deployment: Deployment, alarms: Alarms, job: Job, device: str) -> str:
    deployment.send(envelope(device, COLD))
    pass_time(deployment, lambda: alarms.of(device), job, f"the alarm of {device}")
    return str(alarms.of(device)["alarm_id"])


def sluice(deployment: Deployment, *arguments: str) -> str:
    """What the command line prints for the deployment under test."""
    command = [str(Path(sys.executable).with_name("sluice")), *arguments]
    environment = os.environ | deployment.environment
    done = subprocess.run(command, env=environment, cwd=deployment.project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings(folder: Path, checkpoint: Path | None) -> dict[str, str]:
    options = {"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION"}
    if checkpoint is None:
        return options
    restored = {"execution.savepoint.path": checkpoint.as_uri(), "execution.savepoint.ignore-unclaimed-state": "true"}
    return options | restored


def newest_checkpoint(run_dir: Path) -> Path:
    found = (run_dir / "data" / "checkpoints").glob("*/chk-*/_metadata")
    return max(found, key=lambda path: int(path.parent.name.partition("-")[2])).parent


def start(deployment: Deployment, run_dir: Path, checkpoint: Path | None = None) -> Job:
    jar = ROOT / "target" / "sluice.jar"
    return Job.start(deployment.project, jar, deployment.environment, run_dir, settings(run_dir, checkpoint))


def test_alarms_and_what_operators_say(deployment: Deployment, stores: Stores, folder: Path) -> None:
    first, second = folder / "first-run", folder / "second-run"
    with start(deployment, first) as job:
        job.wait_until_running()
        alarms = Alarms(deployment)
        acknowledged_by_an_operator(deployment, alarms, job)
        nothing_is_judged_in_maintenance(deployment, stores, alarms, job)
        silenced_alarms_are_kept_and_nobody_is_told(deployment, stores, alarms, job)
        a_false_alarm_is_learnt_and_counts_for_tuning(deployment, alarms, job)
        survivor = raised(deployment, alarms, job, "survivor")
        checkpoint = later_checkpoint(first, job)
    write_rule(deployment, "battery_low", FROST.replace("Frost", "Battery low").replace("temperature <", "battery <"))
    write_rule(deployment, "frost", FROST.replace("severity: minor", "severity: major"))
    write_rule(deployment, "broken_later", "SELECT 1")
    write_rule(deployment, "silent", SILENT)
    (deployment.project / "sql" / "rules" / "frost-guard" / "short_lived.sql").unlink()
    with start(deployment, second, checkpoint) as job:
        job.wait_until_running()
        log = job.log.read_text()
        assert "rule frost-guard/battery_low is new" in log
        assert "rule frost-guard/short_lived is gone: its open alarms are over when time" in log
        assert "rule frost-guard/broken_later" not in log
        assert "broken_later.sql:1:1: expected a header" in log
        assert "rule frost-guard/frost changed: its open alarms go on by the new header" in log
        deployment.send(envelope("survivor", WARM))
        pass_time(deployment, lambda: alarms.of("survivor")["state"] == "cleared", job, "the open alarm to be cleared")
        assert alarms.of("survivor")["alarm_id"] == survivor
        assert alarms.of("survivor")["reason"] == "clear condition"
        pass_time(deployment, partial(is_over, alarms, "short_lived"), job, "the alarm of a rule that is gone")
        assert alarms.of("survivor", "short_lived")["reason"] == "its rule is gone"
        assert alarms.of("survivor", "broken_later")["state"] == "raised"
        absence_goes_by_the_clock_where_all_are_silent(deployment, alarms, job)
    assert survivor in sluice(deployment, "alarm", "list", "--state", "all")
    assert survivor not in sluice(deployment, "alarm", "list")


def is_over(alarms: Alarms, rule: str) -> bool:
    return bool(alarms.of("survivor", rule)["state"] == "cleared")


def acknowledged_by_an_operator(deployment: Deployment, alarms: Alarms, job: Job) -> None:
    alarm_id = raised(deployment, alarms, job, "frosty")
    sluice(deployment, "alarm", "mark", alarm_id, "acknowledged", "--by", "Ana")
    pass_time(deployment, lambda: alarms.of("frosty")["state"] == "acknowledged", job, "the acknowledgement")
    assert alarms.of("frosty")["reason"] == "by Ana"


def nothing_is_judged_in_maintenance(deployment: Deployment, stores: Stores, alarms: Alarms, job: Job) -> None:
    window = "window_id=W1", "scope=device", "scope_id=mended", "starts_at=2020-01-01", "ends_at=2100-01-01"
    sluice(deployment, "master", "put", "maintenance_window", *window)
    wait_until(lambda: "W1" in stores.master_rows("maintenance_window", "window_id"), "the window in Aurora")
    deployment.send(envelope("mended", COLD))
    raised(deployment, alarms, job, "not-mended")
    assert alarms.of("mended") == {}


def silenced_alarms_are_kept_and_nobody_is_told(
    deployment: Deployment, stores: Stores, alarms: Alarms, job: Job
) -> None:
    said = "silence_id=S1", "scope=device", "scope_id=quiet", "ends_at=2100-01-01", "reason=known"
    sluice(deployment, "master", "put", "silence", *said)
    wait_until(lambda: "S1" in stores.master_rows("silence", "silence_id"), "the silence in Aurora")
    raised(deployment, alarms, job, "quiet")
    assert alarms.of("quiet")["muted_by"].startswith("silence S1 until")
    pass_time(deployment, lambda: alarms.states("quiet") == ["suppressed"], job, "the notification")


def a_false_alarm_is_learnt_and_counts_for_tuning(deployment: Deployment, alarms: Alarms, job: Job) -> None:
    alarm_id = raised(deployment, alarms, job, "fooled")
    sluice(deployment, "alarm", "mark", alarm_id, "false_alarm", "--by", "Ana")
    pass_time(deployment, lambda: alarms.of("fooled")["state"] == "cleared", job, "the false alarm to be over")
    assert alarms.of("fooled")["reason"] == "false alarm, says Ana"
    marked = "SELECT mark FROM alarm_mark WHERE alarm_id = %s"
    wait_until(lambda: alarms.rows(marked, alarm_id) == [{"mark": "false_alarm"}], "the mark in Aurora", job.check)
    override = "scope=product", "scope_id=frost-guard", "limit_name=temperature_min", "value=2"
    sluice(deployment, "master", "put", "limit_override", "limit_id=P1", *override)
    of_product = "SELECT value FROM limit_override WHERE limit_id = %s"
    wait_until(lambda: alarms.rows(of_product, "P1") == [{"value": 2.0}], "the limit in Aurora", job.check)
    missed = f"passer={datetime.now(UTC).isoformat()}"
    told = sluice(deployment, "rule", "tune", "frost-guard/frost", "--missed", missed)
    assert told.startswith("4 alarms, 1 marked as false, 1 missed\n")
    assert "messages replayed, in which 4 of the alarms come again" in told
    assert "\n2 (now)" in told


def absence_goes_by_the_clock_where_all_are_silent(deployment: Deployment, alarms: Alarms, job: Job) -> None:
    deployment.send(envelope("last", WARM))
    wait_until(lambda: alarms.of("last", "silent"), "the alarm of the last device", job.check)
    found = alarms.of("last", "silent")
    assert (found["state"], found["severity"], found["reason"]) == ("raised", "minor", "nothing for 20 s")


def later_checkpoint(run_dir: Path, job: Job) -> Path:
    """One that began after now."""
    now = time.time()
    wait_until(
        lambda: any(path.stat().st_mtime > now + 3 for path in run_dir.glob("data/checkpoints/*/chk-*/_metadata")),
        "a checkpoint",
        job.check,
    )
    return newest_checkpoint(run_dir)
