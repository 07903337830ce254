"""How items stand to one another: in sequence, grouped, sized, conditional, chosen, repeated."""

from textwrap import dedent

import pytest
from probe import compile_probe
from reading import comes_back, messages, readings, refusal

from udfs.errors import EncodeError, SpecError
from udfs.product import ProductSpec


def hybrid(parts: str, extra: str = "") -> ProductSpec:
    return compile_probe("kind: hybrid\n" + dedent(parts).strip(), extra, payload_format="hex")


def test_an_item_that_takes_all_leaves_the_bytes_of_the_fixed_ones_behind_it() -> None:
    product = hybrid("parts: [{name: note, type: text}, {name: level, type: u8, unit: '%'}, {checksum: sum8}]")
    assert readings(product, "61620a" + "cd") == [{"note": "ab", "level": 10}]
    assert comes_back(product, "61620acd")


class TestGroup:
    SIZED = "parts: [{size: 4, trailing: %s, fields: [{name: a, at: 2, type: u8, unit: '1'}]}, {name: b, type: bool}]"

    def test_places_count_from_its_begin(self) -> None:
        product = hybrid("""
        parts:
          - {literal: "7e"}
          - fields:
              - {name: high, at: 0, type: u8, unit: "1"}
              - {name: low, bits: "1[3:0]", unit: "1"}
        """)
        assert readings(product, "7e10f5") == [{"low": 5, "high": 16}]
        assert comes_back(product, "7e1005")

    def test_takes_its_size_whatever_its_items_take(self) -> None:
        product = hybrid(self.SIZED % "ignore")
        assert readings(product, "0000070001") == [{"a": 7, "b": "true"}]
        assert comes_back(product, "0000070001")

    @pytest.mark.parametrize("trailing", ["reject", "warn"])
    def test_says_what_bytes_left_over_do(self, trailing: str) -> None:
        product = hybrid(self.SIZED % trailing)
        if trailing == "reject":
            assert refusal(product, "0000070001") == ("too_long", "", 3)
        else:
            assert messages(product, "0000070001")[0].quality == ["trailing_bytes: 1 byte at offset 3 (00)"]

    def test_that_is_cut_off_is_refused(self) -> None:
        assert refusal(hybrid(self.SIZED % "ignore"), "0000") == ("truncated", "", 2)

    def test_smaller_than_its_items_is_a_spec_error(self) -> None:
        with pytest.raises(SpecError, match="the items take 2 bytes, the size is 1"):
            hybrid("parts: [{size: 1, fields: [{name: a, type: u16, unit: '1'}]}]")

    def test_has_a_size_read_before_which_is_written_as_it_turns_out(self) -> None:
        product = hybrid("""
        parts:
          - {name: length, type: u8, hidden: true}
          - {size: length, fields: [{name: note, type: text}]}
          - {name: level, type: u8, unit: "%"}
        """)
        assert readings(product, "03616263" + "05") == [{"note": "abc", "level": 5}]
        assert comes_back(product, "0361626305")

    def test_ends_at_a_separator_and_separates_its_values(self) -> None:
        product = compile_probe("""
        kind: hybrid
        parts:
          - separator: ","
            until: "*"
            fields: [{name: a, type: decimal, unit: "1"}, {name: b, type: text}]
          - {name: rest, type: text}
        """)
        assert readings(product, "1,x*y") == [{"a": 1, "b": "x", "rest": "y"}]
        assert readings(product, ",x*y") == [{"b": "x", "rest": "y"}]
        assert comes_back(product, "1,x*y")
        assert refusal(product, "1,x") == ("bad_separator", "", 0)
        assert refusal(product, "1,x,2*y") == ("too_long", "", 4)

    def test_of_its_own_message_has_its_own_readings_and_knows_those_before(self) -> None:
        product = hybrid("""
        parts:
          - {name: kind, type: u8, unit: "1"}
          - {own_message: true, domain: event, fields: [{name: event, type: u8, enum: {1: opened}}]}
          - {name: level, type: u8, unit: "%"}
        """)
        assert [(message.domain, message.measurements) for message in messages(product, "070105")] == [
            ("telemetry", {"kind": 7, "level": 5}),
            ("event", {}),
        ]
        assert comes_back(product, "070105")
        with pytest.raises(EncodeError, match="no message is left for this group"):
            product.encode([{"kind": 7, "level": 5}])


