"""Formulas of a day on the real database: which holds for whom, reasons, provenance, and repeated runs."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deployment import ROOT, Deployment, deploy
from psycopg.rows import dict_row
from typer.testing import CliRunner, Result

from cli.main import app
from control.end_of_day import EndOfDayError, day_of, handler
from jobs.store import migrate_aurora
from local.stack import Stack

DAY = date(2026, 11, 23)
PRODUCT = "milesight-am319"
SPREAD = "temperature.max - temperature.min"


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "formulas", "test_formulas")
    migrate_aurora(deployment.config.aurora, ROOT / "sql" / "aurora")
    return deployment


@pytest.fixture
def aurora(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator["Aurora"]:
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    config = deployment.config.aurora
    with psycopg.connect(config.conninfo(config.write_host), row_factory=dict_row, autocommit=True) as connection:
        connection.execute("TRUNCATE formula, formula_result, device_1d, customer_product_1d")
        yield Aurora(connection)


class Aurora:
    """Puts what the job would have put, and reads the analysis table."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self._connection = connection

    def register(self, formula_id: str, expression: str, unit: str = "K", *, version: int = 1, **said: Any) -> None:
        row = {"name": "spread", "scope": "product", "scope_id": PRODUCT, "product": PRODUCT, "valid_from": None}
        row |= {"valid_to": None, "deleted": False} | said
        row |= {"formula_id": formula_id, "expression": expression, "unit": unit, "version": version}
        self._connection.execute(
            "INSERT INTO formula VALUES (%(formula_id)s, %(name)s, %(scope)s, %(scope_id)s, %(product)s, "
            "%(expression)s, %(unit)s, %(valid_from)s, %(valid_to)s, %(version)s, %(deleted)s) "
            "ON CONFLICT (formula_id) DO UPDATE SET (expression, unit, version, deleted) = "
            "(EXCLUDED.expression, EXCLUDED.unit, EXCLUDED.version, EXCLUDED.deleted)",
            row,
        )

    def aggregate(self, customer_id: str, low: float, high: float, devices: int = 3, day: date = DAY) -> None:
        values = [day, customer_id, PRODUCT, "temperature", devices, 24, low, high, 24 * low, (low + high) / 2, high]
        self._connection.execute(f"INSERT INTO customer_product_1d VALUES ({', '.join(['%s'] * 11)}, now())", values)  # noqa: S608

    def aggregate_device(self, device_id: str, customer_id: str, low: float, high: float) -> None:
        values = [DAY, device_id, customer_id, PRODUCT, "temperature", 24, low, high, 24 * low, (low + high) / 2, high]
        self._connection.execute(f"INSERT INTO device_1d VALUES ({', '.join(['%s'] * 11)}, now())", values)  # noqa: S608

    def results(self) -> dict[str, dict[str, Any]]:
        """By device or else customer."""
        rows = self._connection.execute("SELECT * FROM formula_result ORDER BY day, name").fetchall()
        return {row["device_id"] or row["customer_id"]: row for row in rows}


