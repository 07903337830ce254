"""Lines → Kinesis records → the stream: the lines of a device share records, refused records are sent again."""

import threading
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from local.errors import StackError
from local.ledger import Line

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MAX_RECORD_BYTES = 1 << 20
MAX_RECORDS = 500
MAX_REQUEST_BYTES = 5 << 20
MAX_ATTEMPTS = 10
FIRST_BACKOFF_SECONDS = 0.05


class StreamRecord(NamedTuple):
    """A Kinesis record to be: data at most 1 MiB with its key."""

    key: str
    data: bytes


def pack_lines(lines: Sequence[Line], max_lines: int) -> list[StreamRecord]:
    """Records of at most `max_lines` lines of one device each; the lines of a device keep their order."""
    ordered = sorted(lines, key=lambda line: line.device_id)  # stable
    records: list[StreamRecord] = []
    for device_id, group in groupby(ordered, key=lambda line: line.device_id):
        records += (StreamRecord(device_id, data) for data in _chunks([line.data for line in group], max_lines))
    return records


def batches(records: Sequence[StreamRecord]) -> Iterator[list[StreamRecord]]:
    """Parts that one PutRecords call takes."""
    batch: list[StreamRecord] = []
    size = 0
    for record in records:
        num_bytes = len(record.data) + len(record.key)
        if batch and (len(batch) == MAX_RECORDS or size + num_bytes > MAX_REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += num_bytes
    if batch:
        yield batch


def put_records(kinesis: "KinesisClient", stream: str, records: Sequence[StreamRecord]) -> None:
    """Put all of them; what Kinesis refuses of a batch is tried again with growing pauses. Raises StackError."""
    for batch in batches(records):
        _put_batch(kinesis, stream, batch)


def _put_batch(kinesis: "KinesisClient", stream: str, batch: list[StreamRecord]) -> None:
    pause = FIRST_BACKOFF_SECONDS
    for _ in range(MAX_ATTEMPTS):
        answer = kinesis.put_records(
            StreamName=stream, Records=[{"PartitionKey": record.key, "Data": record.data} for record in batch]
        )
        if not answer["FailedRecordCount"]:
            return
        results = zip(batch, answer["Records"], strict=True)
        batch = [record for record, result in results if "ErrorCode" in result]
        threading.Event().wait(pause)
        pause *= 2
    raise StackError("kinesis", None, f"{stream} refused {len(batch)} records {MAX_ATTEMPTS} times")


def _chunks(data: list[bytes], max_lines: int) -> Iterator[bytes]:
    chunk: list[bytes] = []
    size = 0
    for line in data:
        if chunk and (len(chunk) == max_lines or size + len(line) + 1 > MAX_RECORD_BYTES):
            yield b"\n".join(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line) + 1
    if chunk:
        yield b"\n".join(chunk)
