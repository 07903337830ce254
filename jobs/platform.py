"""The job: one statement set from the Kinesis streams to the stores, assembled from specs/ and sql/.

device_data ─► decode (ingest, decode, enrich) ─► messages ─► typed views ─► rules ─► Lifecycle ─► alarms
                 ▲ broadcast      └► dead letters     └──────────────┬────────────────────────────────┘
master_cdc ─► UnifyMaster ─► master_changes ─────────────────────────┴─► sql/sinks, sql/aggregates
"""

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from pyflink.common.typeinfo import Types
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import Schema, StreamTableEnvironment, Table
from pyflink.table.types import LocalZonedTimestampType

from jobs import decode, master, rows
from jobs.calendars import MASTERS as CALENDAR_MASTERS
from jobs.config import Config, Job
from jobs.detect import NOTHING, observations
from jobs.enrich import read_master_data
from jobs.lake_tables import message_inserts, prepare_lake
from jobs.lifecycle import CALENDAR_STATE, Lifecycle, observation_key
from jobs.notify import Notify, site_key
from jobs.operator_ids import name_operators
from jobs.rule_compiler import CompiledRule, compile_rules
from jobs.rule_versions import announce_rules
from jobs.rules import Rule, RuleError, RuleErrors, default_limits, readable_rules
from jobs.shares import decode_in_shares
from jobs.statements import Statement, read_statements
from jobs.store import prepare_stores, write_stores
from jobs.views import rule_views, typed_views
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.lake_definitions import LakeTable, compile_lake, read_lake
from udfs.masters import compile_masters, read_masters

_log = logging.getLogger(__name__)

_RECORD: Final = (
    "SELECT `data`, EXTRACT(EPOCH FROM arrived_at) * 1000 + EXTRACT(MILLISECOND FROM arrived_at) AS arrived_at, "
    "shard_id, sequence_number FROM {stream}"
)
_OCCURRENCES: Final = (
    "SELECT message_id, domain, product, device_id, TO_TIMESTAMP_LTZ(event_time, 3) AS event_time, "
    "TO_TIMESTAMP_LTZ(received_at, 3) AS received_at, spec_version, measurements, attributes, quality, firmware, "
    "customer_id, site_id, limits, CAST(0 AS BIGINT) AS occurrence FROM {messages}"
)
"""Messages as they arrive; io.sluice.Occurrences fills in the last column."""

_ALARMS: Final = (
    "SELECT alarm_id, rule, title, severity, state, product, device_id, customer_id, site_id, "
    "TO_TIMESTAMP_LTZ(first_event_time, 3) AS first_event_time, "
    "TO_TIMESTAMP_LTZ(last_event_time, 3) AS last_event_time, num_detections, `value`, limit_value, evidence, "
    "TO_TIMESTAMP_LTZ(changed_at, 3) AS changed_at, reason, muted_by FROM alarm_transitions"
)
_NOTIFICATIONS: Final = (
    "SELECT notification_id, state, TO_TIMESTAMP_LTZ(notified_at, 3) AS notified_at, rule, title, severity, product, "
    "site_id, customer_id, num_alarms, alarm_ids, reason, response, runbook FROM told"
)
_MARKS: Final = (
    "SELECT columns['rule'], columns['device_id'], CAST(version / 1000000 AS BIGINT), columns['mark'], "
    "CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), "
    "JSON_OBJECT(KEY 'alarm_id' VALUE columns['alarm_id'], KEY 'by' VALUE columns['marked_by']) "
    "FROM master_changes WHERE master = 'alarm_mark' AND NOT deleted"
)
"""What operators say of alarms, as the rows of rows.OBSERVATION; `version` counts from the commit's time."""

_KEPT: Final = "SOURCE_WATERMARK()"
"""The watermark that a stream has already."""


@dataclass(frozen=True)
class Project:
    """What engineers wrote as files: specs and rules, checked, with the faults of rules that cannot be read; and the
    folder of the job's own SQL."""

    specs: dict[str, str]
    masters: dict[str, str]
    catalog: Catalog
    lake: list[LakeTable]
    rules: list[Rule]
    refused: list[RuleError]
    sql: Path

    @property
    def rule_names(self) -> set[str]:
        """Of all rule files, whether they can be used or not."""
        return {rule.name for rule in self.rules} | {error.rule for error in self.refused}


