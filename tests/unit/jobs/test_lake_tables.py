"""What changes a table in the lake by its definition, and what is written to it."""

import re

import pytest

from jobs.lake_tables import LakeTableError, added_columns, message_inserts
from udfs.lake_definitions import Column, Field, LakeTable

TABLE = LakeTable(
    "site",
    (
        Column(name="product", type="string"),
        Column(name="quality", type="list<string>"),
        Column(name="latitude", type="double"),
    ),
    (),
    (),
    {},
    "site",
    (Field("latitude", "latitude", "measurements"),),
)
QUALITY = {"type": "list", "element-id": 17, "element": "string", "element-required": False}


def test_columns_that_the_definition_gained_are_added() -> None:
    assert [c.name for c in added_columns(TABLE, {"product": "string", "quality": QUALITY})] == ["latitude"]


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        ({"radon": "double"}, "lake table `site`, column `radon`: the table has it and the definition has not"),
        ({"product": "int"}, "the table has type int, the definition string: give the new column another name"),
        ({"quality": QUALITY | {"element": "int"}}, "has type list<int>, the definition list<string>"),
    ],
)
def test_columns_that_are_gone_or_retyped_are_refused(existing, message: str) -> None:
    with pytest.raises(LakeTableError, match=re.escape(message)):
        added_columns(TABLE, existing)


def test_a_declared_field_is_written_out_of_its_map() -> None:
    [insert] = message_inserts("db", [TABLE])
    assert insert == (
        "INSERT INTO lake.`db`.`site` (`product`, `quality`, `latitude`)\n"
        "SELECT `product`, `quality`, measurements['latitude']\nFROM messages WHERE domain = 'site'"
    )
