"""A file's bytes, unpacked: itself, or what .gz, .zst and .zip hold, as streams whose size is bounded."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Final, Protocol

import zstandard

from gateways.files.errors import BadFile

MAX_RATIO: Final = 200
"""Texts of sensors pack 5 to 50 times smaller; a bomb more than 1000 times."""

MAX_SMALL_FILE: Final = 64 << 20
"""Bytes that any packed file may unpack to, whatever its ratio."""

MAX_MEMBERS: Final = 10_000
_BOUNDED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Methods of which a part is unpacked at a time; of others, zipfile unpacks at once whatever some KiB hold."""

PACKED: Final = (".gz", ".zst", ".zip")

_CORRUPT: Final = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError, RuntimeError, NotImplementedError,
)  # fmt: skip


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


class Part(io.BufferedIOBase):
    """A stream of bytes, `count` of them read. Unpacked ones have a `limit`; BadFile: corrupt, or a bomb."""

    def __init__(self, name: str, stream: Readable, limit: int | None) -> None:
        self.name, self._stream, self._limit = name, stream, limit
        self.count = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        try:
            data = self._stream.read(size if size > 0 else io.DEFAULT_BUFFER_SIZE)
        except _CORRUPT as error:
            if self._limit is None:
                raise  # nothing is unpacked: it is the disk's fault
            message = f"{self.name}: cannot be unpacked: {error or type(error).__name__}"
            raise BadFile("corrupt", message, self.count) from error
        self.count += len(data)
        if self._limit is not None and self.count > self._limit:
            message = f"{self.name}: unpacks to more than {MAX_RATIO} times its size: a bomb, or no text of devices"
            raise BadFile("too_large", message, self.count)
        return data


def parts(file: IO[bytes], name: str, size: int) -> Iterator[Part]:
    """The streams in a file of `size` bytes, each to be read before the next; `name` has no packing's suffix then."""
    path = PurePosixPath(name)
    limit = max(MAX_SMALL_FILE, size * MAX_RATIO)
    match path.suffix:
        case ".gz":
            yield Part(plain_name(name), gzip.GzipFile(fileobj=file), limit)
        case ".zst":
            stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            yield Part(plain_name(name), stream, limit)
        case ".zip":
            yield from _members(file, plain_name(name), limit)
        case _:
            yield Part(name, file, None)


def plain_name(name: str) -> str:
    """The name without a packing's suffix: day.csv of day.csv.gz."""
    return name.removesuffix(PurePosixPath(name).suffix) if name.endswith(PACKED) else name


def _members(file: IO[bytes], name: str, limit: int) -> Iterator[Part]:
    try:
        archive = zipfile.ZipFile(file)
    except _CORRUPT as error:
        raise BadFile("corrupt", f"{name}.zip: {error}", 0) from error
    infos = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    if len(infos) > MAX_MEMBERS:
        raise BadFile("too_large", f"{name}.zip: holds {len(infos)} files, at most {MAX_MEMBERS} are taken")
    for info in infos:
        member = f"{name}/{info.filename}"
        if info.compress_type not in _BOUNDED:
            message = f"{member}: is packed by method {info.compress_type}: only stored and deflated ones are unpacked"
            raise BadFile("corrupt", message)
        try:
            stream = archive.open(info)
        except _CORRUPT as error:
            raise BadFile("corrupt", f"{member}: {error}") from error
        part = Part(member, stream, limit)
        yield part
        limit -= part.count


def _is_hidden(name: str) -> bool:
    """What macOS and others leave in archives beside the files."""
    return PurePosixPath(name).name.startswith(".") or name.startswith("__MACOSX/")
