"""Keys in any order: what their values are, how long they go on, and which messages they make."""

import pytest
from probe import compile_probe
from reading import comes_back, messages, readings, refusal

from udfs.errors import EncodeError, SpecError
from udfs.product import ProductSpec

LEVEL = '{key: "01", fields: [{name: level, type: u8, unit: "%"}]}'
NOTE = '{key: "02", fields: [{name: note, type: text}]}'


def hybrid(parts: str, payload_format: str = "hex") -> ProductSpec:
    return compile_probe(f"kind: hybrid\nparts: {parts}", payload_format=payload_format)


def key_value(keys: str) -> ProductSpec:
    return compile_probe(f"kind: key_value\n{keys}")


class TestValues:
    def test_have_their_size_before_them(self) -> None:
        product = key_value(f"prefix: u8\nkeys: [{LEVEL}, {NOTE}]")
        assert readings(product, "0202616201" + "0132") == [{"note": "ab", "level": 50}]
        assert comes_back(product, "0101320202" + "6162")
        assert refusal(product, "01023200") == ("too_long", "", 3)
        assert refusal(product, "0205") == ("bad_length", "size", 1)

    def test_take_the_size_that_their_key_states(self) -> None:
        product = key_value('keys: [{key: "01", size: 3, fields: [{name: level, type: u8, unit: "%"}]}]')
        assert readings(product, "01320000") == [{"level": 50}]
        assert comes_back(product, "01320000")
        assert refusal(product, "013200")[0] == "truncated"

    def test_may_be_nothing_at_all_and_still_not_loop(self) -> None:
        product = key_value(f'keys: [{LEVEL}, {{key: "ff", size: 2}}]')
        assert readings(product, "ffaabb0132") == [{"level": 50}]

    def test_hold_any_items(self) -> None:
        product = key_value("""
keys:
  - key: "10"
    fields:
      - {name: has_level, type: bool, hidden: true}
      - {if: has_level, fields: [{name: level, type: u8, unit: "%"}]}
      - {name: door, type: bool}
""")
        assert readings(product, "10013201") == [{"level": 50, "door": "true"}]
        assert readings(product, "100000") == [{"door": "false"}]
        assert comes_back(product, "10013201")


class TestUnlistedKeys:
    UNKNOWN = f'key_size: 1\nprefix: u8\nkeys: [{LEVEL}]\nunknown: [{{name: "io_{{key}}", type: bytes}}]'

    def test_are_named_by_the_key(self) -> None:
        product = key_value(self.UNKNOWN)
        assert readings(product, "010132ef02abcd") == [{"level": 50, "io_239": "abcd"}]
        assert comes_back(product, "010132ef02abcd")

    def test_may_be_read_over(self) -> None:
        product = key_value(f"prefix: u8\nkeys: [{LEVEL}]\nunknown: [{{skip: rest}}]")
        assert readings(product, "ef02abcd010132") == [{"level": 50}]

    def test_are_else_refused(self) -> None:
        assert refusal(key_value(f"keys: [{LEVEL}]"), "013277") == ("unknown_key", "", 2)

    def test_alone_need_to_say_how_long_keys_are(self) -> None:
        with pytest.raises(SpecError, match="missing key `key_size`"):
            key_value("prefix: u8\nkeys: []\nunknown: [{skip: rest}]")


class TestEnd:
    def test_comes_after_a_count_that_writing_tells(self) -> None:
        product = hybrid(
            f"[{{name: count, type: u8, hidden: true}}, {{keys: [{LEVEL}], repeat: count}}, {{name: a, type: bool}}]"
        )
        assert readings(product, "01013201") == [{"level": 50, "a": "true"}]
        assert comes_back(product, "01013201")
        assert comes_back(product, "0001")
        assert refusal(product, "02013201") == ("truncated", "level", 4)

    def test_comes_where_a_text_stops_the_keys(self) -> None:
        product = hybrid(
            """
  - keys: [{key: T, fields: [{name: temperature, type: decimal, unit: Cel, until: ")"}]}]
    key_until: "("
    stop: "!"
  - literal: "!"
""",
            "text",
        )
        assert readings(product, "T(21.5)!") == [{"temperature": 21.5}]
        assert comes_back(product, "T(21.5)!")
        assert refusal(product, "T(21.5)") == ("truncated", "", 7)
        assert refusal(product, "X(1)!") == ("unknown_key", "", 0)
        assert refusal(product, "T21.5)!") == ("bad_separator", "", 0)


class TestOwnMessages:
    HISTORY = """
keys:
  - key: "01"
    fields: [{name: temperature, type: i8, unit: Cel}]
  - key: "20"
    own_message: true
    fields: [{name: time, type: unix_s}, {name: temperature, type: i8, unit: Cel}]
  - key: "30"
    own_message: true
    domain: event
    fields: [{name: event, type: u8, enum: {1: button}}]
"""

    def test_are_one_for_each_occurrence(self) -> None:
        product = compile_probe("kind: key_value\n" + self.HISTORY, "event_time: {field: time}\n")
        found = messages(product, "0105" + "206955000006" + "20695500ff07" + "3001")
        assert [(message.domain, message.measurements, message.event_time // 1000) for message in found] == [
            ("telemetry", {"temperature": 5}, 1767225600),
            ("telemetry", {"temperature": 6}, 1767178240),
            ("telemetry", {"temperature": 7}, 1767178495),
            ("event", {}, 1767225600),
        ]

    def test_are_written_back_in_the_order_of_the_messages(self) -> None:
        product = compile_probe("kind: key_value\n" + self.HISTORY)
        assert comes_back(product, "0105" + "206955000006" + "20695500ff07" + "3001")

    def test_without_a_key_that_holds_them_are_refused(self) -> None:
        product = compile_probe("kind: key_value\n" + self.HISTORY)
        with pytest.raises(EncodeError):
            product.encode([{"temperature": 5}, {"humidity": 6}])


def test_names_hold_which_occurrence_of_the_key_a_value_is_of() -> None:
    product = key_value("""
keys: [{key: "03", fields: [{name: "probe_{occurrence}", type: i8, unit: Cel}]}]
""")
    assert readings(product, "03050306") == [{"probe_0": 5, "probe_1": 6}]
    assert comes_back(product, "03050306")


def test_of_keys_that_hold_the_same_readings_the_complete_one_is_written() -> None:
    product = key_value("""
keys:
  - {key: "01", fields: [{name: level, type: u8, unit: "%"}]}
  - {key: "02", fields: [{name: level, type: u8, unit: "%"}, {name: voltage, type: u8, scale: 0.1, unit: V}]}
""")
    assert product.encode([{"level": 50}]) == "0132"
    assert product.encode([{"level": 50, "voltage": 3.3}]) == "023221"
