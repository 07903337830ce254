import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.template import compile_template


@pytest.mark.parametrize(
    ("template", "data", "text"),
    [
        ("v{0[7:4]}.{0[3:0]}", "12", "v1.2"),
        ("v{0:x}.{1[7:4]}", "ff30", "vff.3"),
        ("{0}.{1}.{2}.{3}", "c0a80001", "192.168.0.1"),
        ("HW{0}", "07", "HW7"),
        ("{0:04x}", "0f", "000f"),
        ("{0 1:04X}", "0abc", "0ABC"),
        ("{1 0}", "0100", "1"),
        ("{0[7]}-{0[6:0]:03d}", "85", "1-005"),
        ("{0}{1[3:0]:02d}", "0105", "105"),
        ("{0:03d}{1:03d}{2:x}", "0102ff", "001002ff"),
        ("{0}a{1:x}", "010a", "1aa"),
    ],
)
def test_bits_read_as_a_text_that_writes_them(template: str, data: str, text: str) -> None:
    compiled = compile_template(template, len(data) // 2)
    assert compiled.read(bytes.fromhex(data)) == text
    assert compiled.write(text).hex() == data


def test_bits_that_are_not_named_are_written_as_0() -> None:
    compiled = compile_template("v{1[3:0]}", 3)
    assert compiled.read(b"\xff\xf7\xff") == "v7"
    assert compiled.write("v7") == b"\x00\x07\x00"


@pytest.mark.parametrize(
    "text", ["1.2", "v1", "v1.2.3", "v16.0", "v256.0", "v01.2", "v-1.2", "v1.2 ", "vx.y", "", "v1,2", "v١.2"]
)
def test_a_text_that_the_bytes_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not fit v"):
        compile_template("v{0[7:4]}.{0[3:0]}", 1).write(text)


@pytest.mark.parametrize("text", ["0F", "f", "00f"])
def test_digits_are_written_one_way_only(text: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        compile_template("{0:02x}", 1).write(text)


@pytest.mark.parametrize(
    ("template", "length", "message"),
    [
        ("v{0.{1}", 2, "the braces in `{0.{1}` do not match"),
        ("v0}", 2, "the braces in `}` do not match"),
        ("v{0", 2, "the braces in `{0` do not match"),
        ("v{}", 2, "no bits: write for example"),
        ("v{x}", 2, "`x` is no bit slice"),
        ("v{0[4:7]}", 2, "`0[4:7]` runs backwards"),
        ("v{0}.{2}", 2, "byte 2 is beyond the 2 of the field"),
        ("v{0:}", 1, "`:` is no way to write a number"),
        ("v{0:s}", 1, "`:s` is no way to write a number"),
        ("v{0:4d}", 1, "`:4d` is no way to write a number"),
        ("v1.0", 1, "the text names no byte"),
        ("{0}{1}", 2, "two numbers run into each other"),
        ("{0}{1:03d}{2}", 3, "two numbers run into each other"),
        ("{0}0{1}", 2, "two numbers run into each other"),
        ("{0:x}a{1}", 2, "two numbers run into each other"),
    ],
)
def test_a_template_that_cannot_be_meant_says_why(template: str, length: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        compile_template(template, length)


def test_a_template_travels_between_processes() -> None:
    compiled = compile_template("v{0}.{1}", 2)
    assert pickle.loads(pickle.dumps(compiled)).read(b"\x01\x02") == "v1.2"  # noqa: S301


_NUMBERS = st.tuples(
    st.sampled_from(["0", "1", "2", "0 1", "1[7:4]", "2[3]", "2[0] 0"]),
    st.sampled_from(["", ":x", ":02x", ":X", ":d", ":03d", ":05d", ":04X"]),
).map(lambda number: f"{{{number[0]}{number[1]}}}")


@given(
    parts=st.lists(_NUMBERS | st.sampled_from([".", "-", "v", "0", "a", " F"]), max_size=8),
    data=st.binary(min_size=3, max_size=3),
)
def test_every_text_of_a_template_writes_back(parts: list[str], data: bytes) -> None:
    try:
        compiled = compile_template("".join(parts), 3)
    except ValueError:
        return
    text = compiled.read(data)
    assert compiled.read(compiled.write(text)) == text


@given(text=st.text("{}[]:0127xd. v", max_size=14), written=st.text("0123456789.v", max_size=8))
def test_any_template_compiles_or_is_refused(text: str, written: str) -> None:
    try:
        compiled = compile_template(text, 2)
        data = compiled.write(written)
    except ValueError:
        return
    assert compiled.read(data) == written
