"""Stage 4, detect: every rule's SELECT over the typed views, and its clear condition → one stream of observations."""

from collections.abc import Iterator, Sequence
from typing import Final

from pyflink.table import StreamTableEnvironment, Table

from jobs.rule_compiler import REQUIRED, CompiledRule

_OPTIONAL: Final = {
    "value": "DOUBLE",
    "limit_value": "DOUBLE",
    "severity": "STRING",
    "customer_id": "STRING",
    "site_id": "STRING",
}
_EPOCH_MS: Final = "EXTRACT(EPOCH FROM event_time) * 1000 + EXTRACT(MILLISECOND FROM event_time)"

NOTHING: Final = (
    "SELECT CAST(NULL AS STRING) AS rule, device_id, CAST(NULL AS BIGINT) AS event_time, CAST(NULL AS STRING) AS kind, "
    "CAST(NULL AS DOUBLE) AS `value`, CAST(NULL AS DOUBLE) AS limit_value, CAST(NULL AS STRING) AS severity, "
    "customer_id, site_id, CAST(NULL AS STRING) AS evidence FROM messages WHERE FALSE"
)
"""No rows, of the columns of rows.OBSERVATION."""


def observations(t_env: StreamTableEnvironment, rules: Sequence[CompiledRule]) -> Table:
    """The columns of rows.OBSERVATION."""
    union = t_env.sql_query(NOTHING)
    for compiled in rules:
        for kind, rows in _kinds(compiled):
            view = f"rule_{compiled.rule.name}_{kind}"
            t_env.create_temporary_view(f"`{view}`", rows)
            columns = rows.get_schema().get_field_names()
            union = union.union_all(t_env.sql_query(_standard_columns(compiled.rule.name, kind, view, columns)))
    return union


def _kinds(compiled: CompiledRule) -> Iterator[tuple[str, Table]]:
    yield "detection", compiled.rows
    if compiled.clears is not None:
        yield "clear", compiled.clears


def _standard_columns(rule: str, kind: str, view: str, columns: list[str]) -> str:
    optional = [
        f"CAST({f'`{name}`' if name in columns else 'NULL'} AS {type_}) AS `{name}`"
        for name, type_ in _OPTIONAL.items()
    ]
    evidence = [name for name in columns if name not in (*REQUIRED, *_OPTIONAL)]
    pairs = ", ".join(f"KEY {_literal(name)} VALUE CAST({_identifier(name)} AS STRING)" for name in evidence)
    return (
        f"SELECT '{rule}' AS rule, device_id, {_EPOCH_MS} AS event_time, '{kind}' AS kind, {', '.join(optional)}, "
        f"JSON_OBJECT({pairs}) AS evidence FROM `{view}`"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"
