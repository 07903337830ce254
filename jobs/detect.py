"""Stage 4, detect: every rule's SELECT over the typed views → one stream of detections for the lifecycle."""

from typing import Final

from py4j.protocol import Py4JJavaError
from pyflink.table import StreamTableEnvironment, Table

from jobs.rules import Rule, RuleError

_REQUIRED: Final = ("device_id", "event_time")
_OPTIONAL: Final = {"value": "DOUBLE", "limit_value": "DOUBLE", "customer_id": "STRING", "site_id": "STRING"}
_EPOCH_MS: Final = "EXTRACT(EPOCH FROM event_time) * 1000 + EXTRACT(MILLISECOND FROM event_time)"

_NO_DETECTIONS: Final = (
    "SELECT CAST(NULL AS STRING) AS rule, device_id, CAST(NULL AS BIGINT) AS event_time, "
    "CAST(NULL AS DOUBLE) AS `value`, CAST(NULL AS DOUBLE) AS limit_value, customer_id, site_id, "
    "CAST(NULL AS STRING) AS evidence FROM messages WHERE FALSE"
)
"""What a project without a rule detects."""


def detections(t_env: StreamTableEnvironment, rules: list[Rule]) -> Table:
    """Columns: rule, device_id, event_time (epoch ms), value, limit_value, customer_id, site_id, evidence (JSON).

    Raises RuleError where Flink refuses a rule or its SELECT lacks a column.
    """
    union = t_env.sql_query(_NO_DETECTIONS)
    for rule in rules:
        union = union.union_all(_detections(t_env, rule))
    return union


def _detections(t_env: StreamTableEnvironment, rule: Rule) -> Table:
    view = f"rule_{rule.name}"
    try:
        selected = t_env.sql_query(rule.select)
        t_env.create_temporary_view(f"`{view}`", selected)
        return t_env.sql_query(_standard_columns(rule, view, selected.get_schema().get_field_names()))
    except Py4JJavaError as error:
        raise RuleError(rule.file, 1, _first_cause(error)) from error


def _standard_columns(rule: Rule, view: str, columns: list[str]) -> str:
    for name in _REQUIRED:
        if name not in columns:
            raise RuleError(rule.file, 1, f"the SELECT has no column `{name}`; it gives {', '.join(columns)}")
    optional = [
        f"CAST({f'`{name}`' if name in columns else 'NULL'} AS {kind}) AS `{name}`" for name, kind in _OPTIONAL.items()
    ]
    evidence = [name for name in columns if name not in (*_REQUIRED, *_OPTIONAL)]
    pairs = ", ".join(f"KEY {_literal(name)} VALUE CAST({_identifier(name)} AS STRING)" for name in evidence)
    return (
        f"SELECT '{rule.name}' AS rule, device_id, {_EPOCH_MS} AS event_time, {', '.join(optional)}, "
        f"JSON_OBJECT({pairs}) AS evidence FROM `{view}`"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"


def _first_cause(error: Py4JJavaError) -> str:
    """Flink's own words: the innermost cause names the line and column in the rule."""
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return f"Flink refuses the rule: {cause.getMessage()}"
