"""Compaction: the small files of a partition become few large ones, sorted; rows and columns stay as they are.

DuckDB reads, sorts (on disk where memory is short) and writes; Iceberg's metadata changes in one commit that names
each file that goes and each that comes. The job only appends, so its commits and this one cannot contradict each other:
whoever comes second tries again. Files of a former partition spec are left alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, cast
from uuid import uuid4

import duckdb
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, PrimitiveType
from pyiceberg.utils.truncate import truncate_upper_bound_text_string

DEFAULT_TARGET_BYTES: Final = 128 << 20
_SMALL: Final = 0.75
"""A file below this share of the target is small."""

_BOUND_CHARACTERS: Final = 16
"""Bounds of texts are cut to so many characters, as Iceberg itself does."""

_WITHOUT_BOUNDS: Final = ("binary", "boolean")
_DUCKDB_TYPES: Final = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamptz": "TIMESTAMPTZ",
    "binary": "BLOB",
}


class FileGroup(NamedTuple):
    """Files of one partition that become one file."""

    files: tuple[DataFile, ...]

    @property
    def num_bytes(self) -> int:
        return sum(file.file_size_in_bytes for file in self.files)


def plan_groups(table: Table, min_files: int) -> list[FileGroup]:
    """The groups of partitions that have at least `min_files` small files, each of up to the table's target size."""
    target = int(table.properties.get("write.target-file-size-bytes", DEFAULT_TARGET_BYTES))
    partitions: dict[tuple[Any, ...], list[DataFile]] = defaultdict(list)
    for task in table.scan().plan_files():
        file = task.file
        if file.spec_id == table.spec().spec_id and not task.delete_files and file.file_size_in_bytes < _SMALL * target:
            partitions[tuple(file.partition[n] for n in range(len(file.partition)))].append(file)
    return [
        group
        for files in partitions.values()
        if len(files) >= min_files
        for group in _packed(files, target)
        if len(group.files) > 1
    ]


def compact(connection: duckdb.DuckDBPyConnection, table: Table, groups: Sequence[FileGroup]) -> Iterator[FileGroup]:
    """Writes each group anew, then commits them all; each group is given when it is written.

    Raises pyiceberg's ValidationException where somebody else has removed one of the files meanwhile: nothing is
    changed then, and what was written is an orphan.
    """
    written = []
    for group in groups:
        written.append(_write(connection, table, group))
        yield group
    with table.transaction() as transaction, transaction.update_snapshot().overwrite() as overwrite:
        for group, file in zip(groups, written, strict=True):
            for old in group.files:
                overwrite.delete_data_file(old)
            overwrite.append_data_file(file)


def _packed(files: list[DataFile], target: int) -> Iterator[FileGroup]:
    """In the order in which they were written, so that what is near in time stays together."""
    group: list[DataFile] = []
    size = 0
    for file in sorted(files, key=lambda each: each.file_path):
        if group and size + file.file_size_in_bytes > target:
            yield FileGroup(tuple(group))
            group, size = [], 0
        group.append(file)
        size += file.file_size_in_bytes
    yield FileGroup(tuple(group))


def _write(connection: duckdb.DuckDBPyConnection, table: Table, group: FileGroup) -> DataFile:
    path = f"{table.location()}/data/{uuid4()}.parquet"
    schema = table.schema()
    order = ", ".join(f'"{schema.find_column_name(field.source_id)}"' for field in table.sort_order().fields)
    nothing = ", ".join(f'NULL::{_duckdb_type(field.field_type)} AS "{field.name}"' for field in schema.fields)
    options = f"FORMAT parquet, COMPRESSION zstd, FIELD_IDS {_field_ids(schema)}, RETURN_STATS"
    # The folders of Iceberg's files look like Hive's partitions; what they say is not the data.
    written = connection.execute(
        f"COPY (SELECT * FROM (SELECT {nothing} WHERE false) UNION ALL BY NAME "
        "SELECT * FROM read_parquet($files, union_by_name => true, hive_partitioning => false)"
        f"{f' ORDER BY {order}' if order else ''}) TO '{path}' ({options})",
        {"files": [file.file_path for file in group.files]},
    ).fetchone()
    if written is None or written[1] != sum(file.record_count for file in group.files):
        raise ValueError(f"{path} has other rows than the files that it was made of")
    return _data_file(connection, table, group, path, written)


def _data_file(
    connection: duckdb.DuckDBPyConnection, table: Table, group: FileGroup, path: str, written: Sequence[Any]
) -> DataFile:
    _, num_rows, num_bytes, _, statistics, *_ = written
    fields = [field for field in table.schema().fields if isinstance(field.field_type, PrimitiveType)]
    told = {field.field_id: statistics.get(f'"{field.name}"', {}) for field in fields}
    lower, upper = _bounds(connection, path, [f for f in fields if str(f.field_type) not in _WITHOUT_BOUNDS])
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=group.files[0].partition,
        record_count=num_rows,
        file_size_in_bytes=num_bytes,
        column_sizes={n: int(each["column_size_bytes"]) for n, each in told.items() if "column_size_bytes" in each},
        value_counts=dict.fromkeys(told, num_rows),
        null_value_counts={n: int(each["null_count"]) for n, each in told.items() if "null_count" in each},
        nan_value_counts={},
        lower_bounds=lower,
        upper_bounds=upper,
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=table.sort_order().order_id,
        spec_id=group.files[0].spec_id,
    )


def _bounds(
    connection: duckdb.DuckDBPyConnection, path: str, fields: Sequence[NestedField]
) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """The least and greatest value of each field that has any, as Iceberg stores them."""
    asked = ", ".join(f'min("{field.name}"), max("{field.name}")' for field in fields)
    values = connection.execute(f"SELECT {asked} FROM read_parquet($path)", {"path": path}).fetchone() or ()
    lower: dict[int, bytes] = {}
    upper: dict[int, bytes] = {}
    for field, least, greatest in zip(fields, values[::2], values[1::2], strict=True):
        if least is None or greatest != greatest:  # nothing but nulls, or not a number
            continue
        kind = cast(PrimitiveType, field.field_type)
        if isinstance(least, str):
            least, greatest = least[:_BOUND_CHARACTERS], truncate_upper_bound_text_string(greatest, _BOUND_CHARACTERS)
        lower[field.field_id] = to_bytes(kind, least)
        if greatest is not None:
            upper[field.field_id] = to_bytes(kind, greatest)
    return lower, upper


def _duckdb_type(kind: IcebergType) -> str:
    if isinstance(kind, MapType):
        return f"MAP({_duckdb_type(kind.key_type)}, {_duckdb_type(kind.value_type)})"
    if isinstance(kind, ListType):
        return f"{_duckdb_type(kind.element_type)}[]"
    return _DUCKDB_TYPES[str(kind)]


def _field_ids(schema: Schema) -> str:
    return "{" + ", ".join(f'"{field.name}": {_field_id(field)}' for field in schema.fields) + "}"


def _field_id(field: NestedField) -> str:
    kind = field.field_type
    if isinstance(kind, MapType):
        return f"{{__duckdb_field_id: {field.field_id}, key: {kind.key_id}, value: {kind.value_id}}}"
    if isinstance(kind, ListType):
        return f"{{__duckdb_field_id: {field.field_id}, element: {kind.element_id}}}"
    return str(field.field_id)
