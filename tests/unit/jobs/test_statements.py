"""SQL files of the job: cut into statements, filled with properties, quoted where they stand."""

from pathlib import Path

import pytest

from jobs.statements import Statement, StatementError, read_statements


def read(folder: Path, text: str, **values: str) -> list[Statement]:
    (folder / "one.sql").write_text(text)
    return read_statements(folder, values)


def test_a_statement_ends_with_a_semicolon_at_its_lines_end(tmp_path) -> None:
    one, two = read(tmp_path, "-- first;one\nCREATE TABLE a (x STRING);\n\nINSERT INTO a\nSELECT ';' ; \n")
    assert (one.line, one.text) == (1, "-- first;one\nCREATE TABLE a (x STRING)")
    assert (two.line, two.text) == (4, "INSERT INTO a\nSELECT ';' ")


def test_files_are_read_in_the_order_of_their_names_with_folders_below(tmp_path) -> None:
    for name in ("b.sql", "a.sql", "c/a.sql", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"SELECT '{name}';")
    texts = [statement.text for statement in read_statements(tmp_path, {})]
    assert texts == ["SELECT 'a.sql'", "SELECT 'b.sql'", "SELECT 'c/a.sql'"]


def test_the_verb_stands_behind_comments(tmp_path) -> None:
    one, two = read(tmp_path, "-- why\n/* and\nwhat */ insert INTO a SELECT 1;\nCREATE TABLE b;\n")
    assert (one.verb, two.verb) == ("INSERT", "CREATE")


def test_placeholders_are_filled(tmp_path) -> None:
    (statement,) = read(tmp_path, "'${stream}' `${name}`;", stream="device-data", name="sluice")
    assert statement.text == "'device-data' `sluice`"


def test_a_value_is_quoted_for_the_quotes_that_it_stands_in(tmp_path) -> None:
    (statement,) = read(tmp_path, "-- it's `x`\nLIKE '${secret}' IN `${secret}` AND 'p:${secret}';", secret="a'b`c")
    assert statement.text == "-- it's `x`\nLIKE 'a''b`c' IN `a'b``c` AND 'p:a''b`c'"


def test_a_value_is_not_filled_again(tmp_path) -> None:
    (statement,) = read(tmp_path, "'${a}';", a="${b}", b="no")
    assert statement.text == "'${b}'"


def test_an_unknown_placeholder_is_refused_with_file_and_line_and_without_values(tmp_path) -> None:
    with pytest.raises(StatementError) as caught:
        read(tmp_path, "SELECT 1;\n\nSELECT '${aurora.pasword}';\n", **{"aurora.password": "hunter2"})
    error = caught.value
    assert (error.file, error.line) == (str(tmp_path / "one.sql"), 3)
    assert error.message == "unknown placeholder ${aurora.pasword}; known are aurora.password"
    assert "hunter2" not in str(error)


def test_a_last_statement_without_its_end_is_refused(tmp_path) -> None:
    with pytest.raises(StatementError, match=r"one.sql:3: the last statement has no `;` at its line's end"):
        read(tmp_path, "SELECT 1;\nSELECT 2\n")


def test_hot_documents_hold_nothing_of_a_customer(root) -> None:
    files = [*root.glob("sql/sinks/hot_*.sql"), *root.glob("sql/aggregates/*.sql")]
    documents = [file for file in files if "'connector' = 'mongodb'" in file.read_text()]
    assert len(documents) >= 6
    for file in documents:
        for word in ("customer_id", "site_id", "limits", "SELECT *\nFROM messages;"):
            assert word not in file.read_text(), f"{file.name} names {word}"