def read_project(root: Path) -> Project:
    """Everything under specs/ and sql/; raises SpecError with file and line."""
    specs, masters = read_specs(root / "specs"), read_masters(root / "specs")
    compile_masters(masters)
    rules, refused = readable_rules(root / "sql" / "rules")
    catalog, lake = compile_catalog(specs), compile_lake(read_lake(root / "specs"), specs)
    return Project(specs, masters, catalog, lake, rules, refused, root / "sql")


def build_job(env: StreamExecutionEnvironment, config: Config, project: Project) -> None:
    """Makes the stores ready and puts the whole graph into `env`, ready to execute."""
    prepare_stores(config, project.sql / "aurora")
    announce_rules(config.aurora, project.rules, project.rule_names)
    with one_java_thread():
        _plan(table_environment(env, config.job), config, project)
        name_operators(env)


def _plan(t_env: StreamTableEnvironment, config: Config, project: Project) -> None:
    values = config.placeholders()
    for statement in _statements(project, values, "catalogs", "sources"):
        t_env.execute_sql(statement.text)
    prepare_lake(t_env, config.lake.database, project.lake)
    changes = _master_changes(t_env, config, project)
    decoded = _decoded(t_env, config, project, changes)
    _dead_letters(t_env, changes, decoded)
    for statement in _statements(project, values, "views"):
        t_env.execute_sql(statement.text)
    publish_messages(t_env, t_env.from_path("arrived_messages"), project.catalog, _KEPT, config.job.dedupe_hours)
    publish_alarms(t_env, runnable_rules(t_env, project, config.job.strict_rules), changes, config, project)
    _write_in_batches(t_env, config.documentdb.ttl_days)
    inserts = t_env.create_statement_set()
    write_stores(t_env, inserts, _statements(project, values, "sinks", "aggregates"))
    for insert in message_inserts(config.lake.database, project.lake):
        inserts.add_insert_sql(insert)
    inserts.attach_as_datastream()


@contextmanager
def one_java_thread() -> Iterator[None]:
    """While it lasts, all calls reach Java by one thread, to which Flink's planner is bound (FLINK-23020).

    A Java object that Python's collector frees in another thread, such as a store's client has, would make the gateway
    open a second connection, which is a second Java thread: one start in a dozen died of it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def table_environment(env: StreamExecutionEnvironment, job: Job) -> StreamTableEnvironment:
    """Settings that belong to the job itself; parallelism, checkpoints and restarts belong to the cluster."""
    # Every operator that keeps a row copies it itself; copies between operators took most of the job's time.
    env.get_config().enable_object_reuse()
    t_env = StreamTableEnvironment.create(env)
    settings = t_env.get_config()
    settings.set_local_timezone("UTC")
    settings.set("table.exec.state.ttl", f"{job.dedupe_hours} h")
    return t_env


def publish_messages(
    t_env: StreamTableEnvironment, messages: Table, catalog: Catalog, watermark: str, dedupe_hours: int
) -> None:
    """The views `occurrences` with event time, `messages` of the first ones, and a typed view of each product's.

    `messages` has the columns of rows.MESSAGE; `watermark` is an SQL expression over `event_time`. An id is remembered
    for `dedupe_hours`, and what was older when its gateway received it is not judged.
    """
    # A watermark can be declared on a stream only, and the messages exist after the unnest: the way through a stream
    # stays in Java. It is also where the plans of rules and stores part, so what lies before it runs once.
    arrived = t_env.sql_query(_OCCURRENCES.format(messages=messages))
    schema = _schema(arrived).watermark("event_time", watermark).build()
    counted = _counted(t_env.to_data_stream(arrived), dedupe_hours)
    t_env.create_temporary_view("occurrences", t_env.from_data_stream(counted, schema))
    t_env.create_temporary_view("messages", t_env.sql_query("SELECT * FROM occurrences WHERE occurrence = 1"))
    for view in typed_views(catalog, dedupe_hours):
        t_env.execute_sql(view)


def _counted(messages: DataStream, hours: int) -> DataStream:
    """The same messages, each with its place among the arrivals of its id, and those of a device in their order."""
    count = get_gateway().jvm.io.sluice.Occurrences.count
    return DataStream(count(messages._j_data_stream, hours * 3_600_000)).uid("occurrences").name("occurrences")


def runnable_rules(t_env: StreamTableEnvironment, project: Project, strict: bool) -> list[CompiledRule]:
    """The project's rules without those that have faults, which are logged; raises RuleErrors where `strict`."""
    compiled, refused = compile_rules(t_env, project.rules, rule_views(project.catalog))
    refused = [*project.refused, *refused]
    if refused and strict:
        raise RuleErrors(refused)
    for error in refused:
        _log.error("rule refused, the others run: %s", error)
    return compiled


