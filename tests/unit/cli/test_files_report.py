"""What a pass over files shows of them."""

import io

from rich.console import Console

from cli.files_report import FilesReport
from gateways.files.places import Found
from gateways.files.progress import FileLoad


def found(name: str) -> Found:
    return Found(name, name, name, "1", 10, 0)


def loaded(name: str) -> FileLoad:
    return FileLoad(
        product="p", content="c", devices="d", location=name, version="1", bytes=10, rows_per_payload=1, state="loaded"
    )


def test_a_name_stands_as_it_is_whatever_brackets_are_in_it() -> None:
    name = "[/b][red].csv"
    shown = io.StringIO()
    report = FilesReport(Console(file=shown, force_terminal=True, width=200))
    with report:
        report.expect(1, 10)
        report.begin(found(name))
    report.end(found(name), loaded(name), True)
    assert f"1 of 1  {name}" in shown.getvalue()
    report.summary()
    assert shown.getvalue().count(name) >= 2


def test_a_file_that_has_no_end_is_told_and_the_pass_is_not_good() -> None:
    shown = io.StringIO()
    report = FilesReport(Console(file=shown, width=200))
    for name in ("whole.csv", "grown.csv"):
        report.begin(found(name))
    report.end(found("whole.csv"), loaded("whole.csv"), True)
    assert not report.is_good
    report.summary()
    assert "grown.csv: not loaded to its end" in shown.getvalue()
    report.end(found("grown.csv"), loaded("grown.csv"), True)
    assert report.is_good