class TestPrefix:
    def test_is_the_size_of_what_follows(self) -> None:
        product = hybrid(
            "parts: [{prefix: u8, fields: [{name: note, type: text}]}, {name: level, type: u8, unit: '%'}]"
        )
        assert readings(product, "02616205") == [{"note": "ab", "level": 5}]
        assert comes_back(product, "02616205")

    def test_may_count_more_or_less_than_its_items(self) -> None:
        product = hybrid("parts: [{prefix: u16, byte_order: little, adjust: -2, fields: [{name: note, type: text}]}]")
        assert readings(product, "04006162") == [{"note": "ab"}]
        assert comes_back(product, "04006162")

    @pytest.mark.parametrize(
        ("payload", "refused"),
        [
            ("05616200", ("bad_length", "size", 0)),
            ("0361620500", ("too_long", "", 3)),
            ("01610000", ("truncated", "level", 2)),
        ],
    )
    def test_that_does_not_fit_is_refused(self, payload: str, refused: tuple[str, str, int]) -> None:
        product = hybrid(
            "parts: [{prefix: u8, fields: [{name: note, type: text, length: 1}, {name: level, type: u8, unit: '%'}]}]"
        )
        assert refusal(product, payload) == refused

    def test_that_cannot_hold_the_size_refuses_the_readings(self) -> None:
        product = hybrid("parts: [{prefix: u8, fields: [{name: note, type: text}]}]")
        with pytest.raises(EncodeError, match="the size 300 does not fit 1 bytes"):
            product.encode([{"note": "x" * 300}])


class TestIf:
    FLAGGED = """
    parts:
      - {name: has_level, bits: "0[0]", type: bool, hidden: true}
      - if: %s
        fields: [{name: level, type: u8, unit: "%%"}]
        else: [{name: voltage, type: u16, scale: 0.001, unit: V}]
    """

    @pytest.mark.parametrize(
        ("payload", "expected"), [("0132", {"level": 50}), ("000ce4", {"voltage": 3.3})], ids=["then", "else"]
    )
    def test_reads_one_side_and_writes_the_one_that_has_the_readings(
        self, payload: str, expected: dict[str, float]
    ) -> None:
        product = hybrid(self.FLAGGED % "has_level")
        assert readings(product, payload) == [expected]
        assert comes_back(product, payload)

    def test_of_a_hidden_value_that_is_negated_is_told_as_well(self) -> None:
        product = hybrid(self.FLAGGED % "not has_level")
        assert readings(product, "0032") == [{"level": 50}]
        assert comes_back(product, "0032")
        assert comes_back(product, "010ce4")

    def test_there_are_bytes_left(self) -> None:
        product = hybrid(
            "parts: [{name: a, type: u8, unit: '1'}, {if: remaining >= 2, fields: [{name: b, type: u16, unit: '1'}]}]"
        )
        assert readings(product, "01") == [{"a": 1}]
        assert readings(product, "010002") == [{"a": 1, "b": 2}]
        assert comes_back(product, "01")
        assert comes_back(product, "010002")
        assert refusal(product, "0102") == ("too_long", "", 1)

    def test_on_an_absent_value_does_not_hold(self) -> None:
        product = hybrid(
            'parts: [{name: a, type: u8, unit: "1", absent: [255]}, {if: a > 1, fields: [{name: b, type: bool}]}]'
        )
        assert readings(product, "ff") == [{}]
        assert readings(product, "0201") == [{"a": 2, "b": "true"}]


class TestSwitch:
    BY_KIND = """
    parts:
      - {name: kind, type: u8, hidden: true}
      - switch: kind
        cases:
          1: [{name: level, type: u8, unit: "%%"}]
          0x12: [{name: voltage, type: u8, scale: 0.1, unit: V}]
    %s
    """

    @pytest.mark.parametrize(("payload", "expected"), [("0132", {"level": 50}), ("1221", {"voltage": 3.3})])
    def test_reads_the_case_and_writes_the_one_that_has_the_readings(
        self, payload: str, expected: dict[str, float]
    ) -> None:
        product = hybrid(self.BY_KIND % "")
        assert readings(product, payload) == [expected]
        assert comes_back(product, payload)

    def test_on_a_value_that_no_case_names_is_refused(self) -> None:
        reason, _, offset = refusal(hybrid(self.BY_KIND % ""), "0200")
        assert (reason, offset) == ("not_allowed", 1)

    def test_may_say_what_all_others_are(self) -> None:
        product = hybrid(self.BY_KIND % "    else: [{skip: rest}]")
        assert readings(product, "02aabb") == [{}]

    def test_is_by_text_or_truth_too(self) -> None:
        product = hybrid("""
        parts:
          - {name: mode, type: u8, enum: {1: auto, 2: manual}}
          - switch: mode
            cases: {auto: [{name: level, type: u8, unit: "%"}], manual: [{name: on, bits: "0[0]", type: bool}]}
          - switch: mode == 'auto'
            cases: {"true": [{literal: aa}], "false": [{literal: bb}]}
        """)
        assert readings(product, "0105aa") == [{"mode": "auto", "level": 5}]
        assert comes_back(product, "0105aa")


