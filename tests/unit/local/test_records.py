from local.ledger import Line
from local.records import MAX_RECORDS, MAX_REQUEST_BYTES, StreamRecord, batches, pack_lines


def test_lines_of_a_device_share_a_record_in_their_order() -> None:
    records = pack_lines([Line("b", b"1"), Line("a", b"2"), Line("b", b"3")], max_lines=10)
    assert records == [StreamRecord("a", b"2"), StreamRecord("b", b"1\n3")]


def test_record_holds_at_most_max_lines() -> None:
    assert [r.data for r in pack_lines([Line("a", b"x")] * 5, max_lines=2)] == [b"x\nx", b"x\nx", b"x"]


def test_record_stays_under_one_mebibyte() -> None:
    records = pack_lines([Line("a", b"x" * 400_000)] * 3, max_lines=10)
    assert [len(record.data) for record in records] == [800_001, 400_000]


def test_batches_take_at_most_500_records() -> None:
    parts = list(batches([StreamRecord("a", b"x")] * (MAX_RECORDS + 1)))
    assert [len(part) for part in parts] == [MAX_RECORDS, 1]


def test_batches_stay_under_five_mebibytes() -> None:
    parts = list(batches([StreamRecord("a", b"x" * 1_000_000)] * 6))
    assert all(sum(len(r.data) + len(r.key) for r in part) <= MAX_REQUEST_BYTES for part in parts)
    assert [len(part) for part in parts] == [5, 1]
