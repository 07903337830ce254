"""The JSON Schemas for editors are those of the model, and the specs keep them."""

import json

import pytest
from probe import ROOT

from udfs.schema import schema_texts, write_schemas


@pytest.mark.parametrize("name", schema_texts())
def test_the_committed_schema_is_up_to_date(name: str) -> None:
    assert (ROOT / "specs/schema" / name).read_text() == schema_texts()[name], (
        "the spec model changed: run `python -m udfs.schema specs/schema`"
    )


def test_the_schema_offers_layouts_by_kind_and_refuses_other_keys() -> None:
    schema = json.loads(schema_texts()["product.json"])
    layout = schema["$defs"]["ProductDocument"]["properties"]["layout"]
    assert set(layout["discriminator"]["mapping"]) == {"length", "key_value", "hybrid", "json", "csv", "switch"}
    assert schema["$defs"]["Value"]["additionalProperties"] is False


def test_items_are_told_by_their_keys_and_not_by_a_tag() -> None:
    schema = json.loads(schema_texts()["product.json"])
    assert schema["$defs"]["Switch"]["required"] == ["switch", "cases"]
    assert "item" not in schema["$defs"]["Switch"]["properties"]


def test_writing_makes_the_folder(tmp_path) -> None:
    write_schemas(tmp_path / "schema")
    assert sorted(path.name for path in (tmp_path / "schema").iterdir()) == ["domain.json", "product.json"]
