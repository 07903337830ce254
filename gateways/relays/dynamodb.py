"""DynamoDB: items as they stand, then every record of the tables' streams.

The items are read first, and are as old as the moment before; the streams are read from their beginning, and what is
older than the items is passed over by its position. How far each shard is, is stored when Kinesis has what came before.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import boto3
import msgspec

from gateways.relays.errors import RelayError
from gateways.relays.positions import Positions
from gateways.stream import Keyed, Stream
from jobs.config import Aws

RECORDS_AT_ONCE: Final = 1_000

_BEGIN: Final = "begin"
_END: Final = "end"

Shards = dict[str, str]
"""Stream and shard → sequence number of the last record that Kinesis has, _BEGIN before the first, _END of a shard that
was read to its end."""


class DynamoRelay:
    """Captures `tables` of the account and region of the deployment."""

    def __init__(self, name: str, aws: Aws, tables: list[str], positions: Positions, masters: Stream) -> None:
        self._name, self._tables, self._positions, self._masters = name, tables, positions, masters
        region, endpoint = aws.region, aws.endpoint or None
        self._dynamodb: Any = boto3.client("dynamodb", region_name=region, endpoint_url=endpoint)
        self._streams: Any = boto3.client("dynamodbstreams", region_name=region, endpoint_url=endpoint)
        self._arns: dict[str, str] = {}
        self._iterators: dict[str, str] = {}
        """Stream and shard → where to read on, behind pages without records, too."""

    def start(self) -> None:
        """Loads the tables unless that was done; raises RelayError."""
        self._arns = {table: self._stream(table) for table in self._tables}
        if self._positions.read(self._name) is None:
            for table in self._tables:
                for records in self._load(table):
                    self._masters.put_all(records)
            self._write({})

    def step(self) -> int:
        """Puts what has happened since, stores how far that is, and says how many records it was; raises RelayError."""
        stored: Shards = msgspec.json.decode(self._positions.read(self._name) or "{}", type=Shards)
        listed = {f"{arn}/{shard}": table for table, arn in self._arns.items() for shard in self._shards(arn)}
        self._check_gaps(stored, listed)
        shards = {place: stored.get(place, _BEGIN) for place in listed}
        count = 0
        for place, table in listed.items():
            if shards[place] == _END:
                continue
            records, following = self._records(place, shards[place])
            if records:
                self._masters.put_all([_keyed(table, record) for record in records])
                shards[place] = records[-1]["dynamodb"]["SequenceNumber"]
                count += len(records)
            if following is None:
                shards[place] = _END
            else:
                self._iterators[place] = following
            if shards != stored:
                self._write(shards)
                stored = dict(shards)
        return count

    def _check_gaps(self, stored: Shards, listed: Mapping[str, str]) -> None:
        """A shard goes a day after it was closed: one that was not read to its end by then is lost."""
        for place in stored.keys() - listed.keys():
            if stored[place] != _END and place.split("/")[1] in self._tables:
                raise self._forgotten(place)

    def _forgotten(self, place: str) -> RelayError:
        mend = "delete its row in relay_position, so that it loads the tables anew"
        return RelayError(self._name, f"DynamoDB has forgotten what came since the position in {place}: {mend}")

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

    def _records(self, place: str, after: str) -> tuple[list[dict[str, Any]], str | None]:
        """The next page of a shard, which may be empty, and where to read on; None at the shard's end."""
        try:
            iterator = self._iterators.pop(place, None) or self._iterator(place, after)
            answer = self._streams.get_records(ShardIterator=iterator, Limit=RECORDS_AT_ONCE)
        except self._streams.exceptions.TrimmedDataAccessException as error:
            raise self._forgotten(place) from error
        return answer["Records"], answer.get("NextShardIterator")

    def _iterator(self, place: str, after: str) -> str:
        arn, _, shard = place.rpartition("/")
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if after != _BEGIN:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        return str(self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, **start)["ShardIterator"])

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
