"""Event time goes on over a restart: what had been late stays late."""

import time
from pathlib import Path

from deployment import ROOT, deploy, newest_checkpoint, wait_for_checkpoint, wait_until
from pymongo import MongoClient
from test_job import COLD, RULE, SPEC, alarmed, envelope, pass_time

from local.job import Job
from local.stack import Stack


def test_what_comes_late_after_a_restart_raises_no_alarm(shared_stack: Stack, folder: Path) -> None:
    deployment = deploy(shared_stack, folder / "project", "test_event_time")
    (deployment.project / "specs" / "products" / "frost-guard.yaml").write_text(SPEC)
    rules = deployment.project / "sql" / "rules" / "frost-guard"
    rules.mkdir()
    (rules / "frost.sql").write_text(RULE)
    with deployment.stores() as stores, MongoClient(deployment.config.documentdb.uri) as client:
        messages = client[deployment.config.documentdb.database].messages
        with deployment.start(folder / "before") as job:
            job.wait_until_running()
            deployment.send(envelope("guard-1", COLD), key="guard-1")
            pass_time(deployment, stores, lambda: alarmed(stores) == {"guard-1"})
            wait_for_checkpoint(folder / "before")
        ten_minutes_ago = time.time_ns() // 1_000_000 - 600_000
        for number in range(8):
            late = f"late-{number}"
            deployment.send(envelope(late, COLD, event_time=ten_minutes_ago), key=late)
        deployment.send(envelope("guard-2", COLD), key="guard-2")
        options = {"execution.state-recovery.path": newest_checkpoint(folder / "before")}
        jar = ROOT / "target" / "sluice.jar"
        with Job.start(deployment.project, jar, deployment.environment, folder / "after", options) as job:
            job.wait_until_running()
            pass_time(deployment, stores, lambda: "guard-2" in alarmed(stores))
            found = lambda: messages.count_documents({"device_id": {"$regex": "^late-"}}) == 8  # noqa: E731
            wait_until(found, "the late messages", job.check)
            assert alarmed(stores) == {"guard-1", "guard-2"}
