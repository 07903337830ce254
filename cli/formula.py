"""`sluice formula`: check formulas over a day's aggregates, evaluate a day, and tell where a value comes from."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
import typer
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.deployment import find_deployment
from cli.specs_folder import find_product, load_catalog
from control import formulas
from control.formula_scopes import Choice, Subject, choose
from control.formulas import compiled_or_fault, registered
from jobs.config import Config
from udfs.catalog import Catalog
from udfs.errors import SluiceError
from udfs.expression import ExpressionError
from udfs.formula import Formula, Inputs, compile_formula, measured_units

formula_app = typer.Typer(no_args_is_help=True)
RunDir = Annotated[Path, typer.Option(help="Folder of the local stack's state.")]
Day = Annotated[str, typer.Option(help="The day in UTC, as 2026-11-23; default: yesterday.")]
DEFAULT_RUN_DIR: Final = Path(".run")


@formula_app.callback()
def about_formulas() -> None:
    """Formulas over a day's aggregates: check them, evaluate a day, explain a value.

    Register one by `sluice master put formula formula_id=F1 name=spread scope=product scope_id=… expression=… unit=…`.
    """


@formula_app.command("test")
def check(
    context: typer.Context,
    expression: Annotated[str | None, typer.Argument(help="A formula; without one, all registered ones.")] = None,
    product: Annotated[str, typer.Option(help="The product whose measurements the formula reads.")] = "",
    unit: Annotated[str, typer.Option(help="UCUM code of the result.")] = "1",
    given: Annotated[list[str] | None, typer.Option("--input", help="An input, as temperature.max=25.")] = None,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Check a formula and compute it from inputs, or check all registered ones; exits 1 where one is wrong."""
    catalog = load_catalog(context)
    if expression is None:
        _check_registered(_deployment(run_dir), catalog)
        return
    try:
        formula = compile_formula(expression, unit, measured_units(find_product(catalog, product)))
        inputs = dict(_input(text) for text in given or ())
    except ExpressionError as error:
        typer.echo(f"column {error.column + 1}: {error.message}", err=True)
        typer.echo(f"  {expression}\n  {' ' * error.column}^", err=True)
        raise typer.Exit(1) from error
    except SluiceError as error:
        raise _refused(error) from error
    _print_outcome(formula, inputs)


@formula_app.command("run")
def run(context: typer.Context, day: Day = "", run_dir: RunDir = DEFAULT_RUN_DIR) -> None:
    """Evaluate all formulas of a day and keep what they come to; safe to repeat."""
    catalog, config, on = load_catalog(context), _deployment(run_dir), _day(day)
    results = formulas.run(config.aurora, catalog, on)
    table = Table("formula", "customer", "product", "device", "value", "unit", "by", box=None, header_style="bold")
    for result in results:
        value = Text(result.reason or "", "red") if result.value is None else Text(_number(result.value))
        whose = (result.name, result.customer_id, result.product, result.device_id)
        table.add_row(
            *map(Text, whose), value, Text(result.unit), f"{result.formula_id} version {result.formula_version}"
        )
    Console(highlight=False).print(table if results else f"{on}: no formula holds for anything")


