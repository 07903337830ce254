"""Row types are named in Python and in SQL by position: both sides must have the same columns in the same order."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from jobs import rows
from jobs.dead_letters import DeadLetter
from jobs.detect import _standard_columns
from jobs.episodes import Observation
from jobs.grouping import Notification
from jobs.notify import Notify
from jobs.rules import read_rule


def unnested(file: Path) -> list[str]:
    """The column names behind the file's UNNEST."""
    (columns,) = re.findall(r"UNNEST\([\w.]+\) AS \w+ \(([^)]*)\)", file.read_text())
    return [name.strip() for name in columns.split(",")]


@pytest.mark.parametrize(
    ("kind", "file"), [(rows.ENVELOPE, "sql/sinks/lake_raw.sql"), (rows.MESSAGE, "sql/views/arrived_messages.sql")]
)
def test_unnest_names_the_columns_of_the_row(root, kind, file) -> None:
    assert unnested(root / file) == kind.get_field_names()


def test_a_dead_letter_has_the_columns_of_its_row() -> None:
    assert list(DeadLetter._fields) == rows.DEAD_LETTER.get_field_names()


def test_observations_arrive_in_the_order_of_their_fields() -> None:
    sql = _standard_columns("p/rule", "detection", "v", ["device_id", "event_time"])
    names = [field.name for field in fields(Observation)]
    places = [max(sql.find(f"AS {quote}{name}{quote}") for quote in ("", "`")) for name in names]
    places[names.index("device_id")] = sql.find(" device_id,")
    assert -1 not in places
    assert names == rows.OBSERVATION.get_field_names()
    assert places == sorted(places)


def test_a_notification_has_the_columns_of_its_row(root) -> None:
    rule = read_rule(root / "sql/rules/milesight-am319/over_temperature.sql")
    told = Notification("id", "sent", 1, rule.name, "major", 1, ("a",), "")
    row = Notify({rule.name: rule}, 1, 1)._row(("site", "customer"), told)
    columns = dict(zip(rows.NOTIFICATION.get_field_names(), row, strict=True))
    assert (columns["site_id"], columns["customer_id"], columns["alarm_ids"]) == ("site", "customer", '["a"]')
    assert columns["title"] == "Room too hot"
