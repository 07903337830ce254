"""Capture formats: what each record means, where it stands in its source's log, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.cdc.change import SEQUENCES, CdcError, RowChange, TableChange
from udfs.cdc.formats import read_changes

COMMIT = "2026-01-05T08:00:00.123456Z"
COMMIT_MS = 1_767_600_000_123


def read(document: Any) -> Any:
    (change,) = read_changes(json.dumps(document).encode())
    return change


def refusal(document: Any) -> CdcError:
    with pytest.raises(CdcError) as caught:
        read_changes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return caught.value


def dms(data: Any, operation: str = "insert", **metadata: Any) -> dict[str, Any]:
    """A record with transaction details; None takes a key of the metadata out."""
    facts = {
        "timestamp": "2026-01-05T08:00:02.000000Z",
        "record-type": "data",
        "operation": operation,
        "partition-key-type": "primary-key",
        "schema-name": "crm",
        "table-name": "customers",
        "transaction-id": 9324410911751,
        "transaction-record-id": 1,
        "commit-timestamp": COMMIT,
        "stream-position": "mysql-bin.002171:36912271:0",
        **{key.replace("_", "-"): value for key, value in metadata.items()},
    }
    return {"data": data, "metadata": {key: value for key, value in facts.items() if value is not None}}


def control(operation: str, columns: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    facts = dms(None, operation, record_type="control", transaction_id=None, **metadata)["metadata"]
    definition = {"table-def": {"columns": columns, "primary-key": ["id"]}} if columns is not None else {}
    return {"control": definition, "metadata": facts}


@pytest.mark.parametrize("operation", ["load", "insert", "update"])
def test_dms_gives_the_row_and_its_commit(operation: str) -> None:
    change = read(dms({"id": 7, "name": "Blue"}, operation))
    assert (change.schema, change.table, change.after, change.before) == (
        "crm",
        "customers",
        {"id": 7, "name": "Blue"},
        None,
    )
    assert change.committed_at == COMMIT_MS


def test_dms_deletes_by_key() -> None:
    change = read(dms({"id": 7}, "delete"))
    assert (change.after, change.before) == (None, {"id": 7})


@pytest.mark.parametrize("name", ["before-image", "old"])
def test_dms_before_image_beside_the_data(name: str) -> None:
    change = read({name: {"id": 46}, **dms({"id": 45}, "update")})
    assert (change.after, change.before) == ({"id": 45}, {"id": 46})


def test_dms_before_image_within_the_data() -> None:
    change = read(dms({"id": 45, "BI_id": 46, "BI_weight": 2.5}, "update"))
    assert (change.after, change.before) == ({"id": 45}, {"id": 46, "weight": 2.5})


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        ("create-table", "created"),
        ("drop-table", "dropped"),
        ("truncate-table", "truncated"),
        ("rename-table", "renamed"),
        ("add-column", "added"),
        ("drop-column", "removed"),
        ("rename-column", "removed"),
        ("column-type-change", "retyped"),
    ],
)
def test_dms_control_records_tell_of_tables(operation: str, what: str) -> None:
    change = read(control(operation, {"vat": {"type": "WSTRING"}}))
    assert isinstance(change, TableChange)
    assert (change.table, change.what, change.columns) == ("customers", what, ("vat",))
    assert read(control(operation)).columns == ()


def test_tables_of_dms_itself_are_passed_over() -> None:
    document = control("create-table", schema_name="", table_name="awsdms_apply_exceptions")
    assert read_changes(json.dumps(document).encode()) == []


def test_dms_rows_of_the_full_load_are_as_old_as_the_record() -> None:
    change = read(dms({"id": 7}, "load", commit_timestamp=None, transaction_id=None, transaction_record_id=None))
    assert change.position == 1_767_600_002_000 * SEQUENCES


def mysql(pos: int, row: int = 0, file: str = "mysql-bin.000003", **envelope: Any) -> dict[str, Any]:
    source = {"connector": "mysql", "db": "assets", "table": "devices", "file": file, "pos": pos, "row": row}
    return {"op": "c", "before": None, "after": {"serial": "d1"}, "source": {**source, "ts_ms": COMMIT_MS}, **envelope}


def test_debezium_names_the_database_where_there_is_no_schema() -> None:
    change = read(mysql(154))
    assert (change.schema, change.table, change.after) == ("assets", "devices", {"serial": "d1"})


def test_debezium_within_its_schema_has_plain_values() -> None:
    types = [
        {"field": "installed", "type": "int32", "name": "io.debezium.time.Date"},
        {"field": "seen", "type": "int64", "name": "io.debezium.time.MicroTimestamp"},
        {
            "field": "price",
            "type": "bytes",
            "name": "org.apache.kafka.connect.data.Decimal",
            "parameters": {"scale": "2"},
        },
        {"field": "share", "type": "struct", "name": "io.debezium.data.VariableScaleDecimal"},
    ]
    after = {
        "installed": 20_458,
        "seen": 1_767_600_000_123_456,
        "price": "AMM=",
        "share": {"scale": 1, "value": "/w=="},
        "serial": "d1",
    }
    schema = {"type": "struct", "fields": [{"field": "after", "type": "struct", "fields": types}]}
    change = read({"schema": schema, "payload": mysql(154, after=after)})
    assert change.after == {
        "installed": "2026-01-05",
        "seen": "2026-01-05T08:00:00.123456+00:00",
        "price": "1.95",
        "share": "-0.1",
        "serial": "d1",
    }


def postgres(lsn: int, **envelope: Any) -> dict[str, Any]:
    source = {"connector": "postgresql", "db": "crm", "schema": "public", "table": "customers", "lsn": lsn}
    return {"op": "u", "before": None, "after": {"id": 7}, "source": {**source, "ts_ms": COMMIT_MS}, **envelope}


def test_debezium_deletes_by_what_was_before() -> None:
    change = read(postgres(5, op="d", before={"id": 7}, after=None))
    assert (change.schema, change.after, change.before) == ("public", None, {"id": 7})


def test_debezium_truncation_is_of_the_table() -> None:
    change = read(postgres(5, op="t", after=None))
    assert (change.what, change.table) == ("truncated", "customers")


def test_debezium_messages_and_tombstones_carry_no_row() -> None:
    assert read_changes(json.dumps(postgres(5, op="m", after=None)).encode()) == []
    assert read_changes(b"null") == []


def test_a_value_that_was_not_logged_makes_the_row_partial() -> None:
    error = refusal(postgres(5, after={"id": 7, "notes": "__debezium_unavailable_value"}))
    assert (error.reason, error.field) == ("partial_row", "after.notes")
    assert "REPLICA IDENTITY FULL" in error.message


def test_debezium_documents_of_mongodb_are_texts() -> None:
    after = json.dumps({"_id": {"$oid": "64b7"}, "firmware": {"version": "2.1"}, "seen": {"$date": 1767600000123}})
    source = {"connector": "mongodb", "db": "iot", "collection": "devices", "ord": 3, "ts_ms": COMMIT_MS}
    change = read({"op": "r", "before": None, "after": after, "source": source})
    assert change.after == {"_id": "64b7", "firmware.version": "2.1", "seen": "2026-01-05T08:00:00.123000+00:00"}


def test_debezium_rows_of_tables_name_every_column_and_other_rows_may_leave_out_what_is_null() -> None:
    document = {"op": "r", "before": None, "after": '{"_id": "d1"}'}
    source = {"connector": "mongodb", "db": "iot", "collection": "devices", "ord": 3, "ts_ms": COMMIT_MS}
    assert [read(postgres(5)).names_all, read(mysql(154)).names_all] == [True, True]
    assert not read(document | {"source": source}).names_all
    assert not read(dms({"id": 7}, "insert")).names_all


def mongodb(operation: str, counter: int = 1, **event: Any) -> dict[str, Any]:
    return {
        "_id": {"_data": "8264B7"},
        "operationType": operation,
        "clusterTime": {"$timestamp": {"t": COMMIT_MS // 1000, "i": counter}},
        "ns": {"db": "iot", "coll": "devices"},
        "documentKey": {"_id": "d1"},
        **event,
    }


def test_mongodb_gives_the_document_as_a_flat_row() -> None:
    document = {
        "_id": "d1",
        "site": "S1",
        "firmware": {"version": "2.1", "build": {"$numberLong": "77"}},
        "tags": ["a"],
    }
    change = read(mongodb("insert", fullDocument=document))
    assert (change.schema, change.table, change.before) == ("iot", "devices", {"_id": "d1"})
    assert change.after == {
        "_id": "d1",
        "site": "S1",
        "firmware.version": "2.1",
        "firmware.build": 77,
        "tags": ["a"],
    }


def test_mongodb_deletes_by_the_document_key() -> None:
    change = read(mongodb("delete"))
    assert (change.after, change.before) == (None, {"_id": "d1"})


def test_mongodb_update_needs_its_document() -> None:
    error = refusal(mongodb("update", updateDescription={"updatedFields": {"a.b": 1}}))
    assert error.reason == "partial_row"
    assert "updateLookup" in error.message
    assert read_changes(json.dumps(mongodb("update", fullDocument=None)).encode()) == []


def test_mongodb_tells_of_collections_and_passes_over_the_rest() -> None:
    assert read(mongodb("drop")).what == "dropped"
    for operation in ("invalidate", "dropDatabase", "createIndexes"):
        assert read_changes(json.dumps({"operationType": operation}).encode()) == []


def dynamodb(event: str, at: float = COMMIT_MS / 1000, sequence: str | None = "4" * 24, **body: Any) -> dict[str, Any]:
    facts = {"ApproximateCreationDateTime": at, "Keys": {"releaseId": {"S": "r1"}}, "SequenceNumber": sequence, **body}
    return {
        "eventName": event,
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:1:table/FirmwareReleases/stream/2026-01-01T00:00:00.000",
        "dynamodb": {name: value for name, value in facts.items() if value is not None},
    }


def test_dynamodb_unwraps_typed_values() -> None:
    image = {
        "releaseId": {"S": "r1"},
        "size": {"N": "1.50"},
        "beta": {"BOOL": False},
        "notes": {"NULL": True},
        "blob": {"B": "/w=="},
        "build": {"M": {"host": {"S": "ci"}}},
        "tags": {"SS": ["a"]},
    }
    change = read(dynamodb("MODIFY", NewImage=image))
    assert (change.schema, change.table, change.before) == ("", "FirmwareReleases", {"releaseId": "r1"})
    assert change.after == {
        "releaseId": "r1",
        "size": "1.50",
        "beta": False,
        "notes": None,
        "blob": "ff",
        "build.host": "ci",
        "tags": ["a"],
    }


def test_dynamodb_expiry_is_a_deletion() -> None:
    document = dynamodb("REMOVE") | {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}
    assert (read(document).after, read(document).before) == (None, {"releaseId": "r1"})


@pytest.mark.parametrize("at", [COMMIT_MS / 1000, COMMIT_MS, COMMIT_MS * 1000 + 456])
def test_dynamodb_tells_seconds_milliseconds_and_microseconds_apart(at: float) -> None:
    assert read(dynamodb("REMOVE", at=at)).committed_at == COMMIT_MS


def test_dynamodb_by_kinesis_is_ordered_by_microseconds() -> None:
    images = {"NewImage": {"releaseId": {"S": "r1"}}}
    first, second = (
        read(dynamodb("MODIFY", at=COMMIT_MS * 1000 + micros, sequence=None, **images)) for micros in (456, 457)
    )
    assert first.position < second.position


def test_dynamodb_without_the_new_item_is_partial() -> None:
    assert refusal(dynamodb("INSERT")).reason == "partial_row"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (dms({"id": 1}), dms({"id": 1}, transaction_record_id=2)),
        (dms({"id": 1}, transaction_record_id=9), dms({"id": 1}, transaction_id=9324410911752)),
        (dms({"id": 1}), dms({"id": 1}, commit_timestamp="2026-01-05T08:00:00.124Z", transaction_id=1)),
        (mysql(154), mysql(154, row=1)),
        (mysql(154, row=9), mysql(155)),
        (mysql(2**31), mysql(4, file="mysql-bin.000004")),
        (postgres(2**40), postgres(2**40 + 8)),
        (mongodb("delete"), mongodb("delete", counter=2)),
        (dynamodb("REMOVE"), dynamodb("REMOVE", sequence="4" * 23 + "5")),
        # They grow at their front, too: these follow one another in an example of the service's documentation.
        (dynamodb("REMOVE", sequence="400000000000000499660"), dynamodb("REMOVE", sequence="500000000000000499661")),
        (dynamodb("REMOVE", sequence="9" * 39), dynamodb("REMOVE", sequence="1" + "0" * 39)),
    ],
)
def test_positions_have_the_order_of_the_log(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    assert read(earlier).position < read(later).position


def sql_server(change_lsn: str, serial: int) -> dict[str, Any]:
    source = {"db": "erp", "schema": "dbo", "table": "debtors", "change_lsn": change_lsn, "event_serial_no": serial}
    return postgres(0, source={**source, "ts_ms": COMMIT_MS})


def test_sql_server_is_ordered_by_its_lsn() -> None:
    ordered = [
        sql_server("00000027:00000ac0:0002", 1),
        sql_server("00000027:00000ac0:0002", 2),
        sql_server("00000027:00000ac0:0003", 1),
        sql_server("00000027:00000ad0:0001", 1),
        sql_server("00000028:00000010:0001", 1),
    ]
    positions = [read(document).position for document in ordered]
    assert positions == sorted(set(positions))


def test_oracle_is_ordered_by_its_scn() -> None:
    def oracle(scn: str) -> Any:
        return read(postgres(0, source={"schema": "ERP", "table": "DEBTORS", "scn": scn, "ts_ms": COMMIT_MS}))

    assert oracle("2868546").position < oracle("2868547").position


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        (b"{", "", "not a capture record: Input data was truncated"),
        (b"[]", "", "not a capture record: Expected `object"),
        (b'{"data":{"a":"\xff"}}', "", "not UTF-8 text: "),
        (b'{"metadata":' + b'{"a":' * 50_000, "", "not a capture record: lists or objects stand too deep"),
        ({"data": {"id": 1}}, "", "no known capture format: the record has data; known are DMS (metadata)"),
        ({"metadata": 1}, "metadata", "expected an object"),
        (dms(None), "data", "a data record without `data`"),
        (dms({"id": 1}, "merge"), "metadata.operation", "unknown operation `merge`"),
        (dms({"id": 1}, commit_timestamp="soon"), "metadata.commit-timestamp", "no usable position: Invalid isoformat"),
        (dms({"id": 1}, transaction_record_id=[1]), "metadata", "no usable position: "),
        (dms({"id": 1}, commit_timestamp="1969-12-31T23:59:59Z"), "metadata.commit-timestamp", "commit time 1969"),
        (dms({"id": 1}, commit_timestamp="2100-01-01T00:00:00Z"), "metadata.commit-timestamp", "commit time 2100"),
        (postgres(5, op="x"), "op", "unknown operation `x`"),
        (postgres(5, source={"ts_ms": -1}), "source.ts_ms", "commit time -1 is outside 1970..2100"),
        (sql_server("27:ac0:2", 1), "source", "no usable position: expected an LSN"),
        (mongodb("insert", clusterTime=7), "clusterTime", "expected "),
        (dynamodb("REMOVE", at=float("1e300")), "dynamodb.ApproximateCreationDateTime", "commit time"),
        (dynamodb("REMOVE", Keys={"id": "r1"}), "dynamodb.Keys.id", "expected a typed value"),
        (dynamodb("REMOVE", sequence="x"), "dynamodb.SequenceNumber", "expected digits"),
        ({**dynamodb("REMOVE"), "eventSourceARN": ""}, "tableName", "the record names no table"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(document: Any, field: str, message: str) -> None:
    error = refusal(document)
    assert (error.reason, error.field) == ("bad_cdc", field)
    assert error.message.startswith(message)


EXAMPLES = [
    dms({"id": 7, "BI_id": 8}, "update"),
    control("add-column", {"vat": {"type": "WSTRING"}}),
    mysql(154),
    postgres(5, op="d", before={"id": 7}),
    sql_server("00000027:00000ac0:0002", 1),
    mongodb("insert", fullDocument={"_id": {"$oid": "1"}, "at": {"$date": "2026-01-05T08:00:00Z"}}),
    dynamodb("MODIFY", NewImage={"a": {"M": {"b": {"N": "1"}}}, "c": {"B": "/w=="}}),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def mutated(document: Any, data: st.DataObject) -> Any:
    """The document with something else at a place somewhere within."""
    if not isinstance(document, dict) or not document or data.draw(st.integers(0, 3)) == 0:
        return data.draw(JSON)
    name = data.draw(st.sampled_from(sorted(document)))
    return {**document, name: mutated(document[name], data)}


@given(st.data())
def test_nothing_but_a_capture_error_is_raised(data: st.DataObject) -> None:
    document = mutated(data.draw(st.sampled_from(EXAMPLES)), data)
    line = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    only_capture_errors(line[: len(line) - data.draw(st.integers(0, 1))])


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    only_capture_errors(noise)


def only_capture_errors(line: bytes) -> None:
    try:
        changes = read_changes(line)
    except CdcError as error:
        assert error.reason in ("bad_cdc", "partial_row")  # noqa: PT017
        return
    for change in changes:
        assert isinstance(change, (RowChange, TableChange))
        assert change.position // SEQUENCES == change.committed_at
