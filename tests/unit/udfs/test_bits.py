import pytest

from udfs.bits import byte_bits, compile_take, parse_bits, pieces_of, place

DATA = bytes.fromhex("3d25aa")


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("0", 0x3D),
        ("1[7:0]", 0x25),
        ("2[7:4]", 0xA),
        ("0[0]", 1),
        ("0[7:0] 2[7:4]", 0x3DA),
        ("1[7:0] 2[3:0]", 0x25A),
        ("0 1 2", 0x3D25AA),
        ("2 1 0", 0xAA253D),
        ("0[3:0] 1[7:4] 2[1:0]", 0b1101_0010_10),
    ],
)
def test_a_slice_reads_bits_across_bytes_and_puts_them_back(text: str, raw: int) -> None:
    pieces = pieces_of(parse_bits(text), len(DATA))
    whole = int.from_bytes(DATA, "big")
    assert compile_take(pieces, signed=False)(whole) == raw
    assert compile_take(pieces, signed=False)(place(raw, pieces)) == raw


@pytest.mark.parametrize(("data", "value"), [("ffffff", -1), ("800000", -(1 << 23)), ("7fffff", (1 << 23) - 1)])
def test_signed_numbers_of_24_bits(data: str, value: int) -> None:
    take = compile_take(pieces_of(byte_bits(0, 3, little=False), 3), signed=True)
    assert take(int(data, 16)) == value


def test_neighbouring_slices_become_one_piece() -> None:
    assert pieces_of(byte_bits(0, 3, little=False), 3) == ((0, 24),)
    assert len(pieces_of(byte_bits(0, 3, little=True), 3)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no bits"),
        ("0[4:7]", "`0[4:7]` runs backwards"),
        ("0[8:0]", "`0[8:0]` is no bit slice"),
        ("x", "`x` is no bit slice"),
    ],
)
def test_a_wrong_slice_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        parse_bits(text)
