"""DynamoDB: items as they stand, then every record of the tables' streams.

The items are read first, and are as old as the moment before; the streams are read from their beginning, and what is
older than the items is passed over by its position. How far each shard is, is stored when Kinesis has what came before.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

import boto3
import msgspec

from gateways.relays.errors import RelayError
from gateways.relays.positions import Positions
from gateways.stream import Keyed, Stream
from jobs.config import Aws

RECORDS_AT_ONCE: Final = 1_000

Shards = dict[str, str]
"""Stream and shard → sequence number of the last record that Kinesis has."""


class DynamoRelay:
    """Captures `tables` of the account and region of the deployment."""

    def __init__(self, name: str, aws: Aws, tables: list[str], positions: Positions, masters: Stream) -> None:
        self._name, self._tables, self._positions, self._masters = name, tables, positions, masters
        region, endpoint = aws.region, aws.endpoint or None
        self._dynamodb: Any = boto3.client("dynamodb", region_name=region, endpoint_url=endpoint)
        self._streams: Any = boto3.client("dynamodbstreams", region_name=region, endpoint_url=endpoint)
        self._arns: dict[str, str] = {}

    def start(self) -> None:
        """Loads the tables unless that was done; raises RelayError."""
        self._arns = {table: self._stream(table) for table in self._tables}
        if self._positions.read(self._name) is None:
            for table in self._tables:
                for records in self._load(table):
                    self._masters.put_all(records)
            self._write({})

    def step(self) -> int:
        """Puts what has happened since, stores how far that is, and says how many records it was."""
        shards: Shards = msgspec.json.decode(self._positions.read(self._name) or "{}", type=Shards)
        count = 0
        for table, arn in self._arns.items():
            for shard in self._shards(arn):
                place = f"{arn}/{shard}"
                records = self._records(arn, shard, shards.get(place))
                if records:
                    self._masters.put_all([_keyed(table, record) for record in records])
                    shards[place] = records[-1]["dynamodb"]["SequenceNumber"]
                    self._write(shards)
                    count += len(records)
        return count

    def _stream(self, table: str) -> str:
        described = self._dynamodb.describe_table(TableName=table)["Table"]
        view = described.get("StreamSpecification", {}).get("StreamViewType")
        if view not in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
            mend = "set its StreamSpecification to StreamViewType NEW_AND_OLD_IMAGES"
            raise RelayError(self._name, f"the table {table} has no stream with new images: {mend}")
        return str(described["LatestStreamArn"])

    def _load(self, table: str) -> Iterator[list[Keyed]]:
        began = int(time.time()) - 1
        keys = [key["AttributeName"] for key in self._dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            facts = (
                {"ApproximateCreationDateTime": began, "Keys": {key: item[key] for key in keys}, "NewImage": item}
                for item in page["Items"]
            )
            yield [_keyed(table, {"eventName": "INSERT", "dynamodb": fact}) for fact in facts]

    def _shards(self, arn: str) -> list[str]:
        """Parents before their children, as the service lists them."""
        found: list[str] = []
        start: dict[str, str] = {}
        while True:
            description = self._streams.describe_stream(StreamArn=arn, **start)["StreamDescription"]
            found += [shard["ShardId"] for shard in description["Shards"]]
            if not description.get("LastEvaluatedShardId"):
                return found
            start = {"ExclusiveStartShardId": description["LastEvaluatedShardId"]}

    def _records(self, arn: str, shard: str, after: str | None) -> list[dict[str, Any]]:
        place = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        iterator = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, **place)["ShardIterator"]
        found: list[dict[str, Any]] = self._streams.get_records(ShardIterator=iterator, Limit=RECORDS_AT_ONCE)[
            "Records"
        ]
        return found

    def _write(self, shards: Shards) -> None:
        self._positions.write(self._name, msgspec.json.encode(shards).decode())


def _keyed(table: str, record: dict[str, Any]) -> Keyed:
    """The record with its table's name; times as epoch seconds, bytes as base64, as the service's JSON has them."""
    facts = dict(record["dynamodb"])
    at = facts["ApproximateCreationDateTime"]
    facts["ApproximateCreationDateTime"] = at if isinstance(at, int) else int(at.timestamp())
    body = {"eventName": record["eventName"], "tableName": table, "dynamodb": facts}
    key = "|".join(str(value) for typed in facts["Keys"].values() for value in typed.values())
    return f"{table}.{key}"[:256], msgspec.json.encode(body)
