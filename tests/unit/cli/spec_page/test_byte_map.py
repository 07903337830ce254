"""Bytes in rows of sixteen: cells, lanes, bits within bytes, rows left out."""

from cli.spec_page.byte_map import ByteMap, Ink, Palette, Placed, byte_map, text_of
from udfs.bits import byte_bits, parse_bits


def ink(name: str) -> Ink:
    return Ink(name, colour=0)


def whole(name: str, at: int, length: int) -> Placed:
    return Placed(ink(name), byte_bits(at, length, False))


def sliced(name: str, bits: str) -> Placed:
    return Placed(ink(name), parse_bits(bits))


def drawn(drawing: ByteMap) -> list[list[list[tuple[int, int, str]]]]:
    """Rows of lanes of (start, end, name)."""
    return [
        [[(cell.start, cell.end, cell.ink.name if cell.ink else "") for cell in lane] for lane in row.lanes]
        for row in drawing.rows
    ]


def test_bytes_stand_in_a_row_with_gaps_between() -> None:
    assert drawn(byte_map([whole("a", 0, 2), whole("b", 3, 1)], 0, 5)) == [
        [[(0, 2, "a"), (2, 3, ""), (3, 4, "b"), (4, 5, "")]]
    ]


def test_a_value_over_the_end_of_a_row_goes_on_in_the_next() -> None:
    drawing = byte_map([whole("a", 14, 4)], 0, 18)
    assert drawn(drawing) == [[[(0, 14, ""), (14, 16, "a")]], [[(16, 18, "a")]]]
    first, second = drawing.rows[0].lanes[0][1], drawing.rows[1].lanes[0][0]
    assert (first.begins, first.ends, second.begins, second.ends) == (True, False, False, True)


def test_what_overlaps_stands_in_lanes() -> None:
    assert drawn(byte_map([whole("all", 0, 4), whole("half", 2, 2)], 0, 4)) == [
        [[(0, 4, "all")], [(0, 2, ""), (2, 4, "half")]]
    ]


def test_low_byte_first_is_one_cell() -> None:
    assert drawn(byte_map([Placed(ink("a"), byte_bits(0, 4, True))], 0, 4)) == [[[(0, 4, "a")]]]


def test_a_byte_of_several_values_is_told_bit_by_bit() -> None:
    drawing = byte_map([sliced("low", "1[3:0]"), sliced("high", "0 1[7:5]")], 0, 2)
    (part,) = drawing.bit_bytes
    assert part.byte == 1
    assert [[(cell.ink.name if cell.ink else "", cell.high, cell.low) for cell in lane] for lane in part.lanes] == [
        [("high", 7, 5), ("", 4, 4), ("low", 3, 0)]
    ]


def test_pieces_of_a_value_say_which_of_its_bits_they_are() -> None:
    drawing = byte_map([sliced("level", "0 1[7:4]")], 0, 2)
    assert drawing.rows[0].lanes[0][0].note == "bits 11–4"
    assert drawing.bit_bytes[0].lanes[0][0].note == "bits 3–0"


def test_bits_that_overlap_stand_in_lanes() -> None:
    (part,) = byte_map([sliced("state", "0[3:0]"), sliced("open", "0[1]")], 0, 1).bit_bytes
    assert [[cell.width for cell in lane] for lane in part.lanes] == [[4, 4], [6, 1, 1]]


def test_rows_of_nothing_new_are_left_out_unless_asked_for() -> None:
    long = [whole("note", 0, 100)]
    assert [(row.start, row.left_out) for row in byte_map(long, 0, 100).rows] == [(0, 0), (96, 5)]
    assert len(byte_map(long, 0, 100, complete=True).rows) == 7


def test_places_in_words() -> None:
    assert text_of(byte_bits(3, 1, False)) == "byte 3"
    assert text_of(byte_bits(3, 2, True)) == "bytes 3–4"
    assert text_of(byte_bits(0, 2, False), relative=True) == "bytes +0–1"
    assert text_of(parse_bits("0 2[7:4]")) == "byte 0 and byte 2 bits 7–4"
    assert text_of(parse_bits("5[6]")) == "byte 5 bit 6"


def test_a_name_keeps_its_colour() -> None:
    palette = Palette()
    assert [palette.colour(name) for name in ("a", "b", "a")] == [0, 1, 0]
