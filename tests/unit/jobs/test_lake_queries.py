"""The queries of sql/lake run over empty tables as defined, and infra/athena asks the same of the same columns."""

from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from jobs.lake_compaction import _DUCKDB_TYPES
from udfs.catalog import read_specs
from udfs.lake_definitions import compile_lake, read_lake

ROOT = Path(__file__).parents[3]
QUERIES = sorted((ROOT / "sql/lake").glob("*.sql"))
ATHENA = sorted((ROOT / "infra/athena").glob("*.sql"))


@pytest.fixture(scope="module")
def lake() -> duckdb.DuckDBPyConnection:
    """DuckDB with the lake's tables, empty."""
    connection = duckdb.connect()
    for table in compile_lake(read_lake(ROOT / "specs"), read_specs(ROOT / "specs")):
        columns = ", ".join(f'"{column.name}" {duckdb_type(column.type)}' for column in table.columns)
        connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
    return connection


def duckdb_type(kind: str) -> str:
    if kind.startswith("map<"):
        key, value = kind[4:-1].split(", ")
        return f"MAP({_DUCKDB_TYPES[key]}, {_DUCKDB_TYPES[value]})"
    return f"{_DUCKDB_TYPES[kind[5:-1]]}[]" if kind.startswith("list<") else _DUCKDB_TYPES[kind]


def asked(text: str, dialect: str) -> tuple[set[str], set[str]]:
    """The tables and columns that a query names."""
    parsed = sqlglot.parse_one(text, dialect=dialect)
    return {t.name for t in parsed.find_all(exp.Table)}, {c.name for c in parsed.find_all(exp.Column)}


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
def test_every_query_fits_the_tables(lake: duckdb.DuckDBPyConnection, file: Path) -> None:
    assert lake.execute(file.read_text()).fetchall() == []


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
def test_athena_asks_the_same(file: Path) -> None:
    athena = ROOT / "infra/athena" / file.name
    assert asked(athena.read_text(), "athena") == asked(file.read_text(), "duckdb")


@pytest.mark.parametrize("file", ATHENA, ids=lambda file: file.stem)
def test_every_file_for_athena_is_its_sql(file: Path) -> None:
    parsed = sqlglot.parse_one(file.read_text(), dialect="athena")
    assert isinstance(parsed, exp.Query | exp.Create)


def test_the_view_of_all_messages_fits_the_tables(lake: duckdb.DuckDBPyConnection) -> None:
    view = sqlglot.transpile((ROOT / "infra/athena/messages.sql").read_text(), read="athena", write="duckdb")[0]
    lake.execute(view)
    assert lake.execute("SELECT count(DISTINCT domain) FROM messages").fetchone() == (0,)
