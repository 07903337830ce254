"""Rows become payloads: each device's in order, the same ones however the rows come."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from gateways.files.payloads import MAX_CHARACTERS, payloads
from gateways.files.rows import Row


def rows(devices: str) -> list[Row]:
    return [Row(device, f"{number}\n", "n\n") for number, device in enumerate(devices)]


def test_rows_of_a_device_go_together() -> None:
    found = list(payloads(rows("aaaaa"), 2))
    assert [each.text for each in found] == ["n\n0\n1\n", "n\n2\n3\n", "n\n4\n"]
    assert [(each.number, each.row) for each in found] == [(0, 0), (1, 2), (2, 4)]


def test_devices_that_alternate_are_gathered() -> None:
    assert [(each.device, each.text) for each in payloads(rows("abab"), 2)] == [("a", "n\n0\n2\n"), ("b", "n\n1\n3\n")]


def test_another_header_is_another_payload() -> None:
    mixed = [Row("a", "1\n", "x\n"), Row("a", "2\n", "y\n"), Row("a", "3\n", "x\n")]
    assert [each.text for each in payloads(mixed, 9)] == ["x\n1\n3\n", "y\n2\n"]


def test_a_payload_is_no_longer_than_it_may() -> None:
    long = [Row("a", "x" * (MAX_CHARACTERS // 2 - 10)) for _ in range(5)]
    assert [len(each.rows) for each in payloads(long, 9)] == [2, 2, 1]


def test_a_row_beyond_that_is_one_alone() -> None:
    assert [len(each.rows) for each in payloads([Row("a", "x" * MAX_CHARACTERS * 2)] * 2, 9)] == [1, 1]


def test_so_many_rows_wait_and_no_more() -> None:
    many = (Row(f"d{number}", "x\n") for number in range(30_000))
    taken = 0

    def counted():  # type: ignore[no-untyped-def]
        nonlocal taken
        for row in many:
            taken += 1
            yield row

    first = next(payloads(counted(), 9))
    assert (first.device, taken) == ("d0", 10_000)


@given(st.text("abc", max_size=60), st.integers(1, 7))
def test_every_row_is_in_one_payload_in_its_order(devices: str, at_most: int) -> None:
    came, sent = defaultdict(list), defaultdict(list)
    for row in rows(devices):
        came[row.device].append(row)
    found = list(payloads(rows(devices), at_most))
    for payload in found:
        sent[payload.device] += payload.rows
    assert sent == came
    assert [payload.number for payload in found] == list(range(len(found)))
    assert all(1 <= len(payload.rows) <= at_most for payload in found)
