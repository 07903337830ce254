"""What a pass over files shows of them."""

import io

from rich.console import Console

from cli.files_report import FilesReport
from gateways.files.places import Found
from gateways.files.progress import FileLoad


def test_a_name_stands_as_it_is_whatever_brackets_are_in_it() -> None:
    name = "[/b][red].csv"
    found = Found(name, name, name, "1", 10, 0)
    load = FileLoad(
        product="p", content="c", devices="d", location=name, version="1", bytes=10, rows_per_payload=1, state="loaded"
    )
    shown = io.StringIO()
    report = FilesReport(Console(file=shown, force_terminal=True, width=200))
    with report:
        report.expect(1, 10)
        report.begin(found)
    report.end(found, load, True)
    assert f"1 of 1  {name}" in shown.getvalue()
    report.summary()
    assert shown.getvalue().count(name) >= 2