class TestRepeat:
    def test_a_number_of_times_names_hold_the_index(self) -> None:
        product = hybrid('parts: [{repeat: 2, fields: [{name: "spot_{index}", type: i8, unit: Cel}]}]')
        assert readings(product, "05fb") == [{"spot_0": 5, "spot_1": -5}]
        assert comes_back(product, "05fb")
        assert [column.name for column in product.columns] == ["spot_0", "spot_1"]
        assert refusal(product, "05") == ("truncated", "spot_{index}", 1)

    def test_as_often_as_a_value_read_before_which_is_counted_when_written(self) -> None:
        product = hybrid("""
        parts:
          - {name: count, type: u8, hidden: true}
          - {repeat: count, fields: [{name: "spot_{index}", type: i8, unit: Cel}]}
          - {name: level, type: u8, unit: "%"}
        """)
        assert readings(product, "020506" + "32") == [{"spot_0": 5, "spot_1": 6, "level": 50}]
        assert comes_back(product, "02050632")
        assert comes_back(product, "0032")

    def test_to_the_end_each_a_message_of_its_own_with_its_own_time(self) -> None:
        product = hybrid(
            """
        parts:
          - repeat: end
            own_message: true
            fields: [{name: time, type: unix_s}, {name: temperature, type: i8, unit: Cel}]
        """,
            "event_time: {field: time}\n",
        )
        found = messages(product, "69550000056955003c06")
        assert [(message.event_time, message.measurements) for message in found] == [
            (1767178240_000, {"temperature": 5}),
            (1767178300_000, {"temperature": 6}),
        ]
        assert comes_back(product, "69550000056955003c06")

    def test_until_an_element_says_that_it_is_the_last(self) -> None:
        product = hybrid("""
        parts:
          - repeat: end
            until: last
            fields:
              - {name: last, bits: "0[7]", type: bool, hidden: true}
              - {name: "spot_{index}", bits: "0[6:0]", unit: "1"}
          - {name: level, type: u8, unit: "%"}
        """)
        assert readings(product, "0182" + "32") == [{"spot_0": 1, "spot_1": 2, "level": 50}]

    def test_never_goes_on_without_taking_bytes(self) -> None:
        product = hybrid("""
        parts:
          - {name: n, type: u32, hidden: true}
          - {repeat: n, fields: [{if: n < 0, fields: [{name: "a_{index}", type: bool}]}]}
        """)
        assert refusal(product, "00ffffff") == ("bad_length", "", 4)

    def test_whose_elements_would_replace_each_other_is_a_spec_error(self) -> None:
        with pytest.raises(SpecError, match="each element would replace `spot`"):
            hybrid("parts: [{repeat: 2, fields: [{name: spot, type: i8, unit: Cel}]}]")

    def test_as_often_as_no_count_can_be_is_refused(self) -> None:
        product = hybrid("""
        parts:
          - {name: count, type: i8, hidden: true}
          - {repeat: count, own_message: true, fields: [{name: a, type: bool}]}
        """)
        assert refusal(product, "ff01") == ("bad_length", "", 1)


class TestWhatNamesAndMessagesTell:
    """Hidden values that no expression gives away follow from the readings that are written."""

    def test_the_number_of_an_input_follows_from_its_name(self) -> None:
        product = hybrid("""
        parts:
          - {name: count, type: u8, hidden: true}
          - repeat: count
            fields: [{name: channel, type: u8, hidden: true}, {name: "input_{channel}", type: u16, unit: mV}]
        """)
        assert readings(product, "020104b0041388") == [{"input_1": 1200, "input_4": 5000}]
        assert comes_back(product, "020104b0041388")

    def test_the_case_follows_from_the_messages_that_it_holds(self) -> None:
        product = hybrid("""
        parts:
          - {name: kind, type: u8, hidden: true}
          - switch: kind
            cases:
              1: [{name: level, type: u8, unit: "%"}]
              2:
                - repeat: end
                  own_message: true
                  fields: [{name: level, type: u8, unit: "%"}, {name: on, type: bool}]
        """)
        assert readings(product, "020a010b00") == [{"level": 10, "on": "true"}, {"level": 11, "on": "false"}]
        assert comes_back(product, "020a010b00")
        assert comes_back(product, "010a")


class TestCases:
    PARTS = """
    parts:
      - {name: kind, type: u8, unit: "1"}
      - {switch: kind, cases: {"0x12, 0x22": [{name: a, type: u8, unit: "1"}], 3: [{name: b, type: bool}]}}
    """

    @pytest.mark.parametrize(("payload", "last"), [("1207", "a"), ("2207", "a"), ("0301", "b")])
    def test_several_values_share_a_case(self, payload: str, last: str) -> None:
        product = hybrid(self.PARTS)
        assert list(readings(product, payload)[0])[-1] == last
        assert comes_back(product, payload)
        assert [column.name for column in product.columns] == ["kind", "a", "b"]

    def test_a_value_has_one_case(self) -> None:
        with pytest.raises(SpecError, match="another case has 34 already"):
            hybrid(self.PARTS.replace("3:", "34:"))
