"""Lines of devices become records: due when full or old, each group's in order."""

import asyncio
from collections.abc import Callable

import pytest

from gateways.batches import MAX_LINES, NUM_GROUPS, Batch, Batches, group_of


def in_loop(body: Callable[[], None]) -> None:
    async def run() -> None:
        body()

    asyncio.run(run())


def two_devices_of_one_group() -> tuple[str, str]:
    first = "device-0"
    return first, next(other for n in range(1, 10_000) if group_of(other := f"device-{n}") == group_of(first))


def test_lines_of_one_group_share_a_record() -> None:
    def body() -> None:
        batches = Batches(record_bytes=1000, linger=0.1)
        first, second = two_devices_of_one_group()
        batches.add(first, b"one", now=0.0)
        batches.add(second, b"two", now=0.05)
        [batch] = batches.due(now=0.1)
        assert batch.data == b"one\ntwo"
        assert batches.size == len(b"one\ntwo\n")

    in_loop(body)


def test_a_batch_is_due_when_its_first_line_has_waited_long_enough() -> None:
    def body() -> None:
        batches = Batches(record_bytes=1000, linger=0.1)
        batches.add("a", b"line", now=5.0)
        assert batches.due(now=5.05) == []
        assert len(batches.due(now=5.11)) == 1

    in_loop(body)


@pytest.mark.parametrize(("line", "count"), [(b"x" * 400, 3), (b"x", MAX_LINES)])
def test_a_full_batch_is_due_at_once(line: bytes, count: int) -> None:
    def body() -> None:
        batches = Batches(record_bytes=1000, linger=60.0)
        for _ in range(count):
            batches.add("a", line, now=0.0)
        [batch] = batches.due(now=0.0)
        assert len(batch.data) <= 1000

    in_loop(body)


def test_a_line_longer_than_a_full_record_is_a_record_of_its_own() -> None:
    def body() -> None:
        batches = Batches(record_bytes=10, linger=0.0)
        batches.add("a", b"x" * 50, now=0.0)
        batches.add("a", b"y", now=0.0)
        assert records(batches) == [b"x" * 50, b"y"]

    in_loop(body)


def test_only_the_oldest_batch_of_a_group_is_due() -> None:
    def body() -> None:
        batches = Batches(record_bytes=2, linger=0.0)
        for line in (b"1", b"2", b"3"):
            batches.add("a", line, now=0.0)
        [first] = batches.due(now=0.0)
        assert [batch.data for batch in batches.due(now=0.0)] == [b"1"]
        batches.remove(first)
        assert [batch.data for batch in batches.due(now=0.0)] == [b"2"]

    in_loop(body)


def test_a_batch_that_is_under_way_takes_no_more_lines() -> None:
    def body() -> None:
        batches = Batches(record_bytes=1000, linger=0.0)
        batches.add("a", b"1", now=0.0)
        [under_way] = batches.due(now=0.0)
        batches.add("a", b"2", now=0.0)
        assert under_way.data == b"1"
        assert records(batches) == [b"1", b"2"]

    in_loop(body)


def test_devices_spread_over_all_groups() -> None:
    assert {group_of(f"24e124{n:010x}") for n in range(2000)} == set(range(NUM_GROUPS))


def test_a_future_whose_sender_is_gone_does_not_keep_others_waiting() -> None:
    async def body() -> None:
        batches = Batches(record_bytes=1000, linger=0.0)
        gone, waiting = batches.add("a", b"1", now=0.0), batches.add("a", b"2", now=0.0)
        gone.cancel()
        batches.due(now=0.0)[0].settle()
        await waiting

    asyncio.run(body())


def records(batches: Batches) -> list[bytes]:
    found: list[bytes] = []
    while due := batches.due(now=1e9):
        head: Batch = due[0]
        found.append(head.data)
        batches.remove(head)
    return found
