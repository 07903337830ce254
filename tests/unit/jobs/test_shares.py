"""A record cut into shares: what is decoded of the parts is what is decoded of the whole."""

import msgspec
import pytest
from hypothesis import given, settings
from test_decode import AM319, COLDROOM, DEFAULTS, LINES, MASTERS, NOW

from jobs.decode import decode_record
from jobs.enrich import MasterData
from jobs.ingest import Record, split_record
from jobs.shares import cut, share_of


def record(*lines: bytes) -> Record:
    return Record(b"\n".join(lines), arrived_at=NOW, shard_id="s", sequence_number="1")


@pytest.fixture(scope="session")
def master_data() -> MasterData:
    data = MasterData(DEFAULTS)
    for change in MASTERS:
        data.apply(change)
    return data


def test_a_share_is_the_beginning_of_the_md5() -> None:
    assert share_of("24e124707c501858") == "84c"


def test_a_devices_lines_stay_together_and_keep_their_numbers() -> None:
    am319, coldroom = msgspec.json.encode(AM319), msgspec.json.encode(COLDROOM)
    parts = dict(cut(record(am319, coldroom, b"", am319)))
    assert parts == {
        share_of(AM319["device"]): record(am319, b"", b"", am319),
        share_of(COLDROOM["device"]): record(b"", coldroom, b"", b""),
    }


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"device": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_line_of_no_one_is_in_some_share(line: bytes) -> None:
    assert [*cut(record(line))] == [(share_of(""), record(line))]


def test_a_record_without_lines_has_no_parts() -> None:
    assert [*cut(record(b"", b" \r"))] == []


@given(lines=LINES)
@settings(deadline=None)
def test_the_parts_decode_to_what_the_whole_decodes_to(catalog, master_data, lines: list[bytes]) -> None:
    whole, parts = record(*lines), [part for _, part in cut(record(*lines))]
    assert sorted(line for part in parts for line in split_record(part.data)) == [*split_record(whole.data)]
    of_whole = decode_record(whole, catalog, master_data)
    of_parts = [decode_record(part, catalog, master_data) for part in parts]
    for place, rows in enumerate(of_whole):
        assert sorted(map(repr, rows)) == sorted(repr(row) for part in of_parts for row in part[place])
