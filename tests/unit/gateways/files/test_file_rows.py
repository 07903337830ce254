"""Lines become rows that keep their text; what is no text of rows at all is a bad file."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.files.errors import BadFile
from gateways.files.lines import MAX_LINE, lines
from gateways.files.rows import MAX_CELL, Row, Rows, csv_rows, hex_rows, json_rows, text_rows
from gateways.files.unpack import Part
from udfs.model import CsvField, CsvLayout

LAYOUT = CsvLayout(fields=[CsvField(name="time"), CsvField(name="note", column="Note")], delimiter=";")
HEADLESS = CsvLayout(fields=[CsvField(name="time"), CsvField(name="note")], delimiter=";", header=False)


class Trickle(io.RawIOBase):
    """A stream that gives so many bytes at once."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, self._size))


def read(rows: Rows, data: bytes, chunk: int = 1 << 20, device: str = "d") -> list[Row]:
    part = Part("day", Trickle(data, chunk), None)
    return list(rows(lines(part), part, device))


def texts(rows: list[Row]) -> list[str]:
    return [row.text for row in rows]


class TestCsv:
    def test_a_row_keeps_its_text_and_the_header_before_it(self) -> None:
        found = read(csv_rows(LAYOUT, None), b'time;Note\r\n1;a\r\n2;"b"\r\n')
        assert found == [Row("d", "1;a\r\n", "time;Note\r\n"), Row("d", '2;"b"\r\n', "time;Note\r\n")]

    def test_a_quoted_cell_may_go_over_lines(self) -> None:
        assert texts(read(csv_rows(LAYOUT, None), b'time;Note\n1;"a\n""b"";\nc"\n2;x\n')) == [
            '1;"a\n""b"";\nc"\n',
            "2;x\n",
        ]

    def test_a_byte_order_mark_and_blank_lines_are_no_rows(self) -> None:
        assert texts(read(csv_rows(LAYOUT, None), b"\xef\xbb\xbftime;Note\n\n1;a\n  \n")) == ["1;a\n"]

    def test_the_last_row_gets_its_line_end(self) -> None:
        assert texts(read(csv_rows(LAYOUT, None), b"time;Note\n1;a")) == ["1;a\n"]

    def test_without_a_header_the_first_line_is_a_row(self) -> None:
        assert read(csv_rows(HEADLESS, None), b"1;a\n2;b\n") == [Row("d", "1;a\n"), Row("d", "2;b\n")]

    def test_a_column_of_devices_that_the_spec_does_not_know_is_left_out(self) -> None:
        found = read(csv_rows(LAYOUT, "Logger"), b'time;Logger;Note\n1;l-1;a\n2;l-2;"b;c"\n')
        assert found == [Row("l-1", "1;a\n", "time;Note\n"), Row("l-2", '2;"b;c"\n', "time;Note\n")]

    def test_a_column_of_devices_that_the_spec_knows_stays(self) -> None:
        assert read(csv_rows(LAYOUT, "Note"), b"time;Note\n1;l-1\n") == [Row("l-1", "1;l-1\n", "time;Note\n")]

    def test_a_row_that_names_no_device_goes_on_without(self) -> None:
        assert [row.device for row in read(csv_rows(LAYOUT, "L"), b"time;Note;L\n1;a\n2;b; \n3;c;l\n")] == ["", "", "l"]

    def test_a_row_that_is_none_goes_on_as_it_is(self) -> None:
        assert texts(read(csv_rows(LAYOUT, None), b'time;Note\n1;"a"b\n2;c\n')) == ['1;"a"b\n', "2;c\n"]

    def test_a_quote_that_never_ends_spoils_one_cell_then_lines_are_rows_again(self) -> None:
        line = "2;" + "x" * 997 + "\n"
        data = 'time;Note\n1;"a\n' + line * 300
        found = texts(read(csv_rows(LAYOUT, None), data.encode()))
        assert found[0].startswith('1;"a\n2;x')
        assert MAX_CELL < len(found[0]) < MAX_CELL + 2000
        assert set(found[1:]) == {line}
        assert "time;Note\n" + "".join(found) == data

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"Zeit;Notiz\n1;a\n", "none of the spec's columns time, Note, but: Zeit, Notiz"),
            (b"\x01\x02\x03\n", "none of the spec's columns"),
        ],
    )
    def test_a_header_of_something_else_is_a_bad_file(self, data: bytes, message: str) -> None:
        with pytest.raises(BadFile, match=message) as caught:
            read(csv_rows(LAYOUT, None), data)
        assert (caught.value.reason, caught.value.offset) == ("header", 0)

    def test_a_missing_column_of_devices_is_a_bad_file(self) -> None:
        with pytest.raises(BadFile, match="no column `Logger` tells the device; there are: time, Note"):
            read(csv_rows(LAYOUT, "Logger"), b"time;Note\n1;a\n")

    @given(
        st.lists(st.tuples(st.integers(0, 9), st.text(st.sampled_from('ab;"\n\r ,é€'), max_size=8)), max_size=20),
        st.integers(1, 40),
    )
    def test_whatever_the_cells_and_the_chunks_every_row_comes_whole(
        self, cells: list[tuple[int, str]], chunk: int
    ) -> None:
        written = []
        for row in cells:
            out = io.StringIO()
            csv.writer(out, delimiter=";", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow(row)
            written.append(out.getvalue())
        data = "time;Note\n" + "".join(written)
        assert texts(read(csv_rows(LAYOUT, None), data.encode(), chunk)) == written

    @given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from([LAYOUT, HEADLESS]))
    def test_foreign_bytes_are_rows_or_a_bad_file(self, data: bytes, chunk: int, layout: CsvLayout) -> None:
        with suppress(BadFile):
            read(csv_rows(layout, None), data, chunk)


