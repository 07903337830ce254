"""Lineage: rule ← view ← field of the spec ← its place in the payload."""

from pathlib import Path

import pytest

from cli.rule_page.lineage import lineage, names_in, views_of
from jobs.rules import Rule, read_rule
from udfs.catalog import Catalog, compile_catalog, read_specs

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))


def rule(name: str) -> Rule:
    return read_rule(ROOT / "sql" / "rules" / f"{name}.sql")


def test_names_are_neither_texts_nor_comments() -> None:
    names = names_in("SELECT `value`, limits['temperature_max'] -- humidity\nFROM a_telemetry WHERE co2 > 1 /* door */")
    assert {"value", "limits", "a_telemetry", "co2"} <= names
    assert names.isdisjoint({"temperature_max", "humidity", "door"})


def test_a_rule_leads_to_the_fields_of_its_spec(catalog) -> None:
    read = lineage(
        rule("milesight-am319/over_temperature"), catalog, {("milesight_am319_telemetry", "co2"): "key 0x077D"}
    )
    assert {(source.view, source.column) for source in read} == {
        ("milesight_am319_telemetry", name) for name in ("temperature", "humidity", "co2")
    }
    assert [source.place for source in read if source.column == "co2"] == ["key 0x077D"]


def test_patterns_joins_and_model_functions_are_read_too(catalog) -> None:
    assert set(views_of(rule("tektelic-t0007806/fire_suspected"), catalog)) == {
        "milesight_em300_th_telemetry",
        "tektelic_t0007806_telemetry",
    }
    assert {s.column for s in lineage(rule("concox-gt06/towed"), catalog, {})} == {"ignition", "speed_kmh"}
    assert {s.column for s in lineage(rule("terabee-lm-xl/tank_will_overflow"), catalog, {})} == {"level"}


def test_a_column_called_by_an_alias_is_of_that_view_alone(catalog) -> None:
    read = lineage(rule("tektelic-t0007806/fire_suspected"), catalog, {})
    assert {(source.product, source.column) for source in read} == {
        ("tektelic-t0007806", "co2"),
        ("milesight-em300-th", "temperature"),
    }


def test_the_clear_condition_counts(catalog) -> None:
    read = rule("tinovi-pm-io-5-sm/pipe_leaks")
    assert "leak" in {source.column for source in lineage(read, catalog, {})}