def publish_alarms(
    t_env: StreamTableEnvironment, rules: Sequence[CompiledRule], changes: DataStream, config: Config, project: Project
) -> None:
    """The views `alarms` (every change of state of every alarm) and `notifications`."""
    keys = compile_masters(project.masters).keys
    tables = {master: keys[master] for master in CALENDAR_MASTERS}
    read_calendars = partial(read_master_data, config.aurora, config.aurora.read_host, tables)
    running = _by_name(rules)
    lifecycle = Lifecycle(running, read_calendars, project.rule_names - running.keys())
    marks, changes = _not_waited_for(marks_by(t_env, _MARKS)), _not_waited_for(changes)
    prompt = [compiled for compiled in rules if not compiled.is_delayed]
    alarms = told_in_time = judge(t_env, prompt, lifecycle, marks, changes).uid("lifecycle")
    # A join gives event time later: rules without one, and what is told of them, must not wait for it.
    if delayed := [compiled for compiled in rules if compiled.is_delayed]:
        behind = judge(t_env, delayed, lifecycle, marks, changes).uid("lifecycle-of-joins")
        alarms, told_in_time = alarms.union(behind), told_in_time.union(_not_waited_for(behind))
    t_env.create_temporary_view("alarm_transitions", alarms)
    t_env.create_temporary_view("alarms", t_env.sql_query(_ALARMS))
    t_env.create_temporary_view("told", notify(told_in_time, rules, config.job))
    t_env.create_temporary_view("notifications", t_env.sql_query(_NOTIFICATIONS))


def judge(
    t_env: StreamTableEnvironment,
    rules: Sequence[CompiledRule],
    lifecycle: Lifecycle,
    marks: DataStream | None,
    changes: DataStream,
) -> DataStream:
    """The alarms of `rules` by the lifecycle, as rows.ALARM; it waits for the slowest watermark of all that comes in.

    `marks` are by marks_by, None where there are none, and `changes` as rows.MASTER_CHANGE.
    """
    observed = t_env.to_data_stream(observations(t_env, rules))
    if marks is not None:
        # Without a rule what is observed comes of one place, beside which Flink puts up no stream of several.
        observed = observed.union(marks) if rules else marks
    return (
        observed.key_by(observation_key, key_type=Types.STRING())
        .connect(changes.broadcast(CALENDAR_STATE))
        .process(lifecycle, rows.ALARM)
        .name("lifecycle")
    )


def marks_by(t_env: StreamTableEnvironment, select: str) -> DataStream:
    """What a SELECT of the columns of rows.OBSERVATION gives, as observations beside those of rules."""
    return t_env.to_data_stream(t_env.sql_query(NOTHING).union_all(t_env.sql_query(select)))


def notify(alarms: DataStream, rules: Sequence[CompiledRule], job: Job) -> DataStream:
    """What operators are told of the alarms, as rows.NOTIFICATION."""
    operator = Notify(_by_name(rules), job.notify_wait * 1000, job.notify_every * 1000)
    return (
        alarms.key_by(site_key, key_type=Types.STRING())
        .process(operator, rows.NOTIFICATION)
        .uid("notify")
        .name("notify")
    )


def _by_name(rules: Sequence[CompiledRule]) -> dict[str, Rule]:
    return {compiled.rule.name: compiled.rule for compiled in rules}


def _not_waited_for(stream: DataStream) -> DataStream:
    """The same stream, which holds no event time back."""
    return _through(stream, "not waited for", get_gateway().jvm.io.sluice.NotWaitedFor())


