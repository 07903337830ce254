"""Runs the timed cases of rules, all in one bounded run on a mini-cluster, through the views, rules and lifecycle of
the job itself: only the messages come from a list instead of Kinesis.

Event time moves with each message, as soon as it has arrived: what is late in a case is late in every run.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from py4j.protocol import Py4JJavaError
from pyflink.common import Configuration, Row
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from jobs import rows
from jobs.config import Job
from jobs.platform import judge, one_java_thread, publish_messages, table_environment
from jobs.rule_cases import AlarmChange, CaseMessage, PlannedCase, case_messages, differs, in_order
from jobs.rule_compiler import CompiledRule, compile_rules
from jobs.rules import Rule, RuleErrors
from jobs.views import rule_views
from udfs.catalog import Catalog
from udfs.errors import SluiceError

_CHANGES: Final = "SELECT rule, device_id, state, first_event_time, last_event_time, `value` FROM alarm_transitions"


class RunError(SluiceError):
    """The run of the cases failed in Flink."""


@dataclass(frozen=True)
class CaseResult:
    """What a case should have given and what it gave, each in order of time."""

    planned: PlannedCase
    got: list[AlarmChange]

    @property
    def passed(self) -> bool:
        return not differs(self.planned.expected, self.got)


def run_cases(
    planned: Sequence[PlannedCase], catalog: Catalog, default_limits: Mapping[str, Mapping[str, float]]
) -> list[CaseResult]:
    """The result of every case; raises RuleError where Flink refuses a rule, RunError where the run fails."""
    messages = [message for case in planned for message in case_messages(case, catalog, default_limits)]
    with one_java_thread():
        t_env = _job(_judged_together(planned), messages, catalog)
    try:
        with t_env.execute_sql(_CHANGES).collect() as changes:
            seen = [_Change(*row) for row in changes]
    except Py4JJavaError as error:
        raise RunError(_first_cause(error)) from error
    return [CaseResult(case, _changes_of(case, seen)) for case in planned]


@dataclass(frozen=True)
class _Change:
    rule: str
    device_id: str
    state: str
    first_event_time: int
    last_event_time: int
    value: float | None


def _judged_together(planned: Sequence[PlannedCase]) -> list[list[Rule]]:
    """Rules in groups, each judged by a lifecycle of its own.

    A lifecycle goes by the slowest watermark of its rules, so a rule with late readings must not wait for another one.
    """
    rules = {case.rule.name: case.rule for case in planned}
    late = {case.rule.name for case in planned if any(series.late for series in case.case.series)}
    others = [rule for name, rule in rules.items() if name not in late]
    return [*([others] if others else []), *([rules[name]] for name in sorted(late))]


def _job(groups: list[list[Rule]], messages: list[CaseMessage], catalog: Catalog) -> StreamTableEnvironment:
    t_env = environment_with(messages, catalog)
    first, *others = [judge(t_env, _compiled(t_env, rules, catalog)) for rules in groups]
    t_env.create_temporary_view("alarm_transitions", first.union(*others) if others else first)
    return t_env


def environment_with(messages: Sequence[CaseMessage], catalog: Catalog) -> StreamTableEnvironment:
    """A table environment with the job's views over these messages."""
    job = Job()
    env = StreamExecutionEnvironment.get_execution_environment(_settings())
    t_env = table_environment(env, job)
    source = env.from_collection([Row(*message) for message in messages], rows.MESSAGE)
    t_env.create_temporary_view("case_messages", source)
    all_messages = t_env.sql_query("SELECT *, CAST(1 AS BIGINT) AS occurrence FROM case_messages")
    publish_messages(t_env, all_messages, catalog, job.watermark_delay)
    return t_env


def _compiled(t_env: StreamTableEnvironment, rules: list[Rule], catalog: Catalog) -> list[CompiledRule]:
    compiled, refused = compile_rules(t_env, rules, rule_views(catalog))
    if refused:
        raise RuleErrors(refused)
    return compiled


def _settings() -> Configuration:
    settings = Configuration()
    settings.set_string("parallelism.default", "1")
    settings.set_string("python.executable", sys.executable)
    settings.set_string("python.client.executable", sys.executable)
    settings.set_string("rest.bind-address", "127.0.0.1")
    # The watermark follows each message instead of a clock, and is not held back by a bundle on its way to Python.
    settings.set_string("pipeline.auto-watermark-interval", "0 ms")
    settings.set_string("python.fn-execution.bundle.size", "1")
    return settings


def _changes_of(case: PlannedCase, seen: Sequence[_Change]) -> list[AlarmChange]:
    devices = {case.device_id(series.device): series.device for series in case.case.series}
    return in_order(
        [
            AlarmChange(_time(case, change) - case.zero, devices[change.device_id], change.state, change.value)
            for change in seen
            if change.rule == case.rule.name and change.device_id in devices
        ]
    )


def _time(case: PlannedCase, change: _Change) -> int:
    return change.last_event_time + (0 if change.state == "raised" else case.rule.clear_after_ms)


def _first_cause(error: Py4JJavaError) -> str:
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return f"Flink could not run the cases: {cause.toString()}"
