"""What S3 tells of new objects, by a queue: its own events, those that came through SNS, and EventBridge's."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_plus

import boto3
import msgspec
from botocore.config import Config as BotoConfig

from jobs.config import Aws

POLL_SECONDS: Final = 10
HIDDEN_SECONDS: Final = 120
"""How long others do not see a notification that is worked on; it is hidden anew while its files are loaded."""

_CREATED: Final = ("ObjectCreated:", "s3:ObjectCreated:")


class Notification(msgspec.Struct, frozen=True):
    """A message of the queue: where its objects are, as (bucket, key); None where it is nothing that S3 says."""

    receipt: str
    objects: list[tuple[str, str]] | None


class Notifications:
    """The queue at `url`."""

    def __init__(self, aws: Aws, url: str) -> None:
        self.url = url
        config = BotoConfig(connect_timeout=3, read_timeout=POLL_SECONDS + 10)
        self._sqs: Any = boto3.client("sqs", region_name=aws.region, endpoint_url=aws.endpoint or None, config=config)

    def receive(self) -> Notification | None:
        """The next one, waiting a little; None where none came."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=POLL_SECONDS,
            VisibilityTimeout=HIDDEN_SECONDS,
        )
        for message in answer.get("Messages", []):
            return Notification(message["ReceiptHandle"], read_objects(message["Body"]))
        return None

    def hide(self, notification: Notification) -> None:
        """Keeps it from others for longer."""
        self._sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=notification.receipt, VisibilityTimeout=HIDDEN_SECONDS
        )

    def delete(self, notification: Notification) -> None:
        """When its files are dealt with."""
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=notification.receipt)


def read_objects(body: str) -> list[tuple[str, str]] | None:
    """The objects that a message tells to be created, none for other events of S3; None for anything else."""
    try:
        told = msgspec.json.decode(body)
        if isinstance(told, dict) and isinstance(told.get("Message"), str) and told.get("Type") == "Notification":
            told = msgspec.json.decode(told["Message"])
        return None if not isinstance(told, dict) else _objects(told)
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def _objects(told: dict[str, Any]) -> list[tuple[str, str]] | None:
    if told.get("Event") == "s3:TestEvent":
        return []
    if told.get("source") == "aws.s3":
        detail = told["detail"]
        return [(detail["bucket"]["name"], detail["object"]["key"])] if told["detail-type"] == "Object Created" else []
    if "Records" not in told:
        return None
    return list(_created(told["Records"]))


def _created(records: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for record in records:
        if record["eventName"].startswith(_CREATED):
            # S3's own events write keys as in a form: a blank is a plus sign.
            yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
