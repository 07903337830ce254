"""Where frames end, by each way that a spec can say it."""

import pytest

from udfs.cuts import NO_FRAME, Cut, FrameCutter, compile_cutter
from udfs.document import read_document
from udfs.errors import SpecError
from udfs.model import FrameForm
from udfs.typed_document import read_typed


def cutter(text: str, is_text: bool = False) -> FrameCutter:
    place = read_document("form", text)
    return compile_cutter(read_typed(place, FrameForm), place, is_text)


GT06 = '{start: "7878", size: {at: 2, type: u8, adjust: 2}, end: "0d0a", max_bytes: 260}'
TELTONIKA = '{start: "00000000", size: {at: 4, type: u32, adjust: 4}, max_bytes: 64}'
LITTLE = "{size: {type: u16, byte_order: little, adjust: -2}, max_bytes: 16}"


@pytest.mark.parametrize(
    ("form", "data", "cut"),
    [
        (GT06, "787801ff0d0a99", Cut(6, 6)),
        (GT06, "7878", None),
        (GT06, "787801ff0d", None),
        (GT06, "787801ff0d0b", NO_FRAME),
        (TELTONIKA, "0000000000000001aa00000000", Cut(13, 13)),
        (TELTONIKA, "00000000000000", None),
        (TELTONIKA, "0000000000000035", NO_FRAME),
        (LITTLE, "0400aabb", Cut(4, 4)),
        (LITTLE, "0100", NO_FRAME),
    ],
)
def test_a_size_says_where_a_frame_ends(form: str, data: str, cut: Cut | None) -> None:
    assert cutter(form).cut(bytearray.fromhex(data), 0) == cut


MEITRACK = '{start: $$, size: {at: 3, type: decimal}, end: "\\r\\n", max_bytes: 100}'
DSMR = '{start: /, after: "\\r\\n!", end: "\\r\\n", max_bytes: 30}'
LINES = '{separator: "\\r\\n", max_bytes: 6}'


@pytest.mark.parametrize(
    ("form", "data", "cut"),
    [
        (MEITRACK, b"$$A4,x\r\nrest", Cut(8, 8)),
        (MEITRACK, b"$$A", None),
        (MEITRACK, b"$$A4", None),  # 4 or 40
        (MEITRACK, b"$$A,x", NO_FRAME),
        (MEITRACK, b"$$A9999999,", NO_FRAME),
        (DSMR, b"/X\r\n1(2)\r\n!AB12\r\n/", Cut(17, 17)),
        (DSMR, b"/X\r\n1(2)\r\n", None),
        (DSMR, b"/X\r\n1(2)\r\n!AB", None),
        (DSMR, b"/" + b"x" * 29, NO_FRAME),
        (LINES, b"a;b\r\nc", Cut(3, 5)),
        (LINES, b"\r\n", Cut(0, 2)),
        (LINES, b"123456\r\n", Cut(6, 8)),
        (LINES, b"123456\r", None),
        (LINES, b"1234567\r\n", NO_FRAME),
        ("{pause_ms: 100, max_bytes: 4}", b"abc", None),
        ("{pause_ms: 100, max_bytes: 4}", b"abcde", Cut(4, 4)),
    ],
)
def test_digits_ends_separators_and_pauses_do_in_texts(form: str, data: bytes, cut: Cut | None) -> None:
    assert cutter(form, is_text=True).cut(bytearray(data), 0) == cut


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{start: aa}", "1:1: a frame ends by one of size, end, separator or pause_ms"),
        (
            '{separator: ";", pause_ms: 100}',
            "one of size, end, separator or pause_ms, not separator and pause_ms",
        ),
        ('{separator: "0d", after: "0a"}', "1:26: after: `after` says behind what `end` is looked for"),
        ('{start: xy, separator: "0d"}', "1:9: start: `xy` is no hex"),
    ],
)
def test_a_form_that_says_too_little_or_too_much_is_refused(form: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        cutter(form)
    assert message in str(caught.value)
