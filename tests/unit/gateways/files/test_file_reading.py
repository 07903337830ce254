"""The reading process: asked whether a file is what it says, and for its payloads as the job will see them."""

import hashlib
import io
from pathlib import Path

import msgspec
import pytest

from gateways.files.frames import BLOCK, HEAD_BYTES, Answer, Bad, Block, End, Inspect, Inspected, Read, Reading, pack
from gateways.files.reading import serve
from udfs.catalog import compile_catalog, read_specs

SPECS = Path(__file__).parents[4] / "specs"
TEXTS = {
    file: text
    for file, text in read_specs(SPECS).items()
    if file.startswith("domains/") or file == "products/coldroom-logger.yaml"
}
HEAD = "Time;Temperature;Humidity;Door;Battery;Note\n"


def row(number: int) -> str:
    return f'2026-01-05T08:{number // 60 % 60:02d}:{number % 60:02d}Z;4,5;81,0;0;3,61;"row {number}"\n'


def reading(file: Path, text: str, product: str = "coldroom-logger", rows: int = 2) -> Reading:
    file.write_text(text)
    return Reading(
        path=str(file), name=str(file), product=product, device="d-1", device_column=None, device_from=None,
        rows_per_payload=rows,
    )  # fmt: skip


def read(of: Reading, begin: int = 0, index: int = 0, processes: int = 1) -> Read:
    return Read(reading=of, content="c0", event_time=1_767_600_000_000, begin=begin, index=index, of=processes)


def asked(*requests: Inspect | Read) -> list[Answer]:
    out = io.BytesIO()
    serve(io.BytesIO(pack(TEXTS) + b"".join(map(pack, requests))), out)
    answers, data = [], out.getvalue()
    while data:
        size = int.from_bytes(data[:HEAD_BYTES], "big")
        answers.append(msgspec.msgpack.decode(data[HEAD_BYTES : HEAD_BYTES + size], type=Answer))
        data = data[HEAD_BYTES + size :]
    return answers


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    [answer, other] = asked(
        Inspect(reading(tmp_path / "a.csv", HEAD + row(1) + row(2))), Inspect(reading(tmp_path / "b.csv", HEAD))
    )
    assert answer == Inspected(hashlib.sha256((HEAD + row(1) + row(2)).encode()).hexdigest(), 2)
    assert isinstance(other, Bad)
    assert (other.reason, len(other.content)) == ("empty", 64)


@pytest.mark.parametrize("text", ["", "\n\n", HEAD])
def test_a_file_without_rows_is_an_empty_one(tmp_path: Path, text: str) -> None:
    [bad] = asked(Inspect(reading(tmp_path / "a.csv", text)))
    assert isinstance(bad, Bad)
    assert bad.reason == "empty"


def test_payloads_carry_their_key_and_say_how_many_messages_they_are(tmp_path: Path) -> None:
    [block, end] = asked(read(reading(tmp_path / "a.csv", HEAD + row(1) + row(2) + row(3))))
    assert isinstance(block, Block)
    assert end == End()
    assert block.end == 2
    assert [(each.envelope.key, each.row, each.rows, each.messages) for each in block.judged] == [
        ("c0:0", 0, 2, 2),
        ("c0:1", 2, 1, 1),
    ]
    assert block.judged[1].envelope.payload == HEAD + row(3)
    assert block.judged[1].envelope.event_time == 1_767_600_000_000


def test_a_bad_row_is_a_dead_letter_by_itself(tmp_path: Path) -> None:
    [block, _] = asked(read(reading(tmp_path / "a.csv", HEAD + row(1) + "x\n" + row(3), rows=3)))
    assert isinstance(block, Block)
    assert [(each.envelope.key, each.row, each.messages) for each in block.judged] == [
        ("c0:0.0", 0, 1),
        ("c0:0.1", 1, 0),
        ("c0:0.2", 2, 1),
    ]
    assert block.end == 1


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("begin", [0, BLOCK, BLOCK * 4, 300])
def test_several_processes_share_the_blocks_in_turn(tmp_path: Path, processes: int, begin: int) -> None:
    of = reading(tmp_path / "a.csv", HEAD + "".join(map(row, range(300))), rows=1)
    shares = [asked(read(of, begin, index, processes)) for index in range(processes)]
    keys, turn = [], begin // BLOCK
    while isinstance(answer := shares[turn % processes].pop(0), Block):
        keys += [each.envelope.key for each in answer.judged]
        turn += 1
    assert keys == [f"c0:{number}" for number in range(begin, 300)]
    assert all(share in ([], [End()]) for share in shares)


def test_a_fault_of_ours_is_told_and_the_next_file_is_read(tmp_path: Path) -> None:
    [gone, answer] = asked(
        Inspect(msgspec.structs.replace(reading(tmp_path / "a.csv", ""), path=str(tmp_path / "none"))),
        Inspect(reading(tmp_path / "a.csv", HEAD + row(1))),
    )
    assert isinstance(gone, Bad)
    assert gone.reason == "internal_error"
    assert isinstance(answer, Inspected)


def test_another_process_makes_the_same_catalog() -> None:
    catalog = compile_catalog(TEXTS)
    assert compile_catalog(catalog.texts).products.keys() == catalog.products.keys()
