"""The tables of the lake as data: specs/lake/*.yaml, and a typed column for each field that a domain declares.

A definition says what a table should be. What it is already is changed to that at the start of the job
(jobs.lake_tables): columns may come, partitions and sort order may change, nothing may go.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from udfs.compiler import compile_domain
from udfs.document import Place, read_document
from udfs.model import DomainDocument, Name, Strict
from udfs.typed_document import read_typed

ColumnType = Literal[
    "string",
    "int",
    "long",
    "double",
    "boolean",
    "timestamptz",
    "binary",
    "map<string, double>",
    "map<string, string>",
    "list<string>",
]
_PARTITION: Final = re.compile(r"(?:(day|month|year|hour)\((\w+)\)|(bucket|truncate)\((\d+), (\w+)\)|(\w+))")


class Column(Strict, kw_only=True, frozen=True):
    """A column; every one may be null."""

    name: Name
    type: ColumnType
    doc: str = ""


class LakeDocument(Strict, kw_only=True, frozen=True):
    """A file of specs/lake."""

    table: Name
    columns: Annotated[list[Column], Meta(min_length=1)]
    partitions: Annotated[list[str], Meta(description="column, day(column) …, bucket(n, column), truncate(n, column)")]
    sort: tuple[str, ...] = ()
    properties: dict[str, str]
    each: Annotated[Literal["domain"] | None, Meta(description="one table for each file of specs/domains")] = None


@dataclass(frozen=True)
class Partition:
    """A hidden partition: `transform` of `column` in Iceberg's words, as `identity`, `day`, `bucket[8]`."""

    column: str
    transform: str


@dataclass(frozen=True)
class Field:
    """A declared field of a domain: the column that it fills and the map that it comes from."""

    column: str
    name: str
    source: Literal["measurements", "attributes"]


@dataclass(frozen=True)
class LakeTable:
    """What a table of the lake should be; `domain` and `fields` where it holds the messages of one."""

    name: str
    columns: tuple[Column, ...]
    partitions: tuple[Partition, ...]
    sort: tuple[str, ...]
    properties: Mapping[str, str]
    domain: str | None = None
    fields: tuple[Field, ...] = ()

    def schema(self) -> dict[str, Any]:
        """The schema in Iceberg's JSON, numbered from 1."""
        ids = iter(range(len(self.columns) + 1, 1000))
        fields = [
            {"id": number, "name": column.name, "required": False, "type": _json_type(column.type, ids)}
            | ({"doc": column.doc} if column.doc else {})
            for number, column in enumerate(self.columns, 1)
        ]
        return {"type": "struct", "schema-id": 0, "fields": fields}

    def partition_spec(self) -> dict[str, Any]:
        """The partition spec in Iceberg's JSON, over `schema()`."""
        fields = [
            {
                "name": partition_name(partition),
                "transform": partition.transform,
                "source-id": self._number(partition.column),
                "field-id": number,
            }
            for number, partition in enumerate(self.partitions, 1000)
        ]
        return {"spec-id": 0, "fields": fields}

    def sort_order(self) -> dict[str, Any]:
        """The sort order in Iceberg's JSON, over `schema()`."""
        fields = [
            {
                "transform": "identity",
                "source-id": self._number(column),
                "direction": "asc",
                "null-order": "nulls-first",
            }
            for column in self.sort
        ]
        return {"order-id": 1 if fields else 0, "fields": fields}

    def _number(self, name: str) -> int:
        return next(number for number, column in enumerate(self.columns, 1) if column.name == name)


def partition_name(partition: Partition) -> str:
    """`event_time`, `day` → `event_time_day`, as Iceberg itself would call it."""
    word, _, rest = partition.transform.partition("[")
    return partition.column if word == "identity" else f"{partition.column}_{word}{'_' if rest else ''}{rest[:-1]}"


def read_lake(directory: Path) -> dict[str, str]:
    """The texts of lake/*.yaml under `directory`, by relative file name."""
    return {p.relative_to(directory).as_posix(): p.read_text("utf-8") for p in sorted(directory.glob("lake/*.yaml"))}


def compile_lake(texts: Mapping[str, str], specs: Mapping[str, str]) -> list[LakeTable]:
    """The tables of these definitions and of the domains among `specs`; raises SpecError."""
    domains = [compile_domain(file, specs[file]) for file in sorted(specs) if file.startswith("domains/")]
    return [table for file, text in texts.items() for table in _compile(file, text, domains)]


def _compile(file: str, text: str, domains: list[DomainDocument]) -> Iterator[LakeTable]:
    root = read_document(file, text)
    document = read_typed(root, LakeDocument)
    partitions = tuple(_partition(words, root / "partitions" / n) for n, words in enumerate(document.partitions))
    table = LakeTable(
        document.table, tuple(document.columns), partitions, tuple(document.sort), dict(document.properties)
    )
    _check(table, root)
    if document.each is None:
        yield table
    else:
        yield from (_of_domain(table, domain) for domain in domains)


def _of_domain(table: LakeTable, domain: DomainDocument) -> LakeTable:
    """The same table for one domain: a field called like a column of the message is `reported_<name>`, as in views."""
    taken = {column.name for column in table.columns}

    def column_name(field: str) -> str:
        return f"reported_{field}" if field in taken else field

    measured = [
        (Field(column_name(each.name), each.name, "measurements"), f"{each.doc} [{each.unit}]".strip())
        for each in domain.measurements
    ]
    told = [(Field(column_name(each.name), each.name, "attributes"), each.doc) for each in domain.attributes]
    columns = [Column(name=field.column, type="double", doc=doc) for field, doc in measured]
    columns += [Column(name=field.column, type="string", doc=doc) for field, doc in told]
    return LakeTable(
        domain.domain,
        (*table.columns, *columns),
        table.partitions,
        table.sort,
        table.properties,
        domain.domain,
        tuple(field for field, _ in [*measured, *told]),
    )


def _partition(words: str, at: Place) -> Partition:
    match = _PARTITION.fullmatch(words)
    if match is None:
        raise at.error(f"`{words}` is none of column, day(column), bucket(n, column), truncate(n, column)")
    time, timed, counted, number, column, plain = match.groups()
    if time:
        return Partition(timed, time)
    return Partition(column, f"{counted}[{number}]") if counted else Partition(plain, "identity")


def _check(table: LakeTable, root: Place) -> None:
    names = [column.name for column in table.columns]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise (root / "columns" / index).error(f"a second column `{name}`")
    for key, asked in (("partitions", [each.column for each in table.partitions]), ("sort", list(table.sort))):
        for index, name in enumerate(asked):
            if name not in names:
                raise (root / key / index).error(f"no column `{name}`; the columns are {', '.join(names)}")


def _json_type(kind: str, ids: Iterator[int]) -> str | dict[str, Any]:
    if kind.startswith("map<"):
        key, value = kind[4:-1].split(", ")
        numbers = {"key-id": next(ids), "value-id": next(ids)}
        return {"type": "map", **numbers, "key": key, "value": value, "value-required": False}
    if kind.startswith("list<"):
        return {"type": "list", "element-id": next(ids), "element": kind[5:-1], "element-required": False}
    return kind
