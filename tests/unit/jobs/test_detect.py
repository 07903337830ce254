"""Detect: whatever columns a rule selects, the lifecycle gets one standard row."""

import pytest

from jobs.detect import _standard_columns
from jobs.rules import read_rule


@pytest.fixture
def rule(root):
    return read_rule(root / "sql/rules/milesight-am319/over_temperature.sql")


def test_optional_columns_are_null_where_the_rule_has_none(rule) -> None:
    sql = _standard_columns(rule.name, "detection", "v", ["device_id", "event_time"])
    assert sql.startswith("SELECT 'milesight-am319/over_temperature' AS rule, device_id, ")
    for column in (
        "CAST(NULL AS DOUBLE) AS `value`",
        "CAST(NULL AS DOUBLE) AS `limit_value`",
        "CAST(NULL AS STRING) AS `customer_id`",
        "CAST(NULL AS STRING) AS `site_id`",
    ):
        assert column in sql
    assert sql.endswith("JSON_OBJECT() AS evidence FROM `v`")


def test_further_columns_are_evidence(rule) -> None:
    sql = _standard_columns(rule.name, "detection", "v", ["device_id", "event_time", "value", "co2", "it's", "a`b"])
    assert "CAST(`value` AS DOUBLE) AS `value`" in sql
    assert "KEY 'co2' VALUE CAST(`co2` AS STRING)" in sql
    assert "KEY 'it''s' VALUE CAST(`it's` AS STRING), KEY 'a`b' VALUE CAST(`a``b` AS STRING)" in sql
