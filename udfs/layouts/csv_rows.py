"""The CSV layout: a header (or positions), cells that may be quoted, each row one message, all rows or none."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from udfs.document import Place, suggest
from udfs.errors import DecodeError, EncodeError
from udfs.layouts.base import byte_view, compile_each, from_view, refuse_repeated_names, utf8
from udfs.layouts.frame import Span
from udfs.meaning import Scope
from udfs.model import CsvField, CsvLayout
from udfs.row import Readings, Row
from udfs.text_values import TextField, compile_text_field


class Cell(NamedTuple):
    """A cell's text without its quotes, and the byte offsets at which it begins and ends with them."""

    text: str
    offset: int
    end: int


class CsvDecoder:
    """A compiled CSV layout."""

    def __init__(self, layout: CsvLayout, at: Place, scope: Scope) -> None:
        _check_signs(layout, at)
        refuse_repeated_names([spec.name for spec in layout.fields], at / "fields")
        self._layout = layout
        self._texts = compile_each(layout.fields, at / "fields", _compiler(scope.of_record(), layout.decimal))
        self.fields = tuple(text.field for text in self._texts)
        self._columns = [spec.column or spec.name for spec in layout.fields]
        self._split = _splitter(layout.delimiter, layout.quote)

    def decode(self, payload: str) -> list[Row]:
        lines = self._split(byte_view(payload))
        texts = self._order(lines.pop(0) if lines else []) if self._layout.header else self._texts
        if not lines:
            raise DecodeError("bad_csv", "the payload has no row", byte_offset=len(payload.encode()))
        return [_read_row(number, cells, texts) for number, cells in enumerate(lines)]

    def encode(self, readings: Sequence[Readings]) -> str:
        if not readings:
            raise EncodeError("a payload needs at least one row")
        rows = [[self._cell(column, False) for column in self._columns]] if self._layout.header else []
        rows += [self._cells(row) for row in readings]
        return "".join(self._layout.delimiter.join(cells) + self._layout.line_end for cells in rows)

    def canonical(self, payload: str) -> str:
        return payload

    def payload_bytes(self, payload: str) -> bytes:
        return utf8(payload)

    def explain(self, payload: str, spans: list[Span]) -> None:
        lines = self._split(byte_view(payload))
        texts = self._order(lines.pop(0) if lines else []) if self._layout.header else self._texts
        spans += [_span(cell, text) for cells in lines for cell, text in zip(cells, texts, strict=False)]

    def _order(self, header: list[Cell]) -> list[TextField]:
        """The fields in the order of the header's columns."""
        by_column = dict(zip(self._columns, self._texts, strict=True))
        ordered = []
        for cell in header:
            text = by_column.pop(_plain(cell), None)
            if text is None:
                hint = suggest(_plain(cell), by_column)
                message = f"the spec has no column {_plain(cell)!r} (or the header names it twice){hint}"
                raise DecodeError("unknown_key", message, byte_offset=cell.offset)
            ordered.append(text)
        if by_column:
            raise DecodeError("bad_csv", f"the header has no column {', '.join(by_column)}", byte_offset=0)
        return ordered

    def _cells(self, readings: Readings) -> list[str]:
        return [
            self._cell(text.write(readings), spec.quoted)
            for text, spec in zip(self._texts, self._layout.fields, strict=True)
        ]

    def _cell(self, text: str, quoted: bool) -> str:
        quote = self._layout.quote
        if quoted or any(sign in text for sign in (self._layout.delimiter, quote, "\n", "\r")):
            return quote + text.replace(quote, quote * 2) + quote
        return text


def _compiler(scope: Scope, decimal: str) -> Callable[[CsvField, Place], TextField]:
    return lambda spec, where: compile_text_field(spec.name, spec, where, scope, decimal)


def _check_signs(layout: CsvLayout, at: Place) -> None:
    for key in ("delimiter", "quote"):
        sign = getattr(layout, key)
        if not sign.isascii() or sign in "\r\n":
            raise (at / key).error(f"the {key} must be one ASCII character other than a line end")
    if layout.delimiter == layout.quote:
        raise (at / "quote").error("delimiter and quote are the same character")
    if layout.delimiter == layout.decimal:
        raise (at / "decimal").error("delimiter and decimal mark are the same character")


def _splitter(delimiter: str, quote: str) -> Callable[[str], list[list[Cell]]]:
    mark, end = re.escape(quote), re.escape(delimiter)
    quoted = f"{mark}([^{mark}]*(?:{mark}{mark}[^{mark}]*)*){mark}"
    cell_then_end = re.compile(f"(?:{quoted}|([^{end}{mark}\r\n]*))({end}|\r?\n|\\Z)")

    def split(view: str) -> list[list[Cell]]:
        lines: list[list[Cell]] = []
        cells: list[Cell] = []
        at = 0
        while at < len(view) or cells:
            match = cell_then_end.match(view, at)
            if match is None:
                raise DecodeError("bad_csv", f"line {len(lines) + 1}: a cell's quotes do not match", byte_offset=at)
            inner = match[1]
            cells.append(Cell(match[2] if inner is None else inner.replace(quote * 2, quote), at, match.start(3)))
            at = match.end()
            if match[3] != delimiter:
                lines.append(cells)
                cells = []
        return lines

    return split


def _read_row(number: int, cells: list[Cell], texts: list[TextField]) -> Row:
    if len(cells) != len(texts):
        message = f"row {number + 1}: {len(cells)} cells, expected {len(texts)}"
        raise DecodeError("bad_csv", message, field=f"rows[{number}]", byte_offset=cells[0].offset)
    row = Row()
    for cell, text in zip(cells, texts, strict=True):
        try:
            text.read(from_view(cell.text), row)
        except DecodeError as error:
            raise _at_cell(error.reason, error.message, number, cell, text) from None
        except UnicodeDecodeError:
            raise _at_cell("bad_value", "the text is no UTF-8", number, cell, text) from None
    return row


def _at_cell(reason: str, message: str, number: int, cell: Cell, text: TextField) -> DecodeError:
    path = f"rows[{number}].{text.field.name}"
    return DecodeError(reason, f"row {number + 1}: {message}", field=path, byte_offset=cell.offset)


def _span(cell: Cell, text: TextField) -> Span:
    column = text.field.columns[0] if text.field.columns else None
    unit, doc = (column.unit, column.doc) if column else ("", "")
    return Span(cell.offset, cell.end, None, "field", text.field.name, _plain(cell), unit, doc)


def _plain(cell: Cell) -> str:
    try:
        return from_view(cell.text)
    except UnicodeDecodeError:
        return cell.text
