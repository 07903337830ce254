"""CDC records through the operator: changes go on, what cannot be applied goes to the dead letters."""

import json

import pytest
from pyflink.common import Row
from pyflink.datastream import OutputTag

from jobs import rows
from jobs.config import Aurora, Secret
from jobs.master import DEAD_LETTERS, QUARANTINES, SOURCE_ROWS, VERSIONS, UnifyMaster
from udfs.masters import read_masters

AURORA = Aurora(write_host="none", read_host="none", user="none", password=Secret("none"))
METADATA = {
    "timestamp": "2026-01-05T08:00:00Z",
    "record-type": "data",
    "operation": "insert",
    "schema-name": "crm",
    "table-name": "customers",
}


def cdc(data: dict[str, object], **metadata: str) -> bytes:
    return json.dumps({"data": data, "metadata": {**METADATA, **metadata}}).encode()


@pytest.fixture
def operator(root, monkeypatch) -> UnifyMaster:
    operator = UnifyMaster(read_masters(root / "specs"), AURORA)
    operator.open(None)
    # What the stores hold is read in the integration tests; here they are empty.
    monkeypatch.setattr("jobs.master.read_source_rows", lambda aurora: [])
    monkeypatch.setattr("jobs.master.read_master_data", lambda aurora, host, masters: [])
    return operator


def process(operator: UnifyMaster, data: bytes) -> list[object]:
    return list(operator.process_element(Row(data, 1_767_600_000_000, "shardId-0", "495"), None))


def main(leaving: list[object]) -> list[object]:
    return [row for row in leaving if not isinstance(row, tuple) or not isinstance(row[0], OutputTag)]


def side(leaving: list[object], tag: OutputTag) -> list[object]:
    return [part[1] for part in leaving if isinstance(part, tuple) and part[0] is tag]


def named(kind, row) -> dict[str, object]:
    return dict(zip(kind.get_field_names(), row, strict=True))


def test_a_change_leaves_with_the_columns_of_its_row(operator) -> None:
    leaving = process(operator, cdc({"id": 7, "name": "Blue", "country": "Germany"}))
    columns = {"customer_id": "7", "name": "Blue", "country": "DE"}
    version = 1_767_600_000_000 * 1_000_000
    (row,) = main(leaving)
    assert named(rows.MASTER_CHANGE, row) == {
        "master": "customer",
        "row_key": "7",
        "columns": columns,
        "version": version,
        "deleted": False,
    }
    (source,) = side(leaving, SOURCE_ROWS)
    assert named(rows.MASTER_SOURCE_ROW, source) == {
        "source": "crm.customers",
        "row_key": "7",
        "master": "customer",
        "position": f"{1_767_600_000_000}{0:040d}",
        "version": version,
        "columns": '{"customer_id":"7","name":"Blue","country":"DE"}',
    }
    (past,) = side(leaving, VERSIONS)
    assert named(rows.MASTER_VERSION, past)["valid_from"] == 1_767_600_000_000


def test_a_row_that_refers_to_nothing_is_quarantined(operator) -> None:
    leaving = process(operator, cdc({"id": "S1", "customer_id": 7}, **{"table-name": "sites"}))
    assert main(leaving) == []
    (entry,) = side(leaving, QUARANTINES)
    assert named(rows.MASTER_QUARANTINE, entry)["reason"] == "unknown_reference"


def test_records_without_a_mapped_row_leave_nothing(operator) -> None:
    assert process(operator, cdc({"id": 7}, **{"table-name": "invoices"})) == []


def test_a_bad_record_is_a_dead_letter_and_takes_no_neighbour_along(operator) -> None:
    leaving = process(operator, b"junk\n" + cdc({"id": 7}))
    (letter,) = side(leaving, DEAD_LETTERS)
    found = named(rows.DEAD_LETTER, letter)
    assert (found["stream"], found["reason"], found["line"], found["raw"]) == ("master-cdc", "bad_cdc", 0, b"junk")
    assert [row[1] for row in main(leaving)] == ["7"]
