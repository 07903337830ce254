from local.ledger import Line
from local.records import pack_lines


def test_lines_of_a_device_share_a_record_in_their_order() -> None:
    records = pack_lines([Line("b", b"1"), Line("a", b"2"), Line("b", b"3")], max_lines=10)
    assert records == [("a", b"2"), ("b", b"1\n3")]


def test_record_holds_at_most_max_lines() -> None:
    assert [data for _, data in pack_lines([Line("a", b"x")] * 5, max_lines=2)] == [b"x\nx", b"x\nx", b"x"]


def test_record_stays_under_one_mebibyte() -> None:
    records = pack_lines([Line("a", b"x" * 400_000)] * 3, max_lines=10)
    assert [len(data) for _, data in records] == [800_001, 400_000]
