import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.fleet import Fleet
from local.ledger import Ledger
from local.master_data import Replication, changes, enter, full_load, noise
from udfs.cdc.change import TableChange
from udfs.cdc.formats import read_changes
from udfs.masters import MasterCatalog, MasterChange, compile_masters, read_masters
from udfs.unify import Unifier

LOADED = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CHANGED = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def masters() -> MasterCatalog:
    return compile_masters(read_masters(Path(__file__).parents[3] / "specs"))


@pytest.fixture(scope="module")
def records(fleet: Fleet) -> list[bytes]:
    task = Replication()
    loaded = [task.loaded(row, LOADED) for row in full_load(fleet)]
    changed = [record for transaction in changes(fleet) for record in task.committed(transaction, CHANGED)]
    return [*noise(task, LOADED), *loaded, *changed]


def metadata(records: list[bytes], operation: str) -> list[dict[str, Any]]:
    return [m for m in (json.loads(record)["metadata"] for record in records) if m["operation"] == operation]


def test_full_load_has_every_row_of_the_four_tables(fleet: Fleet) -> None:
    rows = full_load(fleet)
    count = {table: sum(row.table == table for row in rows) for table in {row.table for row in rows}}
    assert count == {"customers": 6, "sites": 20, "devices": 202, "alarm_limits": 2}


def test_load_record_has_no_transaction(records: list[bytes]) -> None:
    assert all("transaction-id" not in m and "commit-timestamp" not in m for m in metadata(records, "load"))


def test_change_record_has_its_place_in_the_transaction(records: list[bytes]) -> None:
    delete = metadata(records, "delete")[0]
    assert delete["commit-timestamp"] == "2026-11-23T08:01:00.000000Z"
    assert delete["transaction-record-id"] == 1
    assert metadata(records, "insert")[-1]["transaction-record-id"] == 2
    assert metadata(records, "insert")[-1]["transaction-id"] == delete["transaction-id"] > 2**32


def test_update_carries_what_it_replaced(records: list[bytes]) -> None:
    updates = [json.loads(r) for r in records if json.loads(r)["metadata"]["operation"] == "update"]
    assert {"limit_value": 55} in [update["before-image"] for update in updates]


def test_control_records_carry_no_row(records: list[bytes], masters: MasterCatalog) -> None:
    control = [r for r in records if json.loads(r)["metadata"]["record-type"] == "control"]
    assert len(control) == 5
    changes = [change for record in control for change in read_changes(record)]
    assert all(isinstance(change, TableChange) for change in changes)


def test_ledger_expects_what_the_mappings_make_of_the_records(
    fleet: Fleet, records: list[bytes], masters: MasterCatalog
) -> None:
    ledger = Ledger()
    for row in [*full_load(fleet), *(row for transaction in changes(fleet) for row in transaction)]:
        enter(ledger, row)
    unifier = Unifier(masters)
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for change in (change for record in records for change in read_changes(record)):
        for outcome in unifier.apply(change):
            if isinstance(outcome, MasterChange) and outcome.deleted:
                del rows[outcome.master][outcome.key]
            elif isinstance(outcome, MasterChange):
                rows.setdefault(outcome.master, {})[outcome.key] = outcome.columns
    assert rows == ledger.master_rows
    assert "spare-02" not in rows["device"]
    assert rows["device"]["spare-01"]["site_id"] == "site-07"
