"""Lines → rows with the device that each is of: CSV cells over several lines, JSON documents, hex dumps, texts.

A row keeps its text as it came. One that cannot be read goes on as it is: the job makes a dead letter of it.
"""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Final, NamedTuple

import msgspec

from gateways.files.errors import BadFile
from gateways.files.unpack import Part
from udfs.model import CsvLayout

MAX_CELL: Final = 128 << 10
"""Characters of a CSV cell: a quote that never ends spoils so much, then lines are rows again."""

_ENOUGH: Final = 100
"""Rows to look at before a file is told to be something else."""

_HEX_COLUMNS: Final = {1: ["payload"], 2: ["device", "payload"], 3: ["time", "device", "payload"]}
_NEWEST_SECONDS: Final = 100_000_000_000
"""Numbers below are seconds since 1970, others milliseconds."""

csv.field_size_limit(MAX_CELL)


class Row(NamedTuple):
    """What becomes a payload, or with its neighbours one: `text` ends as it did in the file, `head` stands before it.

    `device` is empty where nothing tells it. `time` is epoch ms, of dumps that note one.
    """

    device: str
    text: str
    head: str = ""
    port: int | None = None
    time: int | None = None


Rows = Callable[[Iterator[str], Part, str], Iterator[Row]]
"""Of lines, the part that they are of, and the device that the name or the setting tells, if so."""


def csv_rows(layout: CsvLayout, device_column: str | None) -> Rows:
    """Rows of cells as the spec's layout has them; a column of devices that the spec does not know is left out."""
    known = [field.column or field.name for field in layout.fields]

    def rows(lines: Iterator[str], part: Part, device: str) -> Iterator[Row]:
        records = _records(lines, layout)
        head, names = ("", known)
        if layout.header:
            first = next(records, None)
            if first is None:
                return
            head, names = first
            _check_header(names, known, part)
        column = None if device_column is None else _column(device_column, names, part)
        is_cut = column is not None and device_column not in known
        if column is not None and is_cut:
            head = _written(names, column, layout)
        for text, cells in records:
            if column is None:
                yield Row(device, text, head)
                continue
            named = cells[column].strip() if column < len(cells) else ""
            yield Row(named, _written(cells, column, layout) if is_cut and named else text, head)

    return rows


def json_rows(device_key: str | None) -> Rows:
    """A JSON document a line; `device_key` is the path of the device in it, such as `end_device.id`."""

    def rows(lines: Iterator[str], part: Part, device: str) -> Iterator[Row]:
        for line in _that_are(_is_json, _filled(lines), part, "a JSON document"):
            yield Row(device if device_key is None else _member(line, device_key), line.strip())

    return rows


def hex_rows() -> Rows:
    """A payload a line as hex digits; or with its device, or time and device before it; or as a header names them."""

    def rows(lines: Iterator[str], part: Part, device: str) -> Iterator[Row]:
        filled = _filled(lines)
        first = next(filled, "")
        names = [cell.lower() for cell in _cells(first)]
        has_header = "payload" in names
        found = filled if has_header else chain([first] if first else [], filled)
        for line in _that_are(_ends_in_hex, found, part, "hex digits") if not has_header else found:
            yield _hex_row(line, names if has_header else None, device)

    return rows


def text_rows() -> Rows:
    """A payload a line."""

    def rows(lines: Iterator[str], part: Part, device: str) -> Iterator[Row]:
        for line in _filled(lines):
            yield Row(device, line.rstrip("\r\n"))

    return rows


def _records(lines: Iterator[str], layout: CsvLayout) -> Iterator[tuple[str, list[str]]]:
    """Text and cells of each row, which may go over several lines; no cells where they cannot be told apart."""
    taken: list[str] = []

    def feed() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(feed(), delimiter=layout.delimiter, quotechar=layout.quote, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = []
        text = "".join(taken)
        taken.clear()
        if text.strip():
            yield text if text.endswith("\n") else text + layout.line_end, cells


def _check_header(names: list[str], known: list[str], part: Part) -> None:
    if not set(names) & set(known):
        expected, got = ", ".join(known), ", ".join(names)[:200]
        raise BadFile("header", f"{part.name}: the header has none of the spec's columns {expected}, but: {got}", 0)


def _column(device_column: str, names: list[str], part: Part) -> int:
    if device_column not in names:
        got = ", ".join(names)[:200]
        raise BadFile("header", f"{part.name}: no column `{device_column}` tells the device; there are: {got}", 0)
    return names.index(device_column)


def _written(cells: list[str], without: int, layout: CsvLayout) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=layout.delimiter, quotechar=layout.quote, lineterminator=layout.line_end)
    writer.writerow(cells[:without] + cells[without + 1 :])
    return out.getvalue()


def _filled(lines: Iterator[str]) -> Iterator[str]:
    return (line for line in lines if line.strip())


def _that_are(kind: Callable[[str], bool], lines: Iterator[str], part: Part, words: str) -> Iterator[str]:
    """The lines; raises BadFile where none of the first ones is of the kind."""
    first = list(islice(lines, _ENOUGH))
    if first and not any(map(kind, first)):
        message = f"{part.name}: none of the first {len(first)} lines is {words}, the first begins {first[0][:40]!r}"
        raise BadFile("not_rows", message, 0)
    return chain(first, lines)


def _is_json(line: str) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return line.lstrip()[:1] in ("{", "[")


def _member(line: str, path: str) -> str:
    """The text or number at the path; empty where there is none."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return ""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")]


def _ends_in_hex(line: str) -> bool:
    digits = _cells(line)[-1]
    try:
        return bool(bytes.fromhex(digits))
    except ValueError:
        return False


def _hex_row(line: str, names: list[str] | None, device: str) -> Row:
    cells = _cells(line)
    names = names or _HEX_COLUMNS.get(len(cells), [])
    if len(cells) != len(names):
        return Row(device, line.strip())
    named = dict(zip(names, cells, strict=True))
    time, port = _epoch_ms(named.get("time", "")), named.get("port", "")
    if (named.get("time") and time is None) or (port and not (port.isdecimal() and port.isascii())):
        return Row(named.get("device") or device, line.strip())
    return Row(named.get("device") or device, named["payload"], port=int(port) if port else None, time=time)


def _epoch_ms(text: str) -> int | None:
    """Of seconds or milliseconds since 1970, or ISO 8601, in UTC where it names no zone; None of anything else."""
    try:
        if text.isdecimal():
            number = int(text[:16])
            return number * 1000 if number < _NEWEST_SECONDS else number
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
