"""Formulas of a day: reads what is registered and the day's aggregates, evaluates, and keeps values with provenance.

Reads go to Aurora's read endpoint, the write to its write endpoint. A day may be evaluated again at any time: results
that no longer follow are deleted, and a row is only touched where something in it changed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import date
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from control.formula_scopes import SCOPES, Choice, Registered, Subject, choose
from jobs.config import Aurora
from udfs.catalog import Catalog
from udfs.expression import ExpressionError
from udfs.formula import DEVICES, Formula, compile_formula, measured_units

_STATISTICS: Final = {
    "mean": "mean_value",
    "min": "min_value",
    "max": "max_value",
    "sum": "sum_value",
    "last": "last_value",
    "count": "num_values",
}
_KEY: Final = ("day", "name", "customer_id", "product", "device_id")
_REGISTERED: Final = """
    SELECT formula_id, coalesce(name, '') AS name, coalesce(scope, '') AS scope, coalesce(scope_id, '') AS scope_id,
           coalesce(product, CASE scope WHEN 'product' THEN lower(scope_id) END, '') AS product,
           coalesce(expression, '') AS expression, coalesce(unit, '') AS unit, valid_from, valid_to, version
    FROM formula WHERE NOT deleted ORDER BY name, formula_id
"""

Inputs = dict[str, float | int | None]


@dataclass(frozen=True)
class Result:
    """A row of the table `formula_result` but for the time of evaluation; `inputs` is JSON."""

    day: date
    name: str
    customer_id: str
    product: str
    device_id: str
    value: float | None
    unit: str
    reason: str | None
    formula_id: str
    formula_version: int
    expression: str
    inputs: str


def run(aurora: Aurora, catalog: Catalog, day: date) -> list[Result]:
    """Evaluates every formula that holds on the day and writes what they came to; raises psycopg.Error only."""
    with psycopg.connect(aurora.conninfo(aurora.read_host)) as connection:
        formulas = registered(connection)
        inputs = day_inputs(connection, day, {f.scope_id for f in formulas if f.scope == "device"})
    results = evaluate_day(formulas, inputs, catalog, day)
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        write_results(connection, day, results)
    return results


def registered(connection: psycopg.Connection[Any]) -> list[Registered]:
    """Every formula that is not deleted; texts that a source left out are empty."""
    with connection.cursor(row_factory=class_row(Registered)) as cursor:
        return cursor.execute(_REGISTERED).fetchall()


def day_inputs(connection: psycopg.Connection[Any], day: date, devices: Iterable[str]) -> dict[Subject, Inputs]:
    """The day's aggregates as inputs: of each customer and product, and of the devices that have formulas."""
    inputs: dict[Subject, Inputs] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT * FROM customer_product_1d WHERE day = %s", [day])
        for row in cursor:
            of_subject = inputs.setdefault(Subject(row["customer_id"], row["product"]), {DEVICES: 0})
            of_subject[DEVICES] = max(of_subject[DEVICES] or 0, row["num_devices"])
            of_subject |= _statistics(row)
        cursor.execute("SELECT * FROM device_1d WHERE day = %s AND device_id = ANY(%s)", [day, list(devices)])
        for row in cursor:
            subject = Subject(row["customer_id"], row["product"], row["device_id"])
            inputs.setdefault(subject, {DEVICES: 1}).update(_statistics(row))
    return inputs


def evaluate_day(
    formulas: Iterable[Registered], inputs: Mapping[Subject, Inputs], catalog: Catalog, day: date
) -> list[Result]:
    """What every formula that holds comes to; one that does not compile has its fault as the reason."""
    compiled: dict[str, Formula | str] = {}
    results = []
    for choice in choose(formulas, inputs.keys(), day):
        formula = choice.won
        if formula.formula_id not in compiled:
            compiled[formula.formula_id] = compiled_or_fault(formula, catalog)
        results.append(_result(choice, compiled[formula.formula_id], inputs.get(choice.subject, {}), day))
    return results


def compiled_or_fault(formula: Registered, catalog: Catalog) -> Formula | str:
    """The compiled formula, or in words why it does not compile; columns count from 1."""
    if formula.scope not in SCOPES:
        return f"scope `{formula.scope}` is none of {', '.join(SCOPES)}"
    product = catalog.products.get(formula.product)
    if product is None:
        return f"no product `{formula.product}` in the specs"
    try:
        return compile_formula(formula.expression, formula.unit, measured_units(product))
    except ExpressionError as error:
        return f"column {error.column + 1}: {error.message}"


def write_results(connection: psycopg.Connection[Any], day: date, results: Iterable[Result]) -> None:
    """Makes the day's rows these, in the connection's transaction."""
    rows = [astuple(result) for result in results]
    keys = [[row[place] for row in rows] for place in range(1, len(_KEY))]
    connection.execute(
        "DELETE FROM formula_result WHERE day = %s AND (name, customer_id, product, device_id) NOT IN "
        "(SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]))",
        [day, *keys],
    )
    with connection.cursor() as cursor:
        cursor.executemany(_upsert(), rows)


def _upsert() -> sql.Composed:
    names = [field.name for field in fields(Result)]
    changing = [sql.Identifier(name) for name in names if name not in _KEY]
    return sql.SQL(
        "INSERT INTO formula_result AS kept ({all}, evaluated_at) VALUES ({values}, now() AT TIME ZONE 'UTC') "
        "ON CONFLICT ({key}) DO UPDATE SET ({changing}, evaluated_at) = ({new}, EXCLUDED.evaluated_at) "
        "WHERE ({old}) IS DISTINCT FROM ({new})"
    ).format(
        all=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(names)),
        key=sql.SQL(", ").join(map(sql.Identifier, _KEY)),
        changing=sql.SQL(", ").join(changing),
        new=sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(name) for name in changing),
        old=sql.SQL(", ").join(sql.SQL("kept.{}").format(name) for name in changing),
    )


def _result(choice: Choice, formula: Formula | str, inputs: Inputs, day: date) -> Result:
    subject, won = choice.subject, choice.won
    value, reason, used = None, None, "{}"
    if isinstance(formula, str):
        reason = formula
    else:
        outcome = formula.evaluate(inputs)
        value, reason = outcome.value, outcome.reason
        asked = {name: {"value": given, "unit": formula.units[name]} for name, given in outcome.inputs.items()}
        used = json.dumps(asked, sort_keys=True)
    identity = (day, won.name, subject.customer_id, subject.product, subject.device_id)
    return Result(*identity, value, won.unit, reason, won.formula_id, won.version, won.expression, used)


def _statistics(row: Mapping[str, Any]) -> Inputs:
    return {f"{row['measurement']}.{name}": row[column] for name, column in _STATISTICS.items()}
