"""Contents of stores: a hash that knows no order and misses no difference."""

from datetime import UTC, datetime

from local.contents import content, messages_of

AT = datetime(2026, 11, 24, 8, 0, 0, 123000)  # noqa: DTZ001 - as pymongo gives it
MESSAGE = {
    "product": "am319",
    "domain": "telemetry",
    "device_id": "d1",
    "event_time": AT,
    "received_at": AT,
    "spec_version": 1,
    "measurements": {"temperature": 21.5, "humidity": 40.0},
    "attributes": {},
    "quality": [],
}


def test_order_does_not_matter_but_rows_do() -> None:
    assert content([(1, "a"), (2, "b")]) == content([(2, "b"), (1, "a")])
    assert content([(1, "a"), (1, "a")]) != content([(1, "a")])
    assert content([(1, "a")]) != content([(1, "b")])


def test_a_message_has_one_form_in_hot_and_lake() -> None:
    hot = {"_id": "m1", **MESSAGE}
    lake = {"message_id": "m1", "firmware": None, "customer_id": "c1", **MESSAGE, "event_time": AT.replace(tzinfo=UTC)}
    lake["measurements"] = {"humidity": 40.0, "temperature": 21.5}
    assert list(messages_of([hot], "_id")) == list(messages_of([lake], "message_id"))
    assert list(messages_of([hot | {"spec_version": 2}], "_id")) != list(messages_of([lake], "message_id"))
