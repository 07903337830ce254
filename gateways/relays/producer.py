"""Records onto a Kinesis stream: all of them, in order within a partition key, or an error."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import boto3

from jobs.config import Config
from udfs.errors import SluiceError

MAX_RECORDS: Final = 500
MAX_BYTES: Final = 4 << 20
MAX_ATTEMPTS: Final = 12
FIRST_PAUSE_SECONDS: Final = 0.05

_log = logging.getLogger(__name__)

Keyed = tuple[str, bytes]
"""Partition key and data."""


class Producer:
    """Puts records onto the stream of master data."""

    def __init__(self, config: Config) -> None:
        self._stream = config.kinesis.masters
        self._kinesis: Any = boto3.client(
            "kinesis", region_name=config.aws.region, endpoint_url=config.aws.endpoint or None
        )

    def put(self, records: Sequence[Keyed]) -> None:
        """Returns when Kinesis has all of them; raises SluiceError where it goes on refusing."""
        for batch in _batches(records):
            self._put_batch(batch)

    def _put_batch(self, batch: list[Keyed]) -> None:
        pause = FIRST_PAUSE_SECONDS
        for _ in range(MAX_ATTEMPTS):
            entries = [{"PartitionKey": key, "Data": data} for key, data in batch]
            answer = self._kinesis.put_records(StreamName=self._stream, Records=entries)
            if not answer["FailedRecordCount"]:
                return
            # What is refused goes with all behind it, so that no row's changes overtake one another.
            first = next(place for place, result in enumerate(answer["Records"]) if "ErrorCode" in result)
            _log.warning("%s refused %d records: again in %.2f s", self._stream, len(batch) - first, pause)
            batch = batch[first:]
            time.sleep(pause)
            pause = min(pause * 2, 5.0)
        raise SluiceError(
            f"Kinesis {self._stream} refused {len(batch)} records {MAX_ATTEMPTS} times: has it enough shards?"
        )


def _batches(records: Sequence[Keyed]) -> Iterator[list[Keyed]]:
    batch: list[Keyed] = []
    size = 0
    for key, data in records:
        if batch and (len(batch) == MAX_RECORDS or size + len(data) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, data))
        size += len(data)
    if batch:
        yield batch
