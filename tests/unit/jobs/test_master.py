"""CDC records through the operator: changes go on, what cannot be applied goes to the dead letters."""

import json

import pytest
from pyflink.common import Row

from jobs import rows
from jobs.master import DEAD_LETTERS, NormaliseMaster
from udfs.masters import read_masters

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
def operator(root) -> NormaliseMaster:
    operator = NormaliseMaster(read_masters(root / "specs"))
    operator.open(None)
    return operator


def process(operator: NormaliseMaster, data: bytes) -> list[object]:
    return list(operator.process_element(Row(data, 1_767_600_000_000, "shardId-0", "495"), None))


def test_a_change_leaves_with_the_columns_of_its_row(operator) -> None:
    (row,) = process(operator, cdc({"id": 7, "name": "Blue", "country": "de"}))
    assert dict(zip(rows.MASTER_CHANGE.get_field_names(), row, strict=True)) == {
        "master": "customer",
        "row_key": "7",
        "columns": {"customer_id": "7", "name": "Blue", "country": "DE"},
        "version": 1_767_600_000_000 * 1_000_000,
        "deleted": False,
    }


def test_records_without_a_mapped_row_leave_nothing(operator) -> None:
    assert process(operator, cdc({"id": 7}, **{"table-name": "invoices"})) == []


def test_a_bad_record_is_a_dead_letter_and_takes_no_neighbour_along(operator) -> None:
    (tag, letter), change = process(operator, b"junk\n" + cdc({"id": 7}))
    assert tag is DEAD_LETTERS
    named = dict(zip(rows.DEAD_LETTER.get_field_names(), letter, strict=True))
    assert (named["stream"], named["reason"], named["line"], named["raw"]) == ("master-cdc", "bad_cdc", 0, b"junk")
    assert change[1] == "7"
