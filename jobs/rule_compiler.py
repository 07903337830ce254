"""Compiles a rule's SELECT by Flink's own parser and planner, and says of every fault where it is and how to mend it.

A rule is one SELECT over typed views and `messages`; it only adds rows, and what it keeps for them has an end.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyflink.table import ExplainDetail, StreamTableEnvironment, Table, TableSchema
from pyflink.table.types import (
    CharType,
    DataType,
    LocalZonedTimestampType,
    NumericType,
    TimestampType,
    VarCharType,
)
from pyflink.util.exceptions import JavaException

from jobs.model_calls import FUNCTIONS, ModelCall, ModelCallError, in_place_of, read_call
from jobs.rule_select import own_product_fault, select_faults
from jobs.rule_types import type_faults
from jobs.rule_windows import LONGEST_MS
from jobs.rules import Rule, RuleError, RuleErrors, header_line
from jobs.scoring import create_scored_view
from jobs.sql_tree import Place, class_of, kind_of, name_of, place_of, tables, walk
from jobs.views import view_name
from udfs.document import suggest

REQUIRED: Final = ("device_id", "event_time")
"""Columns that a rule gives."""

_TEXT: Final = "a text", (VarCharType, CharType)
_TIME: Final = "a time", (LocalZonedTimestampType, TimestampType)
_NUMBER: Final = "a number", (NumericType,)
COLUMNS: Final[Mapping[str, tuple[str, tuple[type[DataType], ...]]]] = {
    "device_id": _TEXT,
    "event_time": _TIME,
    "value": _NUMBER,
    "limit_value": _NUMBER,
    "severity": _TEXT,
    "customer_id": _TEXT,
    "site_id": _TEXT,
}
"""What each column is that an alarm knows; any other column is evidence."""

_CLEARS: Final = "SELECT device_id, event_time, customer_id, site_id FROM `{view}` WHERE {condition}"
_AT: Final = re.compile(r"\bline (\d+), column (\d+)")
_UNKNOWN: Final = re.compile(r"(?:Column|Object|Table) '([^']+)' not found")
_CHANGELOG: Final = re.compile(r"changelogMode=\[([A-Z,]+)\]")
_CHANGES: Final = "rows of this SELECT change after they were given: aggregate in windows, not by GROUP BY alone"
_TAKES_CHANGES: Final = re.compile(r"doesn't support consuming \w+(?: and \w+)* changes")
_JAVA_CLASS: Final = re.compile(r"^(?:[a-z][a-z0-9]*\.)+[A-Z][A-Za-z]*: ")
_INTERVAL: Final = re.compile(r"LowerBound=(-?\d+), \w+UpperBound=(-?\d+)")
_NO_ROWS: Final = re.compile(r"^Values\(.*tuples=\[\[\]\]")
_UNBOUNDED_JOIN: Final = re.compile(r"(?<![A-Za-z])Join\(")


@dataclass(frozen=True)
class CompiledRule:
    """A rule that Flink takes, the rows of its SELECT, and those for which its clear condition holds.

    Event time comes later out of a join over an interval than out of all else, by the length of the interval.
    """

    rule: Rule
    rows: Table
    clears: Table | None
    is_delayed: bool


def compile_rules(
    t_env: StreamTableEnvironment, rules: Iterable[Rule], views: Iterable[str]
) -> tuple[list[CompiledRule], list[RuleError]]:
    """The rules that may run, and the faults of the others; `views` are those that rules may read."""
    compiler = RuleCompiler(t_env, views)
    compiled: list[CompiledRule] = []
    refused: list[RuleError] = []
    for rule in rules:
        try:
            compiled.append(compiler.compile(rule))
        except RuleErrors as several:
            refused += several.errors
    return compiled, refused


def physical_plan(t_env: StreamTableEnvironment, rule: Rule) -> str:
    """Flink's plan of a rule, with what each step gives: I where it only adds rows."""
    plan = str(t_env.explain_sql(rule.select, ExplainDetail.CHANGELOG_MODE))
    return plan.partition("== Optimized Physical Plan ==")[2].partition("== Optimized Execution Plan ==")[0].strip()


