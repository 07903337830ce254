"""`sluice lake`: which tables a SELECT reads, and what is refused before the lake is asked."""

import pytest
from typer.testing import CliRunner

from cli.lake import _tables_in
from cli.main import app
from udfs.errors import SluiceError


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", set()),
        ("SELECT * FROM messages", {"messages"}),
        ('WITH t AS (SELECT * FROM "raw") SELECT * FROM t JOIN alarms USING (device_id)', {"raw", "alarms"}),
    ],
)
def test_the_tables_of_a_select_are_those_that_it_does_not_make_itself(sql: str, tables: set[str]) -> None:
    assert _tables_in(sql) == tables


def test_what_is_no_select_is_refused() -> None:
    with pytest.raises(SluiceError, match="not a SELECT: "):
        _tables_in("SELECT FROM WHERE")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query", "SELECT 1", "--tag", "a", "--at", "2 h"], "either --tag or --at"),
        (["query", "SELECT 1", "--at", "yesterday"], "'yesterday' is neither ISO 8601 nor a duration"),
        (["maintain", "--keep", "long"], "'long' is no duration"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], message: str, tmp_path) -> None:
    result = CliRunner().invoke(app, ["lake", *arguments, "--run-dir", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code != 0
    assert message in result.output