@formula_app.command("explain")
def explain(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The formula's name.")],
    day: Day = "",
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    device: Annotated[str, typer.Option(help="Only this device.")] = "",
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Print where values come from: formula, version, the scopes that it beat, inputs, units and every step."""
    catalog, config, on = load_catalog(context), _deployment(run_dir), _day(day)
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host), row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT * FROM formula_result WHERE day = %(day)s AND name = %(name)s "
            "AND %(customer)s IN ('', customer_id) AND %(device)s IN ('', device_id) "
            "ORDER BY product, customer_id, device_id",
            {"day": on, "name": name, "customer": customer, "device": device},
        ).fetchall()
        known = registered(connection)
    if not rows:
        raise _refused(SluiceError(f"no result of `{name}` on {on}: `sluice formula run --day {on}` evaluates the day"))
    for row in rows:
        subject = Subject(row["customer_id"], row["product"], row["device_id"])
        choices = (choice for choice in choose(known, [subject], on) if choice.subject == subject)
        typer.echo("\n".join(_explained(row, next((c for c in choices if c.won.name == name), None), catalog)))


def _explained(row: dict[str, Any], choice: Choice | None, catalog: Catalog) -> Iterator[str]:
    whose = ", ".join(filter(None, (row["device_id"], row["customer_id"], row["product"])))
    outcome = f"{_number(row['value'])} {row['unit']}" if row["reason"] is None else f"nothing: {row['reason']}"
    yield f"{row['name']} = {outcome} on {row['day']} for {whose}"
    yield from _provenance(row, choice)
    yield f"  expression {row['expression']}"
    inputs = json.loads(row["inputs"])
    for name, given in inputs.items():
        yield f"  input      {name} = {_number(given['value'])} {given['unit']}"
    product = catalog.products.get(row["product"])
    try:
        formula = compile_formula(row["expression"], row["unit"], measured_units(product)) if product else None
    except ExpressionError:
        return  # the reason says so
    if formula is not None:
        yield from _steps(formula, {name: given["value"] for name, given in inputs.items()}, f"  {'step':<10} ")


def _provenance(row: dict[str, Any], choice: Choice | None) -> Iterator[str]:
    of = f"  formula    {row['formula_id']} version {row['formula_version']}"
    if choice is None or choice.won.formula_id != row["formula_id"]:
        yield f"{of}, which does not hold any more"
        return
    won = choice.won
    since = "" if won.version == row["formula_version"] else f"; registered now is version {won.version}"
    yield f"{of}, of {won.scope} {won.scope_id}{since}"
    for other in choice.beaten:
        yield f"  beat       {other.formula_id} version {other.version}, of {other.scope} {other.scope_id}"


def _check_registered(config: Config, catalog: Catalog) -> None:
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host)) as connection:
        found = registered(connection)
    faults = 0
    for formula in found:
        compiled = compiled_or_fault(formula, catalog)
        faults += isinstance(compiled, str)
        verdict = f"FAIL  {compiled}" if isinstance(compiled, str) else "ok"
        typer.echo(f"{formula.formula_id}  {formula.name}  {formula.scope} {formula.scope_id}  {verdict}")
    typer.echo(f"{len(found)} formula{'' if len(found) == 1 else 's'}, {faults} wrong")
    if faults:
        raise typer.Exit(1)


def _print_outcome(formula: Formula, inputs: Inputs) -> None:
    for name, unit in formula.units.items():
        typer.echo(f"input  {name} = {_number(inputs.get(name))} {unit}")
    for step in _steps(formula, inputs, "step   "):
        typer.echo(step)
    outcome = formula.evaluate(inputs)
    if outcome.reason is None:
        typer.echo(f"value  {_number(outcome.value)} {formula.unit}")
    else:
        typer.echo(f"value  none: {outcome.reason}")


def _steps(formula: Formula, inputs: Inputs, head: str) -> Iterator[str]:
    for step in formula.steps(inputs):
        value = str(step.value).lower() if isinstance(step.value, bool) else f"{_number(step.value)} {step.unit}"
        yield f"{head}{step.text} = {value}"


def _number(value: Any) -> str:
    return "none" if value is None else f"{value:.10g}"


def _input(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    try:
        return name.strip(), float(number) if equals else float("")
    except ValueError:
        raise SluiceError(f"expected an input such as `temperature.max=25`, got `{text}`") from None


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _refused(SluiceError(f"expected a day such as 2026-11-23, got `{text}`")) from error


def _deployment(run_dir: Path) -> Config:
    try:
        return find_deployment(run_dir)
    except SluiceError as error:
        raise _refused(error) from error


def _refused(error: SluiceError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)