class RuleCompiler:
    """Compiles rules against the views that a table environment has; rules may read `views` and nothing else."""

    def __init__(self, t_env: StreamTableEnvironment, views: Iterable[str]) -> None:
        self._t_env = t_env
        self._views = frozenset(views)
        self._scored: frozenset[str] = frozenset()
        self._planners = t_env._j_tenv.getPlanner()
        self._parser = self._planners.createFlinkPlanner().parser()

    def compile(self, rule: Rule) -> CompiledRule:
        """Raises RuleErrors."""
        rule, tree, read = self._with_models(rule)
        rows, plan = self._rows(rule, tree)
        clears = self._clears(rule, read) if rule.header.clear else None
        return CompiledRule(rule, rows, clears, is_delayed="IntervalJoin(" in plan)

    def _with_models(self, rule: Rule) -> tuple[Rule, Any, list[str]]:
        """The rule with a view in the place of each call of a model function, its checked tree, and what it reads."""
        tree = self._parsed(rule)
        calls, faults = _model_calls(rule, tree)
        faults += self._misplaced(rule, calls)
        if faults:
            raise RuleErrors(faults)
        if calls:
            for call in {call.name: call for call in calls.values()}.values():
                self._create_scored_view(call)
            rule = replace(rule, select=in_place_of(rule.select, {at: call.name for at, call in calls.items()}))
        tree = self._parse(rule)
        read = [*(str(table) for table in tables(tree)), *(call.view for call in calls.values())]
        if fault := own_product_fault(rule, read, self._views):
            raise RuleErrors([_fault(rule, tree, fault)])
        return rule, tree, read

    def _misplaced(self, rule: Rule, calls: Mapping[Place, ModelCall]) -> list[RuleError]:
        """Calls over views and columns that there are not, or limits that the header does not state."""
        faults = []
        for (line, column, _, _), call in calls.items():
            if call.view not in self._views:
                hint = suggest(call.view, self._views)
                faults.append(RuleError(rule.file, line, f"no view `{call.view}`{hint}", column))
                continue
            columns = self._t_env.from_path(f"`{call.view}`").get_schema().get_field_names()
            taken = [name for name in call.columns if name in columns]
            if call.column not in columns:
                hint = suggest(call.column, columns)
                faults.append(RuleError(rule.file, line, f"`{call.view}` has no column `{call.column}`{hint}", column))
            elif taken:
                message = f"`{call.view}` has a column `{taken[0]}` of its own, as {call.function} adds one"
                faults.append(RuleError(rule.file, line, message, column))
            limit = call.parameter("limit_name")
            if limit is not None and limit not in rule.header.limits:
                hint = suggest(str(limit), rule.header.limits)
                faults.append(RuleError(rule.file, line, f"the header has no limit `{limit}`{hint}", column))
        return faults

    def _create_scored_view(self, call: ModelCall) -> None:
        if call.name not in self._t_env.list_temporary_views():
            create_scored_view(self._t_env, call)
        self._scored |= {call.name}

    def _parse(self, rule: Rule) -> Any:
        tree = self._parsed(rule)
        faults = [_fault(rule, node, message) for node, message in select_faults(rule, tree, self._views, self._scored)]
        if faults:
            raise RuleErrors(faults)
        return tree

    def _parsed(self, rule: Rule) -> Any:
        try:
            return self._parser.parse(rule.select)
        except (Py4JJavaError, JavaException) as error:
            raise RuleErrors([_told(rule, error, (1, 1), ())]) from error

    def _rows(self, rule: Rule, tree: Any) -> tuple[Table, str]:
        """The rows of the SELECT, and Flink's plan of it."""
        try:
            selected = self._t_env.sql_query(rule.select)
            _check_columns(rule, tree, selected.get_schema())
            self._check_types(rule, tree)
            plan = physical_plan(self._t_env, rule)
            self._check_plan(rule, tree, plan)
        except (Py4JJavaError, JavaException) as error:
            raise RuleErrors([_told(rule, error, _place_of_pattern(tree), self._columns(tree))]) from error
        return selected, plan

    def _clears(self, rule: Rule, read: Sequence[str]) -> Table:
        """The messages of the rule's own product that meet its clear condition, by the first of its views."""
        prefix = view_name(rule.product, "")
        view = next((name for name in read if name.startswith(prefix)), None)
        line = header_line(rule, "clear")
        if view is None:
            message = f"`clear` is a condition over a view of {rule.product}, and the SELECT reads none"
            raise RuleErrors([RuleError(rule.file, line, message)])
        select = _CLEARS.format(view=view, condition=rule.header.clear)
        condition = replace(rule, select=select)
        try:
            tree = self._parse(condition)
            if fault := _clear_fault(tree):
                raise RuleErrors([_fault(rule, tree, fault)])
            return self._rows(condition, tree)[0]
        except RuleErrors as errors:
            faults = [RuleError(rule.file, line, f"clear: {fault.message}") for fault in errors.errors]
            raise RuleErrors(faults) from errors

    def _check_types(self, rule: Rule, tree: Any) -> None:
        planner = self._planners.createFlinkPlanner()
        validated, types = planner.validate(self._parsed(rule)), planner.getOrCreateSqlValidator()

        def type_of(node: Any) -> str | None:
            found = types.getValidatedNodeTypeIfKnown(node)
            return None if found is None else str(found.getSqlTypeName())

        faults = []
        for node, message in type_faults(validated, type_of):
            line, column = place_of(node)[:2]
            if line == 0:  # the validator writes the conditions of a pattern anew
                line, column = _place_of_pattern(tree)
            faults.append(RuleError(rule.file, line, message, column))
        if faults:
            raise RuleErrors(faults)

    def _check_plan(self, rule: Rule, tree: Any, plan: str) -> None:
        mode = _CHANGELOG.search(plan)
        if mode and mode[1] != "I":
            raise RuleErrors([_fault(rule, tree, _CHANGES)])
        if _NO_ROWS.search(plan):
            message = "no row can meet these conditions: one excludes another, or something `= NULL`, which is IS NULL"
            raise RuleErrors([_fault(rule, tree, message)])
        if _UNBOUNDED_JOIN.search(plan):
            message = (
                "this join keeps every row for ever: bound it, for example "
                "ON … AND b.event_time BETWEEN a.event_time - INTERVAL '5' MINUTE AND a.event_time"
            )
            raise RuleErrors([_fault(rule, tree, message)])
        if any(int(high) - int(low) > LONGEST_MS for low, high in _INTERVAL.findall(plan)):
            message = "this join keeps the rows of more than 7 days: shorten the interval of its ON"
            raise RuleErrors([_fault(rule, tree, message)])

    def _columns(self, tree: Any) -> Sequence[str]:
        """The columns of all views that the rule reads."""
        names = {str(table) for table in tables(tree)} & (self._views | self._scored)
        schemas = [self._t_env.from_path(f"`{name}`").get_schema() for name in sorted(names)]
        return [column for schema in schemas for column in schema.get_field_names()]


