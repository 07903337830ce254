"""Packed files become streams of bytes; corrupt ones and bombs are bad files."""

import gzip
import io
import zipfile

import pytest
import zstandard

from gateways.files.errors import BadFile
from gateways.files.unpack import MAX_SMALL_FILE, parts, plain_name

TEXT = b"1;2;3\n" * 5000


def unpacked(data: bytes, name: str) -> list[tuple[str, bytes]]:
    found = []
    for part in parts(io.BytesIO(data), name, len(data)):
        read = bytearray()
        while chunk := part.read1(1 << 16):
            read += chunk
        found.append((part.name, bytes(read)))
    return found


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_a_plain_file_is_one_part() -> None:
    assert unpacked(TEXT, "in/day.csv") == [("in/day.csv", TEXT)]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("zst", zstandard.compress)])
def test_a_packed_file_has_the_name_within(suffix: str, pack) -> None:  # type: ignore[no-untyped-def]
    assert unpacked(pack(TEXT), f"in/day.csv.{suffix}") == [("in/day.csv", TEXT)]


def test_files_packed_one_behind_another_are_one() -> None:
    assert unpacked(gzip.compress(b"a\n") + gzip.compress(b"b\n"), "x.gz") == [("x", b"a\nb\n")]


def test_every_member_of_an_archive_is_a_part() -> None:
    data = zipped({"logger-1/a.csv": b"a\n", "logger-2/b.csv": b"b\n", "__MACOSX/._a.csv": b"\0", ".DS_Store": b"\0"})
    assert unpacked(data, "in/week.zip") == [("in/week/logger-1/a.csv", b"a\n"), ("in/week/logger-2/b.csv", b"b\n")]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("no.gz", b"Time;Temperature\n"),
        ("cut.gz", gzip.compress(TEXT)[:-20]),
        ("no.zst", b"Time;Temperature\n"),
        ("no.zip", b"Time;Temperature\n"),
        ("cut.zip", zipped({"a": TEXT})[:-30]),
        ("flipped.zip", zipped({"a": TEXT}).replace(zipped({"a": TEXT})[40:44], b"\xff\xff\xff\xff", 1)),
    ],
)
def test_what_cannot_be_unpacked_is_a_bad_file(name: str, data: bytes) -> None:
    with pytest.raises(BadFile) as caught:
        unpacked(data, name)
    assert caught.value.reason == "corrupt"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(MAX_SMALL_FILE + 1))
    with pytest.raises(BadFile, match="unpacks to more than 200 times its size") as caught:
        unpacked(bomb, "bomb.csv.gz")
    assert caught.value.reason == "too_large"


def test_members_share_one_bound() -> None:
    half = bytes(MAX_SMALL_FILE // 2 + 1)
    with pytest.raises(BadFile, match="200 times"):
        unpacked(zipped({"a": half, "b": half}), "bomb.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_can_only_be_unpacked_at_once_is_not_begun(method: int) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        archive.writestr("day.csv", TEXT)
    with pytest.raises(BadFile, match=r"x/day.csv: is packed by method \d+: only stored and deflated") as caught:
        unpacked(data.getvalue(), "x.zip")
    assert caught.value.reason == "corrupt"


def test_the_plain_name_loses_a_packing_only() -> None:
    assert [plain_name(name) for name in ("a.csv.gz", "a.csv", "a.zip")] == ["a.csv", "a.csv", "a"]
