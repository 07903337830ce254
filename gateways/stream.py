"""A Kinesis stream to put records on: by one call, with what became of each record, or all of them in order."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from gateways.errors import GatewayConfigError, Unavailable
from jobs.config import Aws

MAX_RECORDS: Final = 500
MAX_CALL_BYTES: Final = 4 << 20
"""Kinesis takes 5 MiB a call, keys included."""
MAX_RECORD_BYTES: Final = (1 << 20) - 256
"""Kinesis takes 1 MiB a record, its key included."""

MAX_ATTEMPTS: Final = 12
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 5.0

_CLIENT: Final = BotoConfig(connect_timeout=3, read_timeout=10, retries={"max_attempts": 0})

Keyed = tuple[str, bytes]
"""Partition key and data."""

_log = logging.getLogger(__name__)


class Stream:
    """The stream `name`."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.name = name
        self._kinesis: Any = boto3.client(
            "kinesis", region_name=aws.region, endpoint_url=aws.endpoint or None, config=_CLIENT
        )

    def check(self) -> None:
        """Raises GatewayConfigError where the stream is not there, or not ours to write."""
        try:
            self._kinesis.describe_stream_summary(StreamName=self.name)
        except ClientError as error:
            raise GatewayConfigError("sluice.kinesis", "stream.devices", f"`{self.name}`: {error}") from error
        except BotoCoreError:
            return  # out of reach just now: the spool is for that

    def put(self, records: Sequence[Keyed]) -> list[str | None]:
        """What became of each record, in their order: None where Kinesis has it, else the error's code.

        One call: what is tried again is for the caller to say, who knows what may overtake what.
        """
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        try:
            answer = self._kinesis.put_records(StreamName=self.name, Records=entries)
        except ClientError as error:
            return [str(error.response["Error"].get("Code", "ClientError"))] * len(records)
        except BotoCoreError as error:
            return [type(error).__name__] * len(records)
        return [result.get("ErrorCode") for result in answer["Records"]]

    def put_all(self, records: Iterable[Keyed]) -> None:
        """Returns when Kinesis has all of them, those of a key in their order; raises Unavailable where it goes on
        refusing."""
        for batch in batches(records):
            self._put_batch(batch)

    def _put_batch(self, batch: list[Keyed]) -> None:
        pause = FIRST_PAUSE_SECONDS
        for _ in range(MAX_ATTEMPTS):
            outcomes = self.put(batch)
            # What is refused goes with all behind it, so that nothing of a key overtakes another.
            first = next((place for place, error in enumerate(outcomes) if error is not None), None)
            if first is None:
                return
            batch = batch[first:]
            _log.warning("%s refused %d records (%s)", self.name, len(batch), outcomes[first])
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        message = f"Kinesis {self.name} refused {len(batch)} records {MAX_ATTEMPTS} times"
        raise Unavailable(f"{message}: is it there, and has it enough shards?")


def batches(records: Iterable[Keyed]) -> Iterator[list[Keyed]]:
    """Parts that one call takes."""
    batch: list[Keyed] = []
    size = 0
    for key, data in records:
        if batch and (len(batch) == MAX_RECORDS or size + len(data) > MAX_CALL_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, data))
        size += len(data)
    if batch:
        yield batch
