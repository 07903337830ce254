"""Definitions of the lake's tables: read from YAML, a table for each domain, faults named where they stand."""

from pathlib import Path

import pytest

from udfs.errors import SpecError
from udfs.lake_definitions import Field, LakeTable, Partition, compile_lake, partition_name, read_lake

SPECS = Path(__file__).parents[3] / "specs"
COUNTS = """
table: counts
columns:
  - {name: product, type: string}
  - {name: at, type: timestamptz, doc: when}
  - {name: tags, type: "map<string, string>"}
partitions: [product, day(at), "bucket(4, product)"]
sort: [product, at]
properties: {write.parquet.compression-codec: zstd}
"""
SITE = """
domain: site
title: Sites
measurements:
  - {name: latitude, unit: deg, doc: WGS 84 latitude.}
attributes:
  - {name: product, doc: What stands there.}
"""


def compiled(text: str, **specs: str) -> list[LakeTable]:
    return compile_lake({"lake/counts.yaml": text}, {f"domains/{name}.yaml": spec for name, spec in specs.items()})


def test_a_definition_becomes_icebergs_schema_partitions_and_order() -> None:
    [table] = compiled(COUNTS)
    assert table.schema()["fields"] == [
        {"id": 1, "name": "product", "required": False, "type": "string"},
        {"id": 2, "name": "at", "required": False, "type": "timestamptz", "doc": "when"},
        {
            "id": 3,
            "name": "tags",
            "required": False,
            "type": {
                "type": "map",
                "key-id": 4,
                "value-id": 5,
                "key": "string",
                "value": "string",
                "value-required": False,
            },
        },
    ]
    assert [(f["name"], f["transform"], f["source-id"]) for f in table.partition_spec()["fields"]] == [
        ("product", "identity", 1),
        ("at_day", "day", 2),
        ("product_bucket_4", "bucket[4]", 1),
    ]
    assert [(f["source-id"], f["direction"]) for f in table.sort_order()["fields"]] == [(1, "asc"), (2, "asc")]


def test_each_domain_has_a_table_with_a_column_for_each_field_it_declares() -> None:
    [table] = compiled(COUNTS + "each: domain\n", site=SITE)
    assert (table.name, table.domain) == ("site", "site")
    assert [(column.name, column.type) for column in table.columns[-2:]] == [
        ("latitude", "double"),
        ("reported_product", "string"),  # the column of the message keeps its name
    ]
    assert table.fields == (
        Field("latitude", "latitude", "measurements"),
        Field("reported_product", "product", "attributes"),
    )


def test_partitions_are_called_as_iceberg_calls_them() -> None:
    assert partition_name(Partition("at", "day")) == "at_day"
    assert partition_name(Partition("product", "identity")) == "product"
    assert partition_name(Partition("product", "bucket[8]")) == "product_bucket_8"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("day(at)", "week(at)", "7:23: partitions[1]: `week(at)` is none of column, day(column)"),
        ("day(at)", "day(when)", "7:23: partitions[1]: no column `when`; the columns are product, at, tags"),
        ("sort: [product, at]", "sort: [name]", "8:8: sort[0]: no column `name`"),
        ("name: tags", "name: at", "6:5: columns[2]: a second column `at`"),
        ("type: string", "type: text", "4:27: columns[0].type: unknown type `text`"),
    ],
)
def test_a_fault_is_named_with_its_place(old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        compiled(COUNTS.replace(old, new))
    assert message in str(caught.value)


def test_the_projects_tables_are_partitioned_by_product_and_day() -> None:
    specs = {p.relative_to(SPECS).as_posix(): p.read_text() for p in SPECS.glob("domains/*.yaml")}
    tables = compile_lake(read_lake(SPECS), specs)
    assert len(tables) == 11
    for table in tables:
        product, day = table.partitions
        assert (product.column, day.transform) == ("product", "day")
        assert table.properties["write.parquet.compression-codec"] == "zstd"