def _model_calls(rule: Rule, tree: Any) -> tuple[dict[Place, ModelCall], list[RuleError]]:
    """The calls of model functions by their places, and what is wrong with others."""
    calls: dict[Place, ModelCall] = {}
    tables: list[Place] = []
    faults = []
    for node in walk(tree):
        if kind_of(node) == "COLLECTION_TABLE":
            tables.append(place_of(node))
        try:
            call = read_call(node)
        except ModelCallError as error:
            faults.append(_fault(rule, error.node, error.message))
            continue
        if call is not None:
            calls[place_of(node)] = call
        elif _is_model_function(node) and not any(_holds(table, place_of(node)) for table in tables):
            name = name_of(node).lower()
            message = f"`{name}` is a table: FROM TABLE({name}(data => TABLE …, reading => DESCRIPTOR(…)))"
            faults.append(_fault(rule, node, message))
    return calls, faults


def _holds(outer: Place, inner: Place) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _is_model_function(node: Any) -> bool:
    return class_of(node) == "SqlBasicCall" and name_of(node).lower() in FUNCTIONS


def _clear_fault(tree: Any) -> str:
    """What is wrong with the clear condition of a query; empty if nothing."""
    if kind_of(tree) != "SELECT":
        return "expected a condition and nothing behind it"
    if not any(class_of(node) == "SqlIdentifier" for node in walk(tree.getWhere())):
        return "it reads no column, and so holds always or never: compare one"
    return ""


def _check_columns(rule: Rule, tree: Any, schema: TableSchema) -> None:
    names = schema.get_field_names()
    faults = [
        _fault(rule, tree, f"the SELECT has no column `{name}`; it gives {', '.join(names)}")
        for name in REQUIRED
        if name not in names
    ]
    for name, kind in zip(names, schema.get_field_data_types(), strict=True):
        expected, kinds = COLUMNS.get(name, ("", (DataType,)))
        if not isinstance(kind, kinds):
            told = str(kind).removesuffix("Type")
            faults.append(_fault(rule, tree, f"the column `{name}` is {expected}, the SELECT gives {told}"))
    if faults:
        raise RuleErrors(faults)


def _fault(rule: Rule, node: Any, message: str) -> RuleError:
    position = node.getParserPosition()
    return RuleError(rule.file, position.getLineNum(), message, position.getColumnNum())


def _place_of_pattern(tree: Any) -> tuple[int, int]:
    """Where the planner's faults lie that name no place: they are of patterns."""
    patterns = [node for node in walk(tree) if class_of(node) == "SqlMatchRecognize"]
    position = (patterns[0] if patterns else tree).getParserPosition()
    return position.getLineNum(), position.getColumnNum()


def _told(rule: Rule, error: Exception, otherwise: tuple[int, int], columns: Sequence[str]) -> RuleError:
    """What Flink says, at the place that it names, with the column that may have been meant."""
    messages = list(_messages(error))
    placed = next((at for message in messages if (at := _AT.search(message))), None)
    line, column = (int(placed[1]), int(placed[2])) if placed else otherwise
    message = _JAVA_CLASS.sub("", messages[-1].strip().splitlines()[0])
    if _TAKES_CHANGES.search(message):
        return RuleError(rule.file, line, _CHANGES, column)
    unknown = _UNKNOWN.search(message)
    hint = suggest(unknown[1], columns) if unknown else ""
    return RuleError(rule.file, line, f"Flink refuses the rule: {message}{hint}", column)


def _messages(error: Exception) -> Iterator[str]:
    """From the outermost cause to the innermost."""
    if not isinstance(error, Py4JJavaError):
        yield str(error)
        return
    cause = error.java_exception
    while cause is not None:
        yield str(cause.getMessage())
        cause = cause.getCause()
