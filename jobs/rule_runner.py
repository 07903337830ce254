"""Runs the timed cases of rules, all in one bounded run on a mini-cluster, through the views, rules and lifecycle of
the job itself: only the messages come from a list instead of Kinesis.

Event time moves with each message, as soon as it has arrived: what is late in a case is late in every run.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from py4j.protocol import Py4JJavaError
from pyflink.common import Configuration, Row
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from jobs import rows
from jobs.config import Job
from jobs.lifecycle import Lifecycle
from jobs.platform import judge, marks_by, notify, one_java_thread, publish_messages, table_environment
from jobs.rule_cases import (
    AlarmChange,
    CaseMessage,
    PlannedCase,
    Told,
    case_master_data,
    case_messages,
    differs,
    in_order,
    notifications_differ,
)
from jobs.rule_compiler import CompiledRule, compile_rules
from jobs.rules import Rule, RuleErrors, default_limits
from jobs.views import rule_views
from udfs.catalog import Catalog
from udfs.errors import SluiceError

_JAR: Final = Path(__file__).resolve().parents[1] / "target" / "sluice.jar"
_IN_STEP: Final = {"pipeline.auto-watermark-interval": "0 ms", "python.fn-execution.bundle.size": "1"}
"""The watermark follows each message instead of a clock, and is not held back by a bundle on its way to Python."""

_RESULTS: Final = (
    "SELECT 'alarm', rule, device_id, state, changed_at, `value`, severity, CAST(0 AS BIGINT), reason "
    "FROM alarm_transitions UNION ALL SELECT 'notification', rule, site_id, state, notified_at, CAST(NULL AS DOUBLE), "
    "severity, num_alarms, reason FROM told"
)


_MARKS: Final = (
    "SELECT attributes['rule'], device_id, CAST(EXTRACT(EPOCH FROM event_time) * 1000 AS BIGINT), attributes['mark'], "
    "CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), "
    "'{\"by\": \"the case\"}' FROM messages WHERE product = 'operator mark'"
)


_CHANGES: Final = (
    "SELECT alarm_id, state, rule, device_id, first_event_time, changed_at FROM judged "
    "WHERE state IN ('raised', 'cleared')"
)


class RunError(SluiceError):
    """Flink could not run, or the run of the cases failed in it."""


@dataclass(frozen=True)
class CaseResult:
    """What a case should have given and what it gave, each in order of time."""

    planned: PlannedCase
    got: list[AlarmChange]
    told: list[Told]

    @property
    def passed(self) -> bool:
        return not differs(self.planned.expected, self.got) and not self.told_otherwise

    @property
    def told_otherwise(self) -> bool:
        """Notifications count where the case says which."""
        expected = self.planned.expected_notifications
        return self.planned.case.notifications is not None and notifications_differ(expected, self.told)


def run_cases(planned: Sequence[PlannedCase], catalog: Catalog, rules: Sequence[Rule]) -> list[CaseResult]:
    """The result of every case; `rules` are all of the project. Raises RuleErrors, RunError where the run fails."""
    limits = default_limits(rules)
    messages = [message for case in planned for message in case_messages(case, catalog, limits)]
    with one_java_thread():
        t_env = _job(planned, _judged_together(planned, rules), messages, catalog)
    try:
        with t_env.execute_sql(_RESULTS).collect() as results:
            seen = [_Result(*row) for row in results]
    except Py4JJavaError as error:
        raise RunError(_first_cause(error)) from error
    return [CaseResult(case, _changes_of(case, seen), _told_of(case, seen)) for case in planned]


class RuleAlarm(NamedTuple):
    """An alarm from its first detection, by which it was raised `at` some event time, until it was over."""

    rule: str
    device_id: str
    first_at: int
    at: int
    over_at: int | None


def alarms_of(messages: Sequence[CaseMessage], catalog: Catalog, rules: list[Rule]) -> list[RuleAlarm]:
    """What `rules` raise over these messages in the order of their arrival, marks of operators among them."""
    env = mini_cluster()
    t_env = environment_with(env, messages, catalog)
    lifecycle = Lifecycle({rule.name: rule for rule in rules}, partial(list, ()))
    changes = env.from_collection([], rows.MASTER_CHANGE)
    compiled = _compiled(t_env, rules, catalog)
    t_env.create_temporary_view("judged", judge(t_env, compiled, lifecycle, marks_by(t_env, _MARKS), changes))
    raised: dict[str, RuleAlarm] = {}
    with t_env.execute_sql(_CHANGES).collect() as changes_seen:
        for alarm_id, state, rule, device_id, first_at, at in changes_seen:
            if state == "raised":
                raised[alarm_id] = RuleAlarm(rule, device_id, first_at, at, None)
            else:
                raised[alarm_id] = raised[alarm_id]._replace(over_at=at)
    return [*raised.values()]


class _Result(NamedTuple):
    kind: str
    rule: str
    of_id: str
    state: str
    at: int
    value: float | None
    severity: str
    num_alarms: int
    reason: str


def _judged_together(planned: Sequence[PlannedCase], all_rules: Sequence[Rule]) -> list[list[Rule]]:
    """Rules in groups, each judged by a lifecycle of its own; with those that inhibit them.

    A lifecycle goes by the slowest watermark of its inputs, so a rule with late readings must not wait for another one.
    """
    named = {rule.name: rule for rule in all_rules}
    rules = {case.rule.name: case.rule for case in planned}
    rules |= {name: named[name] for rule in [*rules.values()] for name in rule.header.inhibited_by}
    late = {case.rule.name for case in planned if any(series.late for series in case.case.series)}
    others = [rule for name, rule in rules.items() if name not in late]
    return [*([others] if others else []), *([rules[name]] for name in sorted(late))]


def _job(
    planned: Sequence[PlannedCase], groups: list[list[Rule]], messages: list[CaseMessage], catalog: Catalog
) -> StreamTableEnvironment:
    env = mini_cluster(_IN_STEP)
    t_env = environment_with(env, messages, catalog)
    compiled = [_compiled(t_env, rules, catalog) for rules in groups]
    first, *others = [_judged(env, t_env, rules, planned) for rules in compiled]
    transitions = first.union(*others) if others else first
    t_env.create_temporary_view("alarm_transitions", transitions)
    all_rules = [rule for rules in compiled for rule in rules]
    t_env.create_temporary_view("told", notify(transitions, all_rules, Job()))
    return t_env


def _judged(
    env: StreamExecutionEnvironment,
    t_env: StreamTableEnvironment,
    rules: Sequence[CompiledRule],
    planned: Sequence[PlannedCase],
) -> DataStream:
    names = {compiled.rule.name: compiled.rule for compiled in rules}
    master_data = [change for case in planned for change in case_master_data(case)]
    lifecycle = Lifecycle(names, partial(list, master_data))
    with_marks = any(case.case.marks for case in planned if case.rule.name in names)
    marks = marks_by(t_env, _MARKS) if with_marks else None
    # Calendars of cases stand from the start. A stream that ends at once holds no watermark back.
    return judge(t_env, rules, lifecycle, marks, env.from_collection([], rows.MASTER_CHANGE))


def environment_with(
    env: StreamExecutionEnvironment, messages: Sequence[CaseMessage], catalog: Catalog
) -> StreamTableEnvironment:
    """A table environment with the job's views over these messages."""
    job = Job()
    t_env = table_environment(env, job)
    source = env.from_collection([Row(*message) for message in messages], rows.MESSAGE)
    watermark = f"event_time - INTERVAL '{job.watermark_delay}' SECOND"
    publish_messages(t_env, t_env.from_data_stream(source), catalog, watermark, job.dedupe_hours)
    return t_env


