"""What frames are held together by: literals, bytes to read over, and checksums."""

import pytest
from probe import compile_probe
from reading import comes_back, messages, readings, refusal

from udfs.errors import SpecError
from udfs.product import ProductSpec


def frame(parts: str, payload_format: str = "hex") -> ProductSpec:
    return compile_probe(f"kind: hybrid\nparts: {parts}", payload_format=payload_format)


A = '{name: a, type: u8, unit: "1"}'
TEXT = '{name: a, type: decimal, unit: "1", until: ";"}'


class TestLiteral:
    @pytest.mark.parametrize(
        ("payload", "refused"),
        [("77780105", ("bad_separator", "", 0)), ("78", ("truncated", "", 1)), ("7877", ("bad_separator", "", 0))],
    )
    def test_must_stand_there(self, payload: str, refused: tuple[str, str, int]) -> None:
        product = frame(f"[{{literal: '7878'}}, {A}]")
        assert readings(product, "787805") == [{"a": 5}]
        assert comes_back(product, "787805")
        assert refusal(product, payload) == refused

    def test_may_be_missing_where_it_is_optional(self) -> None:
        product = frame(f"[{A}, {{literal: '0d0a', optional: true}}]")
        assert readings(product, "05") == readings(product, "050d0a") == [{"a": 5}]
        assert product.encode([{"a": 5}]) == "050d0a"

    def test_is_a_text_in_a_text(self) -> None:
        product = frame(f"[{{literal: '$$'}}, {TEXT}]", "text")
        assert readings(product, "$$5;") == [{"a": 5}]
        assert refusal(product, "$%5;") == ("bad_separator", "", 0)

    def test_that_is_no_hex_in_bytes_is_a_spec_error(self) -> None:
        with pytest.raises(SpecError, match="`#` is no hex: a literal of a binary payload"):
            frame("[{literal: '#'}]")


class TestSkip:
    def test_reads_over_so_many_bytes_and_writes_the_fill(self) -> None:
        product = frame(f"[{{skip: 2, fill: ff}}, {A}]")
        assert readings(product, "123405") == [{"a": 5}]
        assert product.encode([{"a": 5}]) == "ffff05"
        assert refusal(product, "12") == ("truncated", "", 1)

    def test_reads_over_the_rest_up_to_what_must_follow(self) -> None:
        product = frame(f"[{A}, {{skip: rest}}, {{literal: '0d'}}]")
        assert readings(product, "05aabbcc0d") == [{"a": 5}]
        assert comes_back(product, "050d")

    def test_reads_over_up_to_a_separator(self) -> None:
        product = frame(f"[{{skip: true, until: ','}}, {TEXT}]", "text")
        assert readings(product, "xyz,5;") == [{"a": 5}]
        assert product.encode([{"a": 5}]) == ",5;"
        assert refusal(product, "xyz") == ("bad_separator", "", 0)

    def test_reads_over_as_many_bytes_as_a_value_says(self) -> None:
        product = frame(f"[{{name: n, type: u8, hidden: true}}, {{skip: n * 2}}, {A}]")
        assert readings(product, "01aabb05") == [{"a": 5}]
        assert refusal(product, "02aabb05") == ("truncated", "", 4)

    @pytest.mark.parametrize("skip", ["{skip: true}", "{skip: 2, until: x}", "{skip: false}"])
    def test_says_how_far(self, skip: str) -> None:
        with pytest.raises(SpecError, match="skip takes a number of bytes, `rest`, or true with `until`"):
            frame(f"[{skip}]")


class TestChecksum:
    def test_covers_what_is_before_it(self) -> None:
        product = frame(f"[{{literal: aa}}, {A}, {{checksum: sum8}}]")
        assert comes_back(product, "aa05af")
        assert refusal(product, "aa05ae") == ("bad_checksum", "checksum", 2)
        assert refusal(product, "aa05") == ("truncated", "checksum", 2)

    def test_covers_from_mark_to_mark(self) -> None:
        b = '{name: b, type: u8, unit: "1", mark: after}'
        product = frame(
            f"[{{literal: aa}}, {{fields: [{A}], mark: body}}, {b}, {{checksum: sum8, start: body, end: after}}]"
        )
        assert comes_back(product, "aa050905")

    @pytest.mark.parametrize(
        ("checksum", "payload"),
        [
            ("{checksum: crc16_modbus}", "05437f"),
            ("{checksum: crc16_modbus, byte_order: little}", "057f43"),
            ("{checksum: sum8, size: 2}", "050005"),
            ("{checksum: sum8, coding: hex}", "053035"),
        ],
    )
    def test_stands_in_either_order_in_more_bytes_or_as_digits(self, checksum: str, payload: str) -> None:
        product = frame(f"[{A}, {checksum}]")
        assert product.encode([{"a": 5}]) == payload
        assert readings(product, payload) == [{"a": 5}]

    def test_is_of_digits_in_a_text_in_either_case(self) -> None:
        product = frame(
            "[{literal: '$'}, {name: a, type: text, until: '*', mark: body}, {checksum: nmea, start: body}]", "text"
        )
        payload = product.encode([{"a": "GP"}])
        assert payload == f"$GP*{ord('G') ^ ord('P') ^ ord('*'):02X}"
        assert readings(product, payload.lower().replace("gp", "GP")) == [{"a": "GP"}]

    def test_that_differs_may_be_a_warning(self) -> None:
        (message,) = messages(frame(f"[{A}, {{checksum: sum8, on_violation: warn}}]"), "0506")
        assert (message.measurements, message.quality) == ({"a": 5}, ["bad_checksum: sum8 is 06, 05 expected"])

    def test_may_be_missing_at_the_end_where_it_is_optional(self) -> None:
        assert readings(frame(f"[{A}, {{checksum: sum8, optional: true}}]"), "05") == [{"a": 5}]

    def test_over_a_group_whose_separator_is_not_covered(self) -> None:
        product = frame(
            """
            - {until: "*", consume: false, mark: begin, fields: [{name: note, type: text}]}
            - {literal: "*", mark: star}
            - {checksum: nmea, start: begin, end: star}
            """,
            "text",
        )
        assert readings(product, "AB*03") == [{"note": "AB"}]
        assert comes_back(product, "AB*03")

    def test_names_marks_that_are_there(self) -> None:
        with pytest.raises(SpecError, match="no item has `mark: begn`, did you mean `begin`"):
            frame("""
            - {name: a, type: u8, unit: "1", mark: begin}
            - {checksum: sum8, start: begn}
            """)
