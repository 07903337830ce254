"""Records as DMS writes them: what the job reads from them is what the source's log said."""

from datetime import UTC, datetime

import msgspec
import pytest

from gateways.relays.dms import Commit, LoggedRow, control_record, loaded_record, logged_record
from udfs.cdc.change import RowChange, TableChange
from udfs.cdc.formats import read_changes

AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
COMMIT = Commit(7 << 32 | 322, "bin.000007:322", AT)
BLUE, GREEN = {"id": "7", "name": "Blue", "vat": None}, {"id": "8", "name": "Green", "vat": None}


def logged(operation: str, before: dict[str, str | None] | None, after: dict[str, str | None] | None) -> LoggedRow:
    return LoggedRow(operation, "crm", "customers", before, after, COMMIT, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "before", "after"),
    [
        (logged("insert", None, BLUE), None, {"id": "7", "name": "Blue"}),
        (logged("update", BLUE, GREEN), {"id": "7", "name": "Blue"}, {"id": "8", "name": "Green"}),
        (logged("update", None, GREEN), None, {"id": "8", "name": "Green"}),
        (logged("delete", GREEN, None), {"id": "8", "name": "Green"}, None),
    ],
)
def test_a_change_is_read_as_it_was_logged(
    row: LoggedRow, before: dict[str, str] | None, after: dict[str, str] | None
) -> None:
    key, record = logged_record(row)
    [change] = read_changes(record)
    assert key == "crm.customers"
    assert isinstance(change, RowChange)
    assert (change.schema, change.table, change.before, change.after) == ("crm", "customers", before, after)


def test_changes_have_the_order_of_the_log_and_stand_behind_the_load() -> None:
    loaded = loaded_record("crm", "customers", BLUE, AT)
    first = logged_record(logged("insert", None, BLUE))
    second = logged_record(logged("insert", None, BLUE)._replace(place=4))
    later = logged_record(logged("insert", None, BLUE)._replace(commit=COMMIT._replace(transaction=7 << 32 | 400)))
    positions = [read_changes(record)[0].position for _, record in (loaded, first, second, later)]
    assert positions == sorted(set(positions))


def test_the_place_is_told_in_the_sources_words() -> None:
    metadata = msgspec.json.decode(logged_record(logged("insert", None, BLUE))[1])["metadata"]
    assert metadata["stream-position"] == "bin.000007:322:3"
    assert metadata["transaction-id"] == 7 << 32 | 322


def test_a_truncation_and_changed_columns_are_control_records() -> None:
    _, truncated = logged_record(logged("truncate", None, None))
    _, dropped = control_record("crm", "customers", "drop-column", {"vat": "varchar(20)"}, COMMIT, 1)
    changes = [*read_changes(truncated), *read_changes(dropped)]
    assert all(isinstance(change, TableChange) for change in changes)
    assert [(change.what, change.columns) for change in changes if isinstance(change, TableChange)] == [
        ("truncated", ()),
        ("removed", ("vat",)),
    ]
