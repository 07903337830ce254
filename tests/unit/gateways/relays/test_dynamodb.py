"""DynamoDB's streams as the embedded server does not show them: pages without records, shards that end, gaps."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from gateways.relays.dynamodb import RECORDS_AT_ONCE, DynamoRelay
from gateways.relays.errors import RelayError
from gateways.relays.positions import Positions
from gateways.stream import Keyed, Stream
from jobs.config import Aws

STREAM = "arn:aws:dynamodb:eu-central-1:123456789012:table/Releases/stream/2026-01-05T08:00:00.000"
PLACE = f"{STREAM}/shardId-00000000000000000001-0000aaaa"
LAST = "300000000000000499659"
NEXT = "400000000000000499660"


class Stored:
    """The relay's position, and what it has put."""

    def __init__(self, position: str) -> None:
        self.position, self.records = position, 0

    def read(self, relay: str) -> str:
        return self.position

    def write(self, relay: str, position: str) -> None:
        self.position = position

    def put_all(self, records: list[Keyed]) -> None:
        self.records += len(records)


class Service:
    """The service's answers, in the order in which the relay must ask for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        secrets = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        clients: Any = {
            name: boto3.client(cast(Any, name), region_name="eu-central-1", **secrets)
            for name in ("dynamodb", "dynamodbstreams")
        }
        self._tables, self.streams = Stubber(clients["dynamodb"]), Stubber(clients["dynamodbstreams"])
        monkeypatch.setattr(boto3, "client", lambda name, **_: clients[name])

    def started(self, stored: Stored) -> DynamoRelay:
        specification = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        table = {"LatestStreamArn": STREAM, "StreamSpecification": specification}
        self._tables.add_response("describe_table", {"Table": table}, {"TableName": "Releases"})
        positions, masters = cast(Positions, stored), cast(Stream, stored)
        relay = DynamoRelay("releases", Aws(region="eu-central-1"), ["Releases"], positions, masters)
        with self._tables:
            relay.start()
        self.streams.activate()
        return relay

    def lists(self, *places: str) -> None:
        shards = [{"ShardId": place.rpartition("/")[2]} for place in places]
        self.streams.add_response("describe_stream", {"StreamDescription": {"Shards": shards}}, {"StreamArn": STREAM})

    def begins(self, iterator: str, **start: str) -> None:
        asked = {"StreamArn": STREAM, "ShardId": ANY, **start}
        self.streams.add_response("get_shard_iterator", {"ShardIterator": iterator}, asked)

    def gives(self, iterator: str, *sequences: str, following: str | None) -> None:
        records = [record(sequence) for sequence in sequences]
        answer = {"Records": records, **({"NextShardIterator": following} if following else {})}
        self.streams.add_response("get_records", answer, {"ShardIterator": iterator, "Limit": RECORDS_AT_ONCE})


def record(sequence: str) -> dict[str, Any]:
    item = {"releaseId": {"S": "r1"}}
    facts = {"Keys": item, "NewImage": item, "SequenceNumber": sequence}
    at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    return {"eventName": "MODIFY", "dynamodb": {**facts, "ApproximateCreationDateTime": at}}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    service = Service(monkeypatch)
    yield service
    service.streams.assert_no_pending_responses()


def test_behind_a_page_without_records_it_reads_on(service: Service) -> None:
    stored = Stored("{}")
    relay = service.started(stored)
    service.lists(PLACE)
    service.begins("first", ShardIteratorType="TRIM_HORIZON")
    service.gives("first", following="second")
    service.lists(PLACE)
    service.gives("second", NEXT, following="third")
    assert (relay.step(), relay.step(), stored.records) == (0, 1, 1)


def test_a_shard_that_was_read_to_its_end_is_not_read_again_and_may_go(service: Service) -> None:
    stored = Stored(f'{{"{PLACE}": "{LAST}"}}')
    relay = service.started(stored)
    service.lists(PLACE)
    service.begins("first", ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=LAST)
    service.gives("first", NEXT, following=None)
    service.lists(PLACE)
    service.lists()
    assert (relay.step(), relay.step(), relay.step(), stored.records) == (1, 0, 0, 1)


def test_an_iterator_that_expired_is_asked_for_anew(service: Service) -> None:
    relay = service.started(Stored(f'{{"{PLACE}": "{LAST}"}}'))
    service.lists(PLACE)
    service.begins("first", ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=LAST)
    service.gives("first", following="old")
    service.lists(PLACE)
    service.streams.add_client_error("get_records", "ExpiredIteratorException")
    service.lists(PLACE)
    service.begins("new", ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=LAST)
    service.gives("new", NEXT, following="next")
    relay.step()
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        relay.step()
    assert relay.step() == 1


def test_a_shard_that_went_before_it_was_read_is_a_gap(service: Service) -> None:
    relay = service.started(Stored(f'{{"{PLACE}": "{LAST}"}}'))
    service.lists()
    with pytest.raises(RelayError, match="releases: DynamoDB has forgotten"):
        relay.step()


def test_records_that_went_before_they_were_read_are_a_gap(service: Service) -> None:
    relay = service.started(Stored(f'{{"{PLACE}": "{LAST}"}}'))
    service.lists(PLACE)
    service.streams.add_client_error("get_shard_iterator", "TrimmedDataAccessException")
    with pytest.raises(RelayError, match="releases: DynamoDB has forgotten"):
        relay.step()
