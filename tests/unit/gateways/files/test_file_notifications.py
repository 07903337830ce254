"""What S3 says of objects, in each of the forms in which it comes by a queue."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.files.notifications import read_objects

# As in the user guide of S3, shortened.
EVENT = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "loggers"}, "object": {"key": "in/logger+7/T%C3%BCr.csv", "size": 1024}},
        }
    ]
}
EVENTBRIDGE = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"bucket": {"name": "loggers"}, "object": {"key": "in/logger+7/a.csv", "size": 5}},
}


def test_an_event_of_s3_writes_keys_as_forms_do() -> None:
    assert read_objects(json.dumps(EVENT)) == [("loggers", "in/logger 7/Tür.csv")]


def test_one_that_came_through_sns_is_within_it() -> None:
    assert read_objects(json.dumps({"Type": "Notification", "Message": json.dumps(EVENT)})) == [
        ("loggers", "in/logger 7/Tür.csv")
    ]


def test_eventbridge_writes_keys_as_they_are() -> None:
    assert read_objects(json.dumps(EVENTBRIDGE)) == [("loggers", "in/logger+7/a.csv")]


@pytest.mark.parametrize(
    "told",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "loggers"},
        {"Records": [{"eventName": "ObjectRemoved:Delete", "s3": {}}]},
        EVENTBRIDGE | {"detail-type": "Object Deleted"},
    ],
)
def test_other_events_of_s3_create_nothing(told: dict[str, object]) -> None:
    assert read_objects(json.dumps(told)) == []


@pytest.mark.parametrize(
    "body",
    ["", "hello", "[]", "{}", '{"Records":1}', '{"Records":[{}]}', '{"Type":"Notification","Message":"x"}', "[" * 9999],
)
def test_anything_else_is_none(body: str) -> None:
    assert read_objects(body) is None


KEYS = st.sampled_from(["Records", "s3", "detail", "source", "bucket", "Message", "Type", "eventName"])


@given(st.recursive(st.none() | st.text(), lambda each: st.lists(each) | st.dictionaries(KEYS, each)))
def test_foreign_documents_are_none_or_objects(told: object) -> None:
    found = read_objects(json.dumps(told))
    assert found is None or isinstance(found, list)
