"""Layouts chosen by what is known before a payload is read: port, firmware, size."""

import pytest
from probe import compile_probe
from reading import comes_back, readings, refusal

from udfs.errors import EncodeError, SpecError
from udfs.product import ProductSpec


def one(name: str, kind: str = "u8") -> str:
    return f'{{kind: length, fields: [{{name: {name}, type: {kind}, unit: "1"}}]}}'


def switch(on: str, *cases: str, otherwise: str = "") -> ProductSpec:
    listed = "".join(f"  - {{when: {case}}}\n" for case in cases)
    return compile_probe(f"kind: switch\non: {on}\ncases:\n{listed}" + (f"else: {otherwise}\n" if otherwise else ""))


BY_PORT = switch("port", f"1, layout: {one('a')}", f"[2, 3], layout: {one('b')}")


@pytest.mark.parametrize(("port", "expected"), [(1, {"a": 5}), (2, {"b": 5}), (3, {"b": 5})])
def test_a_port_chooses_the_layout_both_ways(port: int, expected: dict[str, float]) -> None:
    assert readings(BY_PORT, "05", port=port) == [expected]
    assert comes_back(BY_PORT, "05", port=port)


@pytest.mark.parametrize("port", [4, None])
def test_a_payload_without_a_layout_is_refused(port: int | None) -> None:
    assert refusal(BY_PORT, "05", port=port) == ("unknown_layout", "", None)


def test_there_may_be_a_layout_for_all_others() -> None:
    product = switch("port", f"1, layout: {one('a')}", otherwise=one("z"))
    assert readings(product, "05") == readings(product, "05", port=9) == [{"z": 5}]


@pytest.mark.parametrize(
    ("firmware", "expected"), [("v1.2", "a"), ("1.9.9", "a"), ("1.10", "b"), ("2.0-rc1", "b"), ("2", "c"), (None, "c")]
)
def test_a_firmware_chooses_the_layout_by_ranges(firmware: str | None, expected: str) -> None:
    product = switch(
        "firmware", f'"<1.10", layout: {one("a")}', f'">=1.10, <2", layout: {one("b")}', otherwise=one("c")
    )
    assert readings(product, "05", firmware=firmware) == [{expected: 5}]


def test_a_size_in_bytes_chooses_the_layout() -> None:
    product = switch("size", f"1, layout: {one('a')}", f"2, layout: {one('b', 'u16')}")
    assert readings(product, "05") == [{"a": 5}]
    assert readings(product, "0005") == [{"b": 5}]
    assert refusal(product, "000005") == ("unknown_layout", "", None)


def test_switches_stand_within_switches() -> None:
    inner = (
        f"{{kind: switch, on: size, cases: [{{when: 1, layout: {one('a')}}}, {{when: 2, layout: {one('b', 'u16')}}}]}}"
    )
    product = switch("port", f"1, layout: {inner}", f"2, layout: {one('c')}")
    assert readings(product, "0005", port=1) == [{"b": 5}]
    assert readings(product, "05", port=2) == [{"c": 5}]
    assert refusal(product, "000005", port=1)[0] == "unknown_layout"


def test_readings_go_into_the_first_layout_that_takes_them() -> None:
    assert BY_PORT.encode([{"b": 5}]) == "05"
    with pytest.raises(EncodeError, match="no field holds this reading"):
        BY_PORT.encode([{"b": 5}], port=1)
    with pytest.raises(EncodeError, match="no layout is meant for this port"):
        BY_PORT.encode([{"b": 5}], port=7)


@pytest.mark.parametrize(
    ("on", "when", "message"),
    [("port", "x", "a port is a whole number"), ("firmware", '">=1 <2"', "is no condition: write for example")],
)
def test_conditions_that_nothing_can_meet_are_spec_errors(on: str, when: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        switch(on, f"{when}, layout: {one('a')}")
