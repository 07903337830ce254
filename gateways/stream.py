"""A Kinesis stream to put records on: one PutRecords a call, and what became of each record."""

from collections.abc import Sequence
from typing import Any, Final

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from gateways.errors import GatewayConfigError
from jobs.config import Aws

MAX_RECORDS: Final = 500
MAX_CALL_BYTES: Final = 4 << 20
"""Kinesis takes 5 MiB a call, keys included."""
MAX_RECORD_BYTES: Final = (1 << 20) - 256
"""Kinesis takes 1 MiB a record, its key included."""

_CLIENT: Final = BotoConfig(connect_timeout=3, read_timeout=10, retries={"max_attempts": 0})

Keyed = tuple[str, bytes]
"""Partition key and data."""


class Stream:
    """The stream `name`. Retries are the caller's, who knows what may overtake what."""

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
        """What became of each record, in their order: None where Kinesis has it, else the error's code."""
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        try:
            answer = self._kinesis.put_records(StreamName=self.name, Records=entries)
        except ClientError as error:
            return [str(error.response["Error"].get("Code", "ClientError"))] * len(records)
        except BotoCoreError as error:
            return [type(error).__name__] * len(records)
        return [result.get("ErrorCode") for result in answer["Records"]]
