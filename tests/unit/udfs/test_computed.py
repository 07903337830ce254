"""Values made of others, and checks between fields."""

import pytest
from probe import compile_probe
from reading import comes_back, messages, readings, refusal

from udfs.errors import SpecError
from udfs.product import ProductSpec

FIELDS = """
kind: length
fields:
  - {name: temperature, type: i8, unit: Cel, absent: [-128]}
  - {name: humidity, type: u8, unit: "%"}
  - {name: mode, type: u8, enum: {0: "off", 1: auto}}
  - {name: divisor, type: u8, hidden: true, default: 1}
"""


def computing(*lines: str) -> ProductSpec:
    return compile_probe(FIELDS, "computed:\n" + "".join(f"  - {line}\n" for line in lines))


def test_a_unit_makes_a_measurement_of_it_none_an_attribute() -> None:
    product = computing(
        '{name: spread, compute: "temperature - (100 - humidity) / 5", unit: Cel}',
        "{name: comfort, compute: \"'good' if 18 <= temperature <= 24 and mode == 'auto' else 'bad'\"}",
    )
    (message,) = messages(product, "14320101")
    assert message.measurements == {"temperature": 20, "humidity": 50, "spread": 10}
    assert message.attributes == {"mode": "auto", "comfort": "good"}
    assert [(column.name, column.kind, column.unit) for column in product.columns[-2:]] == [
        ("spread", "measurement", "Cel"),
        ("comfort", "attribute", ""),
    ]


def test_it_is_there_where_all_that_it_needs_is() -> None:
    product = computing("{name: double, compute: temperature * 2, unit: Cel}")
    assert readings(product, "80320001") == [{"humidity": 50, "mode": "off"}]


def test_it_is_left_out_when_a_payload_is_written() -> None:
    product = computing("{name: double, compute: temperature * 2, unit: Cel}")
    assert comes_back(product, "14320101")


def test_one_may_build_on_those_before_and_on_hidden_values() -> None:
    product = computing(
        '{name: share, compute: humidity / divisor, unit: "%", hidden: true}',
        '{name: more, compute: share + 1, unit: "%"}',
    )
    assert readings(product, "14320002")[0]["more"] == 26
    assert "share" not in readings(product, "14320002")[0]


def test_it_has_a_contract_and_a_unit_of_the_domain_as_any_value() -> None:
    product = computing('{name: air_temperature, compute: humidity * 10, unit: "[degF]", range: [0, 400]}')
    assert readings(product, "14140000")[0]["air_temperature"] == pytest.approx(93.3333333)
    assert refusal(product, "14320000")[:2] == ("out_of_range", "air_temperature")


def test_without_a_result_the_payload_is_refused() -> None:
    assert refusal(computing("{name: share, compute: humidity / divisor, unit: '%'}"), "14320000") == (
        "bad_value",
        "share",
        None,
    )


def test_an_expression_about_no_field_is_a_spec_error() -> None:
    with pytest.raises(SpecError, match="an expression asks for `temperatur`, which is no field, did you mean"):
        computing("{name: a, compute: temperatur * 2, unit: Cel}")


class TestChecks:
    @staticmethod
    def checking(rest: str) -> ProductSpec:
        return compile_probe(FIELDS, "checks:\n  - {check: temperature <= humidity, " + rest + "}\n")

    def test_refuse_a_message_where_they_do_not_hold(self) -> None:
        product = self.checking("message: warmer than wet")
        assert readings(product, "05320000")
        assert refusal(product, "32050000") == ("check_failed", "", None)

    def test_may_warn(self) -> None:
        (message,) = messages(self.checking("message: warmer than wet, on_violation: warn"), "32050000")
        assert message.quality == ["check_failed: warmer than wet"]

    def test_hold_where_a_field_is_absent(self) -> None:
        assert readings(self.checking("message: warmer than wet"), "80050000")


class TestTimes:
    LAYOUT = """
    kind: hybrid
    separator: ","
    parts: [{name: clock, type: text, hidden: true}, {name: date, type: text, hidden: true}]
    """
    TIME = "lossy: computed\nevent_time: {field: time}\ncomputed: [{name: time, compute: %s, type: %s}]\n"

    def test_are_put_together_of_texts_and_may_be_the_event_time(self) -> None:
        product = compile_probe(self.LAYOUT, self.TIME % ("date + clock", "datetime, format: DDMMYYhhmmss"))
        (message,) = messages(product, "120000,311225")
        assert message.attributes == {"time": "2025-12-31T12:00:00Z"}
        assert message.event_time == 1_767_182_400_000

    def test_that_are_none_are_refused(self) -> None:
        product = compile_probe(self.LAYOUT, self.TIME % ("date + clock", "datetime, format: DDMMYYhhmmss"))
        assert refusal(product, "990000,311225")[:2] == ("bad_value", "time")

    def test_may_be_counted(self) -> None:
        product = compile_probe(FIELDS, "computed: [{name: seen, compute: humidity * 60, type: unix_s}]\n")
        assert readings(product, "14020101")[0]["seen"] == "1970-01-01T00:02:00Z"
