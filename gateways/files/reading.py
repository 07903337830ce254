"""The process that reads files: `python -m gateways.files.reading`, asked on standard input.

Reading and judging rows is the slow part, and the bytes are foreign: both are kept out of the gateway's own process.
The first frame holds the texts of the specs, each further one is a request.
"""

import hashlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Final

import msgspec

from gateways.files.errors import BadFile
from gateways.files.frames import (
    BLOCK,
    HEAD_BYTES,
    Answer,
    Bad,
    Block,
    End,
    Inspect,
    Inspected,
    Judged,
    Read,
    Reading,
    Request,
    pack,
)  # fmt: skip
from gateways.files.lines import lines
from gateways.files.naming import NameTemplate
from gateways.files.payloads import Payload, payloads
from gateways.files.rows import Row, Rows, csv_rows, hex_rows, json_rows, text_rows
from gateways.files.unpack import parts
from udfs.catalog import Catalog, compile_catalog
from udfs.errors import DecodeError
from udfs.message import Envelope
from udfs.model import CsvLayout
from udfs.product import ProductSpec
from udfs.steps import Predecessors

PROTOCOL: Final = "file"
_log = logging.getLogger(__name__)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answers until there is no more request. A fault of our own is told as `internal_error`, with a traceback here."""
    texts = msgspec.msgpack.decode(_frame(requests) or b"\x80", type=dict[str, str])
    catalog = compile_catalog(texts)
    while (frame := _frame(requests)) is not None:
        request = msgspec.msgpack.decode(frame, type=Request)
        for answer in _answers(request, catalog):
            answers.write(pack(answer))
            answers.flush()


def inspect(file: IO[bytes], reading: Reading, spec: ProductSpec) -> int:
    """How many rows the file has; raises BadFile for whatever keeps it from being loaded as a whole."""
    count = sum(1 for _ in read_rows(file, reading, spec))
    if not count:
        raise BadFile("empty", f"{reading.name}: no rows")
    return count


def read_rows(file: IO[bytes], reading: Reading, spec: ProductSpec) -> Iterator[Row]:
    """All rows of all parts of the file; raises BadFile."""
    rows = _rows(reading, spec)
    template = None if reading.device_from is None else NameTemplate(reading.device_from)
    size = file.seek(0, 2)
    file.seek(0)
    for part in parts(file, reading.name, size):
        # An archive may be of one device, or its members tell theirs.
        paths = (reading.name, part.name) if reading.name.endswith(".zip") else (part.name,)
        device = template.device(*paths) if template is not None else reading.device or ""
        yield from rows(lines(part), part, device)


def judge(payload: Payload, request: Read, spec: ProductSpec, before: Predecessors) -> Iterator[Judged]:
    """The payload as the job will see it.

    One of several rows that would be refused goes row by row, so that a bad row takes no others with it. Where readings
    are judged by those before them, payloads have one row: `before` would know the others already.
    """
    key = f"{request.content}:{payload.number}"
    whole = _judged(payload.rows, payload.row, key, request, spec, before)
    if whole.messages or len(payload.rows) == 1:
        yield whole
        return
    for index, row in enumerate(payload.rows):
        yield _judged((row,), payload.row + index, f"{key}.{index}", request, spec, before)


def _answers(request: Request, catalog: Catalog) -> Iterator[Answer]:
    reading = request.reading
    spec = catalog.products[reading.product]
    content = ""
    try:
        with open(reading.path, "rb") as file:
            if isinstance(request, Inspect):
                content = hashlib.file_digest(file, "sha256").hexdigest()
                yield Inspected(content, inspect(file, reading, spec))
            else:
                content = request.content
                yield from _blocks(file, request, spec)
                yield End()
    except BadFile as error:
        yield Bad(content, error.reason, error.message, error.offset)
    except Exception as error:  # the file's bytes met a fault of ours: it is kept, the others go on
        _log.exception("%s cannot be read", reading.name)
        yield Bad(content, "internal_error", f"{reading.name}: {type(error).__name__}: {error}", None)


def _blocks(file: IO[bytes], request: Read, spec: ProductSpec) -> Iterator[Block]:
    before, judged, end = Predecessors(), list[Judged](), 0
    for payload in payloads(read_rows(file, request.reading, spec), request.reading.rows_per_payload):
        number = payload.number
        if number < request.begin or number // BLOCK % request.of != request.index:
            continue
        if judged and number // BLOCK != (end - 1) // BLOCK:
            yield Block(end, file.tell(), judged)
            judged = []
        judged += judge(payload, request, spec, before)
        end = number + 1
    if judged:
        yield Block(end, file.tell(), judged)


def _judged(
    rows: tuple[Row, ...], row: int, key: str, request: Read, spec: ProductSpec, before: Predecessors
) -> Judged:
    first = rows[0]
    envelope = Envelope(
        product=spec.product,
        device=first.device,
        protocol=PROTOCOL,
        received_at=time.time_ns() // 1_000_000,
        payload=first.head + "".join(each.text for each in rows),
        port=first.port,
        event_time=request.event_time if first.time is None else first.time,
        key=key,
    )
    try:
        return Judged(envelope, row, len(rows), len(spec.decode(envelope, before)))
    except DecodeError:
        return Judged(envelope, row, len(rows), 0)


def _rows(reading: Reading, spec: ProductSpec) -> Rows:
    layout = spec.document.layout
    if isinstance(layout, CsvLayout):
        return csv_rows(layout, reading.device_column)
    makers: dict[str, Callable[[], Rows]] = {"hex": hex_rows, "text": text_rows}
    return makers[spec.format]() if spec.format in makers else json_rows(reading.device_column)


def _frame(stream: IO[bytes]) -> bytes | None:
    head = stream.read(HEAD_BYTES)
    return stream.read(int.from_bytes(head, "big")) if len(head) == HEAD_BYTES else None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the gateway's to answer
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        sys.exit(1)  # the gateway has gone
