"""The lake's tables, made and changed to their definitions by Iceberg's own Java API, and what is written to those of
the domains.

Flink's SQL cannot declare hidden partitions and a sort order, and the job carries no other Iceberg than the jar's.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment

from udfs.errors import SluiceError
from udfs.lake_definitions import Column, LakeTable

_log = logging.getLogger(__name__)
_CATALOG: Final = "lake"
_FORMAT_VERSION: Final = "2"


class LakeTableError(SluiceError):
    """A definition that the table in the lake cannot follow; `column` is where they part."""

    def __init__(self, table: str, column: str, message: str) -> None:
        self.table, self.column, self.message = table, column, message
        super().__init__(f"lake table `{table}`, column `{column}`: {message}")


def prepare_lake(t_env: StreamTableEnvironment, database: str, tables: Sequence[LakeTable]) -> None:
    """Makes the tables that are missing and changes the others to their definitions; safe to repeat.

    The catalog `lake` and its database must be there. Raises LakeTableError for a column that is gone or has another
    type, before that table is changed.
    """
    iceberg = get_gateway().jvm.org.apache.iceberg
    catalog = t_env._j_tenv.getCatalog(_CATALOG).get().catalog()
    for table in tables:
        name = iceberg.catalog.TableIdentifier.parse(f"{database}.{table.name}")
        if not catalog.tableExists(name) and _create(iceberg, catalog, name, table):
            continue
        _change(iceberg, catalog.loadTable(name), table)


def message_inserts(database: str, tables: Sequence[LakeTable]) -> Iterator[str]:
    """The INSERT of every domain's table: the columns of the view `messages`, and each declared field by its own."""
    for table in tables:
        if table.domain is None:
            continue
        fields = {field.column: field for field in table.fields}
        names = [column.name for column in table.columns]
        values = [f"{fields[n].source}['{fields[n].name}']" if n in fields else f"`{n}`" for n in names]
        columns = ", ".join(f"`{name}`" for name in names)
        yield (
            f"INSERT INTO {_CATALOG}.`{database.replace('`', '``')}`.`{table.name}` ({columns})\n"
            f"SELECT {', '.join(values)}\nFROM messages WHERE domain = '{table.domain}'"
        )


def _create(iceberg: Any, catalog: Any, name: Any, table: LakeTable) -> bool:
    """Whether it was made here, not by another job at the same moment."""
    schema = iceberg.SchemaParser.fromJson(json.dumps(table.schema()))
    builder = (
        catalog.buildTable(name, schema)
        .withPartitionSpec(iceberg.PartitionSpecParser.fromJson(schema, json.dumps(table.partition_spec())))
        .withSortOrder(iceberg.SortOrderParser.fromJson(schema, json.dumps(table.sort_order())))
        .withProperty("format-version", _FORMAT_VERSION)
    )
    for key, value in table.properties.items():
        builder = builder.withProperty(key, value)
    try:
        builder.create()
    except Py4JJavaError as error:
        if "AlreadyExistsException" not in str(error.java_exception.getClass().getName()):
            raise
        return False
    _log.info("lake: made table %s", table.name)
    return True


def _change(iceberg: Any, existing: Any, table: LakeTable) -> None:
    _add_columns(iceberg, existing, table)
    _change_partitions(iceberg, existing, table)
    _change_sort_order(iceberg, existing, table)
    new = {key: value for key, value in table.properties.items() if existing.properties().get(key) != value}
    if new:
        update = existing.updateProperties()
        for key, value in new.items():
            update.set(key, value)
        update.commit()
        _log.info("lake: %s has new properties %s", table.name, ", ".join(new))


def _add_columns(iceberg: Any, existing: Any, table: LakeTable) -> None:
    fields = json.loads(iceberg.SchemaParser.toJson(existing.schema()))["fields"]
    added = added_columns(table, {field["name"]: field["type"] for field in fields})
    if not added:
        return
    wanted = iceberg.SchemaParser.fromJson(json.dumps(table.schema()))
    update = existing.updateSchema()
    for column in added:
        update.addColumn(column.name, wanted.findType(column.name), column.doc or None)
    update.commit()
    _log.info("lake: %s has new columns %s", table.name, ", ".join(column.name for column in added))


def added_columns(table: LakeTable, existing: dict[str, Any]) -> list[Column]:
    """The columns that the definition has beyond `existing`, types in Iceberg's JSON by name; raises LakeTableError."""
    wanted = {field["name"]: _without_ids(field["type"]) for field in table.schema()["fields"]}
    for name, kind in existing.items():
        if name not in wanted:
            message = "the table has it and the definition has not; its data would be hidden: put it back"
            raise LakeTableError(table.name, name, message)
        if wanted[name] != _without_ids(kind):
            types = f"the table has type {_said(kind)}, the definition {_said(wanted[name])}"
            message = f"{types}: give the new column another name"
            raise LakeTableError(table.name, name, message)
    return [column for column in table.columns if column.name not in existing]


def _change_partitions(iceberg: Any, existing: Any, table: LakeTable) -> None:
    spec = json.loads(iceberg.PartitionSpecParser.toJson(existing.spec()))["fields"]
    names = {
        field["name"]: (existing.schema().findColumnName(field["source-id"]), field["transform"]) for field in spec
    }
    now = {place: name for name, place in names.items() if place[1] != "void"}
    wanted = {(partition.column, partition.transform) for partition in table.partitions}
    if now.keys() == wanted:
        return
    update = existing.updateSpec()
    for place, name in now.items():
        if place not in wanted:
            update.removeField(name)
    for partition in table.partitions:
        if (partition.column, partition.transform) not in now:
            update.addField(_term(iceberg, partition.column, partition.transform))
    update.commit()
    _log.info("lake: %s is partitioned anew; old files stay as they are", table.name)


def _term(iceberg: Any, column: str, transform: str) -> Any:
    word, _, number = transform.partition("[")
    expressions = iceberg.expressions.Expressions
    if number:
        return getattr(expressions, word)(column, int(number[:-1]))
    return expressions.ref(column) if word == "identity" else getattr(expressions, word)(column)


def _change_sort_order(iceberg: Any, existing: Any, table: LakeTable) -> None:
    fields = json.loads(iceberg.SortOrderParser.toJson(existing.sortOrder()))["fields"]
    if [existing.schema().findColumnName(field["source-id"]) for field in fields] == list(table.sort):
        return
    update = existing.replaceSortOrder()
    for column in table.sort:
        update.asc(iceberg.expressions.Expressions.ref(column), iceberg.NullOrder.NULLS_FIRST)
    update.commit()
    _log.info("lake: %s is sorted anew by %s", table.name, ", ".join(table.sort))


def _without_ids(kind: Any) -> Any:
    return {key: value for key, value in kind.items() if not key.endswith("-id")} if isinstance(kind, dict) else kind


def _said(kind: Any) -> str:
    if isinstance(kind, dict):
        parts = [kind[key] for key in ("key", "value", "element") if key in kind]
        return f"{kind['type']}<{', '.join(parts)}>"
    return str(kind)