class TestLines:
    @given(st.text("aä€😀\n", max_size=40), st.integers(1, 5), st.integers(0, 40))
    def test_what_is_no_utf_8_is_told_with_its_offset(self, text: str, chunk: int, at: int) -> None:
        data = text.encode()
        while at < len(data) and data[at] & 0xC0 == 0x80:
            at += 1
        broken = data[:at] + b"\xff" + data[at:]
        with pytest.raises(BadFile) as caught:
            read(text_rows(), broken, chunk)
        assert (caught.value.reason, caught.value.offset) == ("encoding", min(at, len(data)))

    def test_latin_1_is_told(self) -> None:
        with pytest.raises(BadFile, match="byte 0xfc at 1 is no UTF-8: export it as UTF-8"):
            read(text_rows(), "Tür".encode("latin-1") + b"xxxx")

    def test_a_nul_is_no_text(self) -> None:
        with pytest.raises(BadFile, match="line 2 holds a NUL"):
            read(text_rows(), b"a\nb\0\n")

    def test_a_line_has_an_end(self) -> None:
        with pytest.raises(BadFile) as caught:
            read(text_rows(), b"x" * (MAX_LINE + 1))
        assert caught.value.reason == "line_too_long"


class TestJson:
    # An uplink as The Things Stack exports it, shortened.
    UPLINK = '{"end_device_ids":{"device_id":"am319-4"},"data":[{"wind":{"speed":3.5}}]}'

    def test_a_document_a_line(self) -> None:
        assert read(json_rows(None), b'{"a":1}\r\n\n {"a":2}') == [Row("d", '{"a":1}'), Row("d", '{"a":2}')]

    def test_the_device_stands_at_a_path(self) -> None:
        [row] = read(json_rows("end_device_ids.device_id"), self.UPLINK.encode())
        assert row == Row("am319-4", self.UPLINK)

    def test_a_number_names_a_device_too(self) -> None:
        assert read(json_rows("imei"), b'{"imei":352093081452251}')[0].device == "352093081452251"

    @pytest.mark.parametrize("line", ['{"a":1}', '{"id":{"x":1}}', '{"id":true}', '{"id":null}', "[1]"])
    def test_a_line_that_names_none_goes_on_without(self, line: str) -> None:
        assert read(json_rows("id"), f'{line}\n{{"id":"d"}}\n'.encode())[0] == Row("", line)

    def test_one_bad_line_is_a_row(self) -> None:
        assert texts(read(json_rows(None), b'{"a":\n{"a":2}\n')) == ['{"a":', '{"a":2}']

    @pytest.mark.parametrize("data", [b"Time;Temperature\n1;2\n", b"12\n13\n"])
    def test_something_else_is_a_bad_file(self, data: bytes) -> None:
        with pytest.raises(BadFile, match="none of the first 2 lines is a JSON document") as caught:
            read(json_rows(None), data)
        assert caught.value.reason == "not_rows"


class TestHex:
    # Milesight AM319, from the vendor's manual.
    UPLINK = "0367EE00046878"

    def test_a_payload_a_line(self) -> None:
        assert read(hex_rows(), f"{self.UPLINK}\n\n{self.UPLINK}\r\n".encode()) == [Row("d", self.UPLINK)] * 2

    def test_a_device_before_it(self) -> None:
        assert read(hex_rows(), f"am319-4,{self.UPLINK}\n".encode()) == [Row("am319-4", self.UPLINK)]

    @pytest.mark.parametrize("time", ["1767600000", "1767600000000", "2026-01-05T08:00:00Z", "2026-01-05 09:00+01:00"])
    def test_a_time_before_that(self, time: str) -> None:
        [row] = read(hex_rows(), f"{time},am319-4,{self.UPLINK}\n".encode())
        assert row == Row("am319-4", self.UPLINK, time=1_767_600_000_000)

    def test_a_header_names_them(self) -> None:
        data = f"Device,Port,Payload,Time\noyster-1,4,{self.UPLINK},1767600000\n".encode()
        assert read(hex_rows(), data) == [Row("oyster-1", self.UPLINK, port=4, time=1_767_600_000_000)]

    @pytest.mark.parametrize("line", ["yesterday,am319-4,00", "a,b,c,d", "zz"])
    def test_a_bad_line_goes_on_as_it_is(self, line: str) -> None:
        assert line in texts(read(hex_rows(), f"{line}\n{self.UPLINK}\n".encode()))

    def test_something_else_is_a_bad_file(self) -> None:
        with pytest.raises(BadFile, match="none of the first 1 lines is hex digits, the first begins 'hello world"):
            read(hex_rows(), b"hello world\n")

    @given(st.text(max_size=60))
    def test_whatever_the_lines_none_is_lost(self, text: str) -> None:
        data = f"{self.UPLINK}\n{text}".encode("utf-8", "replace")
        if "\0" not in text:
            filled = [line for line in data.decode().split("\n") if line.strip()]
            assert len(read(hex_rows(), data)) == len(filled)
