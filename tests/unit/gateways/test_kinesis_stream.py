"""Records are cut into parts that one call takes."""

from gateways.stream import MAX_CALL_BYTES, MAX_RECORDS, batches


def test_a_call_takes_at_most_500_records() -> None:
    assert [len(part) for part in batches([("a", b"x")] * (MAX_RECORDS + 1))] == [MAX_RECORDS, 1]


def test_a_call_stays_under_its_bytes() -> None:
    parts = list(batches([("a", b"x" * 1_000_000)] * 6))
    assert all(sum(len(data) for _, data in part) <= MAX_CALL_BYTES for part in parts)
    assert [len(part) for part in parts] == [4, 2]
