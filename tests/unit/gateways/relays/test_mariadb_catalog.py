"""How a table got from one definition to another, in the words of DMS's control records."""

import pytest

from gateways.relays.mariadb_catalog import Columns, changes

BEFORE = {"id": "int(11)", "name": "varchar(20)", "vat": "varchar(20)"}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (BEFORE, []),
        ({**BEFORE, "phone": "text"}, [("add-column", {"phone": "text"})]),
        ({"id": "int(11)", "name": "varchar(20)"}, [("drop-column", {"vat": "varchar(20)"})]),
        ({**BEFORE, "vat": "int(11)"}, [("column-type-change", {"vat": "int(11)"})]),
        (
            {"id": "bigint(20)", "name": "varchar(20)", "tax": "varchar(20)"},
            [
                ("drop-column", {"vat": "varchar(20)"}),
                ("add-column", {"tax": "varchar(20)"}),
                ("column-type-change", {"id": "bigint(20)"}),
            ],
        ),
        ({}, [("drop-table", {})]),
    ],
)
def test_what_happened_to_a_table_is_told_with_its_columns(after: Columns, told: list[tuple[str, Columns]]) -> None:
    assert list(changes(BEFORE, after)) == told


def test_a_table_that_comes_again_is_created() -> None:
    assert list(changes({}, BEFORE)) == [("create-table", BEFORE)]
    assert list(changes({}, {})) == []