def _write_in_batches(t_env: StreamTableEnvironment, ttl_days: int) -> None:
    """From here on aggregates write what changed once in a while instead of once a message, and what they remember
    lives a day longer than what Hot holds.

    Not before the rules are planned: where a branch has no window, Flink puts the clock in place of its watermark.
    """
    settings = t_env.get_config()
    settings.set("table.exec.state.ttl", f"{ttl_days + 1} d")
    settings.set("table.exec.mini-batch.enabled", "true")
    settings.set("table.exec.mini-batch.allow-latency", "2 s")
    settings.set("table.exec.mini-batch.size", "10000")
    settings.set("table.exec.deduplicate.mini-batch.compact-changes.enabled", "true")
    # Each sink's key follows from the key that its rows are computed by, so their order needs no mending.
    settings.set("table.exec.sink.upsert-materialize", "NONE")


def _statements(project: Project, values: dict[str, str], *folders: str) -> list[Statement]:
    return [statement for folder in folders for statement in read_statements(project.sql / folder, values)]


def _records(t_env: StreamTableEnvironment, stream: str) -> DataStream:
    return t_env.to_data_stream(t_env.sql_query(_RECORD.format(stream=stream)))


def _master_changes(t_env: StreamTableEnvironment, config: Config, project: Project) -> DataStream:
    changes = (
        _in_one_place(_records(t_env, "master_cdc"))
        .process(master.UnifyMaster(project.masters, config.aurora), rows.MASTER_CHANGE)
        .uid("master")
        .name("master: unify")
    )
    t_env.create_temporary_view("master_changes", changes)
    for view, tag in master.SIDE_TABLES.items():
        t_env.create_temporary_view(view, changes.get_side_output(tag))
    return changes


def _in_one_place(stream: DataStream) -> DataStream:
    """All of it to one subtask, in order: what is one thing, and what refers to what, is judged over all sources."""
    return DataStream(getattr(stream._j_data_stream, "global")())  # PyFlink leaves it out, for its name is a keyword


def _decoded(t_env: StreamTableEnvironment, config: Config, project: Project, changes: DataStream) -> DataStream:
    decoding = decode.Decoding(project.specs, project.masters, default_limits(project.rules), config.aurora)
    records = _records(t_env, "device_data")
    if config.job.enrich_mode == "keyed":
        decoded = decode_in_shares(records, changes, decoding, config.aurora)
    else:
        decoded = decode.decode_everywhere(records, changes, decoding)
    schema = Schema.new_builder().column_by_metadata("rowtime", "TIMESTAMP_LTZ(3)").watermark("rowtime", _KEPT).build()
    t_env.create_temporary_view("decoded", t_env.from_data_stream(_by_shard(decoded, config.job), schema))
    return decoded


def _by_shard(decoded: DataStream, job: Job) -> DataStream:
    """The same stream with event time, which the slowest shard holds back; behind a shuffle no shard is known."""
    by_shard = get_gateway().jvm.io.sluice.ShardEventTime(job.watermark_delay * 1000, job.idle_timeout * 1000)
    return _through(decoded, "event time by shard", by_shard).uid("event-time")


def _through(stream: DataStream, name: str, operator: Any) -> DataStream:
    """The same stream through an operator of java/, which has no word for it in Python."""
    java_stream = stream._j_data_stream
    return DataStream(java_stream.transform(name, java_stream.getType(), operator))


def _dead_letters(t_env: StreamTableEnvironment, changes: DataStream, decoded: DataStream) -> None:
    letters = decoded.get_side_output(decode.DEAD_LETTERS).union(changes.get_side_output(master.DEAD_LETTERS))
    t_env.create_temporary_view("dead_letters", letters)


def _schema(table: Table) -> Schema.Builder:
    builder = Schema.new_builder()
    schema = table.get_schema()
    for name, kind in zip(schema.get_field_names(), schema.get_field_data_types(), strict=True):
        # PyFlink forgets a timestamp's precision; an event time must have 3.
        builder.column(name, "TIMESTAMP_LTZ(3)" if isinstance(kind, LocalZonedTimestampType) else kind)
    return builder