def sluice(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--specs", str(ROOT / "specs"), "formula", *arguments], env={"COLUMNS": "200"})


def run(day: date = DAY) -> dict[str, Any]:
    return handler({"day": day.isoformat()}, None)


def test_the_most_specific_formula_of_a_name_holds(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD)
    aurora.register("F2", f"round({SPREAD})", scope="customer", scope_id="blue")
    aurora.register("F3", f"({SPREAD}) / 2", scope="device", scope_id="d1")
    for customer in ("blue", "green"):
        aurora.aggregate(customer, 18.25, 21)
    aurora.aggregate_device("d1", "blue", 18, 21)
    aurora.aggregate_device("d2", "blue", 18, 21)
    assert run() == {"day": "2026-11-23", "results": 3, "without_value": 0}
    found = {whose: (row["formula_id"], row["value"]) for whose, row in aurora.results().items()}
    assert found == {"green": ("F1", 2.75), "blue": ("F2", 3), "d1": ("F3", 1.5)}


def test_a_result_says_of_what_it_was_made(aurora: Aurora) -> None:
    aurora.register("F1", "temperature.max * devices", "K", version=7, name="heat")
    aurora.aggregate("blue", 18, 20, devices=4)
    run()
    row = aurora.results()["blue"]
    assert (row["formula_id"], row["formula_version"], row["expression"]) == ("F1", 7, "temperature.max * devices")
    assert json.loads(row["inputs"]) == {
        "devices": {"unit": "1", "value": 4},
        "temperature.max": {"unit": "Cel", "value": 20},
    }


@pytest.mark.parametrize(
    ("expression", "unit", "reason"),
    [
        ("co2.mean", "[ppm]", "no value of co2.mean"),
        ("temperature.max / (devices - 3)", "K", "`temperature.max / (devices - 3)`: division by zero"),
        ("temprature.max", "Cel", "column 1: no input `temprature.max`, did you mean `temperature.max`?"),
        ("temperature.max + co2.max", "Cel", "`co2.max` in [ppm] cannot be added"),
    ],
)
def test_what_has_no_value_has_a_reason(aurora: Aurora, expression: str, unit: str, reason: str) -> None:
    aurora.register("F1", expression, unit)
    aurora.aggregate("blue", 18, 20)
    assert run() == {"day": "2026-11-23", "results": 1, "without_value": 1}
    row = aurora.results()["blue"]
    assert row["value"] is None
    assert reason in row["reason"]


def test_customers_and_devices_that_sent_nothing_have_a_reason(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD, scope="customer", scope_id="silent")
    aurora.register("F2", SPREAD, scope="device", scope_id="d9")
    run()
    assert {whose: row["reason"] for whose, row in aurora.results().items()} == {
        "silent": "no value of temperature.max",
        "d9": "no value of temperature.max",
    }


def test_a_formula_without_scope_is_left_out(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD, scope=None)
    aurora.aggregate("blue", 18, 20)
    assert run()["results"] == 0
    assert "scope `` is none of product, customer, device" in sluice("test").stdout


def test_a_second_run_changes_nothing(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD)
    aurora.aggregate("blue", 18, 20)
    run()
    before = aurora.results()
    run()
    assert aurora.results() == before


def test_a_run_after_a_change_replaces_what_no_longer_follows(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD)
    aurora.register("F2", SPREAD, scope="customer", scope_id="gone")
    aurora.aggregate("blue", 18, 20)
    run()
    assert set(aurora.results()) == {"blue", "gone"}
    aurora.register("F1", f"2 * ({SPREAD})", version=2)
    aurora.register("F2", SPREAD, version=2, deleted=True, scope="customer", scope_id="gone")
    run()
    found = {whose: (row["value"], row["formula_version"]) for whose, row in aurora.results().items()}
    assert found == {"blue": (4, 2)}


def test_a_run_leaves_other_days_alone(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD)
    aurora.aggregate("blue", 18, 20)
    aurora.aggregate("green", 18, 20, day=date(2026, 11, 22))
    run(date(2026, 11, 22))
    run()
    assert {whose: row["day"] for whose, row in aurora.results().items()} == {"green": date(2026, 11, 22), "blue": DAY}


def test_a_formula_holds_from_and_until_its_days(aurora: Aurora) -> None:
    change = datetime(2026, 11, 23, tzinfo=UTC).replace(tzinfo=None)
    aurora.register("F1", SPREAD, valid_to=change)
    aurora.register("F2", f"3 * ({SPREAD})", valid_from=change)
    aurora.aggregate("blue", 18, 20)
    run()
    assert (aurora.results()["blue"]["formula_id"], aurora.results()["blue"]["value"]) == ("F2", 6)


def test_a_schedule_means_the_day_before_in_utc() -> None:
    assert day_of({"source": "aws.events", "time": "2026-11-24T01:30:00Z"}) == DAY
    assert day_of({"time": "2026-11-24T01:30:00+09:00"}) == date(2026, 11, 22)
    for event in ({}, {"day": "yesterday"}, {"day": 5}, {"time": None}):
        with pytest.raises(EndOfDayError, match="the event names no day"):
            day_of(event)


def test_run_and_explain_print_where_a_value_comes_from(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD, version=4)
    aurora.register("F2", f"({SPREAD}) / 2", scope="customer", scope_id="blue", version=5)
    aurora.aggregate("blue", 18, 20)
    aurora.aggregate("green", 18, 20)
    result = sluice("run", "--day", "2026-11-23")
    assert result.exit_code == 0, result.output
    assert "spread" in result.stdout
    result = sluice("explain", "--day", "2026-11-23", "spread", "--customer", "blue")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "spread = 1 K on 2026-11-23 for blue, milesight-am319",
        "  formula    F2 version 5, of customer blue",
        "  beat       F1 version 4, of product milesight-am319",
        "  expression (temperature.max - temperature.min) / 2",
        "  input      temperature.max = 20 Cel",
        "  input      temperature.min = 18 Cel",
        "  step       temperature.max - temperature.min = 2 K",
        "  step       (temperature.max - temperature.min) / 2 = 1 K",
    ]
    assert sluice("explain", "--day", "2026-11-23", "spred").exit_code == 1


def test_test_checks_every_registered_formula(aurora: Aurora) -> None:
    aurora.register("F1", SPREAD)
    assert sluice("test").exit_code == 0
    aurora.register("F2", "temperature.max + co2.max", name="nonsense")
    result = sluice("test")
    assert result.exit_code == 1
    assert "`co2.max` in [ppm]" in result.stdout
