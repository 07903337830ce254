"""Stage 4, detect: every rule's SELECT over the typed views → one stream of detections for the lifecycle."""

from collections.abc import Sequence
from typing import Final

from pyflink.table import StreamTableEnvironment, Table

from jobs.rule_compiler import REQUIRED, CompiledRule
from jobs.rules import Rule

_OPTIONAL: Final = {"value": "DOUBLE", "limit_value": "DOUBLE", "customer_id": "STRING", "site_id": "STRING"}
_EPOCH_MS: Final = "EXTRACT(EPOCH FROM event_time) * 1000 + EXTRACT(MILLISECOND FROM event_time)"

_NO_DETECTIONS: Final = (
    "SELECT CAST(NULL AS STRING) AS rule, device_id, CAST(NULL AS BIGINT) AS event_time, "
    "CAST(NULL AS DOUBLE) AS `value`, CAST(NULL AS DOUBLE) AS limit_value, customer_id, site_id, "
    "CAST(NULL AS STRING) AS evidence FROM messages WHERE FALSE"
)
"""What a project without a rule detects."""


def detections(t_env: StreamTableEnvironment, rules: Sequence[CompiledRule]) -> Table:
    """Columns: rule, device_id, event_time (epoch ms), value, limit_value, customer_id, site_id, evidence (JSON)."""
    union = t_env.sql_query(_NO_DETECTIONS)
    for compiled in rules:
        view = f"rule_{compiled.rule.name}"
        t_env.create_temporary_view(f"`{view}`", compiled.rows)
        columns = compiled.rows.get_schema().get_field_names()
        union = union.union_all(t_env.sql_query(_standard_columns(compiled.rule, view, columns)))
    return union


def _standard_columns(rule: Rule, view: str, columns: list[str]) -> str:
    optional = [
        f"CAST({f'`{name}`' if name in columns else 'NULL'} AS {kind}) AS `{name}`" for name, kind in _OPTIONAL.items()
    ]
    evidence = [name for name in columns if name not in (*REQUIRED, *_OPTIONAL)]
    pairs = ", ".join(f"KEY {_literal(name)} VALUE CAST({_identifier(name)} AS STRING)" for name in evidence)
    return (
        f"SELECT '{rule.name}' AS rule, device_id, {_EPOCH_MS} AS event_time, {', '.join(optional)}, "
        f"JSON_OBJECT({pairs}) AS evidence FROM `{view}`"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"