def _compiled(t_env: StreamTableEnvironment, rules: list[Rule], catalog: Catalog) -> list[CompiledRule]:
    compiled, refused = compile_rules(t_env, rules, rule_views(catalog))
    if refused:
        raise RuleErrors(refused)
    return compiled


def mini_cluster(options: Mapping[str, str] = {}) -> StreamExecutionEnvironment:
    """One worker in a JVM of its own, with `options` of Flink; raises RunError where the job's jar is missing."""
    if not _JAR.exists():
        raise RunError(f"{_JAR} is missing, by which rules are compiled and run: `make jar` builds it")
    settings = Configuration()
    settings.set_string("parallelism.default", "1")
    settings.set_string("python.executable", sys.executable)
    settings.set_string("python.client.executable", sys.executable)
    settings.set_string("rest.bind-address", "127.0.0.1")
    for name, value in options.items():
        settings.set_string(name, value)
    env = StreamExecutionEnvironment.get_execution_environment(settings)
    env.add_jars(_JAR.as_uri())
    return env


def _changes_of(case: PlannedCase, seen: Sequence[_Result]) -> list[AlarmChange]:
    devices = {case.own(series.device): series.device for series in case.case.series}
    return in_order(
        [
            AlarmChange(result.at - case.zero, devices[result.of_id], result.state, result.value, result.severity)
            for result in seen
            if result.kind == "alarm" and result.rule == case.rule.name and result.of_id in devices
        ]
    )


def _told_of(case: PlannedCase, seen: Sequence[_Result]) -> list[Told]:
    sites = {case.own(series.site) for series in case.case.series if series.site}
    return sorted(
        Told(result.at - case.zero, result.state, result.num_alarms, result.reason)
        for result in seen
        if result.kind == "notification" and result.rule == case.rule.name and result.of_id in sites
    )


def _first_cause(error: Py4JJavaError) -> str:
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return f"Flink could not run the cases: {cause.toString()}"
