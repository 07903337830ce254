"""`sluice rule lint` and `sluice rule test`: rules compiled by Flink, and their timed cases run in event time."""

import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from rich.console import Console

from cli.lazy import LazyGroup
from cli.rule_report import render_difference, result_table
from cli.specs_folder import load_catalog
from jobs.rule_case_files import cases_file, read_all_cases
from jobs.rule_cases import PlannedCase, plan_cases
from jobs.rules import Rule, RuleError, RuleErrors, read_rules, readable_rules
from udfs.catalog import Catalog
from udfs.document import suggest
from udfs.errors import SluiceError, SpecErrors

if TYPE_CHECKING:
    from jobs.rule_runner import CaseResult

PROJECT = Path(__file__).resolve().parent.parent
_out = Console(highlight=False)


class RuleCommands(LazyGroup):
    """The commands that stand in modules of their own."""

    lazy: ClassVar = {"docs": "cli.rule_docs:docs", "tune": "cli.rule_tune:tune"}


rule_app = typer.Typer(cls=RuleCommands, no_args_is_help=True)


@rule_app.callback()
def about_rules() -> None:
    """Alarm rules: lint, explain, test."""


@rule_app.command("lint")
def lint(
    context: typer.Context,
    rule: Annotated[str | None, typer.Argument(help="Only this rule: `product/rule` or `rule`; default: all.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--rules", help="Folder of the rules; default: ./sql/rules, then the project's.")
    ] = None,
) -> None:
    """Compile the rules by Flink's own parser and planner; say file, line, column and mend of every fault.

    Exits 1 where there is one. The job itself leaves such a rule out and runs the others, unless `rules.strict` is set.
    """
    catalog = load_catalog(context)
    try:
        rules, refused = readable_rules(find_rules_folder(folder))
        if rule is not None:
            rules, refused = _only(rule, rules, refused)
        with _out.status(f"{_count(len(rules), 'rule')}, about 10 s"), quiet_flink():
            from jobs.rule_lint import lint_rules  # imports PyFlink, a second that other commands need not spend

            refused = [*refused, *lint_rules(rules, catalog)]
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for fault in refused:
        typer.echo(str(fault), err=True)
    typer.echo(f"{_count(len(rules), 'rule')}, {_count(len(refused), 'fault') if refused else 'no fault'}")
    if refused:
        raise typer.Exit(1)


@rule_app.command("explain")
def explain(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(help="The rule: `product/rule` or `rule`.")],
    folder: Annotated[
        Path | None, typer.Option("--rules", help="Folder of the rules; default: ./sql/rules, then the project's.")
    ] = None,
) -> None:
    """Print Flink's plan of a rule, from the messages to its rows; exits 1 where the rule has a fault."""
    catalog = load_catalog(context)
    try:
        found, unreadable = _only(rule, *readable_rules(find_rules_folder(folder)))
        if unreadable:
            raise RuleErrors(unreadable)
        with _out.status("planning, about 10 s"), quiet_flink():
            from jobs.rule_lint import explain_rule  # imports PyFlink, a second that other commands need not spend

            plan = explain_rule(found[0], catalog)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(plan)


@rule_app.command("test")
def run_rule_tests(
    context: typer.Context,
    rule: Annotated[str | None, typer.Argument(help="Only this rule: `product/rule` or `rule`; default: all.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--rules", help="Folder of the rules; default: ./sql/rules, then the project's.")
    ] = None,
) -> None:
    """Run the timed cases of the rules on a mini-cluster and compare the alarms with those expected.

    The cases of sql/rules/<product>/<rule>.sql stand beside it in <rule>.test.yaml. Exits 1 where a case fails, or
    where a rule or a test file cannot be used.
    """
    catalog = load_catalog(context)
    try:
        rules = read_rules(find_rules_folder(folder))
        selected = rules if rule is None else [find_rule(rules, rule)]
        planned = plan_cases(read_all_cases(selected, catalog))
        _name_untested(selected)
        passed = not planned or _run(planned, catalog, rules)
    except SluiceError as error:
        faults = error.errors if isinstance(error, SpecErrors) else (error,)
        typer.echo("\n".join(map(str, faults)), err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if passed else 1)


def _run(planned: Sequence[PlannedCase], catalog: Catalog, rules: Sequence[Rule]) -> bool:
    started = time.monotonic()
    with _out.status(f"{_count(len(planned), 'case')} on a mini-cluster, about 15 s"), quiet_flink():
        from jobs.rule_runner import run_cases  # imports PyFlink, a second that other commands need not spend

        results = run_cases(planned, catalog, rules)
    _report(results, time.monotonic() - started)
    return all(result.passed for result in results)


def _report(results: Sequence["CaseResult"], seconds: float) -> None:
    _out.print(result_table(results))
    failed = [result for result in results if not result.passed]
    for result in failed:
        _out.print(f"\n{render_difference(result)}", markup=False, soft_wrap=True)
    _out.print(f"\n{len(results) - len(failed)} passed, {len(failed)} failed in {seconds:.0f} s")


@contextmanager
def quiet_flink() -> Iterator[None]:
    """Flink's JVM with the project's settings, its log in a folder that goes away with the run."""
    warnings.filterwarnings("ignore", category=UserWarning, module="apache_beam")
    with tempfile.TemporaryDirectory(prefix="sluice-rule-test-") as logs:
        os.environ.setdefault("FLINK_CONF_DIR", str(PROJECT / "flink-conf"))
        os.environ.setdefault("FLINK_LOG_DIR", logs)
        yield


def _name_untested(rules: Sequence[Rule]) -> None:
    for rule in rules:
        if not cases_file(rule).exists():
            _out.print(f"{rule.name} has no cases: write them in {cases_file(rule)}", markup=False, soft_wrap=True)


def find_rules_folder(given: Path | None) -> Path:
    folders = [given] if given else [Path("sql/rules"), PROJECT / "sql" / "rules"]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise SluiceError(f"no rules: there is no folder {folders[0]} (give another folder by --rules)")


def _only(name: str, rules: Sequence[Rule], refused: Sequence[RuleError]) -> tuple[list[Rule], list[RuleError]]:
    """The rule of this name, or the faults for which it cannot be read."""
    faults = [error for error in refused if name in (error.rule, error.rule.partition("/")[2])]
    return ([], faults) if faults else ([find_rule(rules, name)], [])


def find_rule(rules: Sequence[Rule], name: str) -> Rule:
    found = [rule for rule in rules if name in (rule.name, rule.name.partition("/")[2])]
    if len(found) == 1:
        return found[0]
    names = [rule.name for rule in found or rules]
    if found:
        raise SluiceError(f"more than one rule `{name}`: give one of {', '.join(names)}")
    hint = suggest(name, names) or f"; there are: {', '.join(names)}"
    raise SluiceError(f"unknown rule `{name}`{hint}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
