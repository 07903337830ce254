"""CDC records of DMS → unified changes: every kind of record, versions, and what is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe import ROOT

from udfs.errors import SpecError
from udfs.masters import MasterCatalog, MasterChange, MasterError, compile_masters, read_masters

COMMIT = "2026-01-05T08:00:00.123456Z"
COMMIT_MS = 1_767_600_000_123
TEXTS = read_masters(ROOT / "specs")
CATALOG = compile_masters(TEXTS)


def record(schema: str, table: str, data: dict[str, Any] | None, operation: str = "insert", **metadata: Any) -> bytes:
    """A data record with transaction details, as DMS writes one; None takes a key of the metadata out."""
    facts = {
        "timestamp": "2026-01-05T08:00:02.000000Z",
        "record-type": "data",
        "operation": operation,
        "partition-key-type": "primary-key",
        "schema-name": schema,
        "table-name": table,
        "transaction-id": 9324410911751,
        "transaction-record-id": 1,
        "commit-timestamp": COMMIT,
        "stream-position": "mysql-bin.002171:36912271:0",
        **{key.replace("_", "-"): value for key, value in metadata.items()},
    }
    body = {} if data is None else {"data": data}
    return json.dumps({**body, "metadata": {k: v for k, v in facts.items() if v is not None}}).encode()


def customer(data: dict[str, Any] | None, operation: str = "insert", **metadata: Any) -> bytes:
    return record("crm", "customers", data, operation, **metadata)


def change(line: bytes) -> MasterChange:
    found = CATALOG.change(line)
    assert found is not None
    return found


def refusal(line: bytes) -> MasterError:
    with pytest.raises(MasterError) as caught:
        CATALOG.change(line)
    return caught.value


@pytest.mark.parametrize("operation", ["load", "insert", "update"])
def test_a_row_becomes_the_unified_row(operation) -> None:
    found = change(customer({"id": 7, "name": " Blue GmbH ", "country": "de", "vat": "DE1"}, operation))
    assert (found.master, found.key, found.deleted) == ("customer", "7", False)
    assert found.columns == {"customer_id": "7", "name": "Blue GmbH", "country": "DE"}


def test_every_master_table_of_the_project_has_its_mapping() -> None:
    assert CATALOG.keys == {
        "customer": "customer_id",
        "site": "site_id",
        "device": "device_id",
        "limit_override": "limit_id",
        "schedule": "schedule_id",
        "maintenance_window": "window_id",
        "silence": "silence_id",
        "alarm_mark": "alarm_id",
        "formula": "formula_id",
    }


def test_times_become_utc() -> None:
    row = {"id": 1, "scope": "Site", "scope_id": "s1", "starts_at": "2026-01-05T10:00:00+09:00"}
    found = CATALOG.change(record("operations", "silences", row))
    assert found is not None
    assert found.columns["starts_at"] == "2026-01-05 01:00:00"


@pytest.mark.parametrize(
    ("table", "data", "message"),
    [
        ("silences", {"id": 1, "starts_at": "soon"}, "expected a time in ISO 8601, got `soon`"),
        ("schedules", {"id": 1, "opens": "8am"}, "expected a text like"),
        (
            "alarm_marks",
            {"alarm_id": 1, "mark": "seen"},
            "expected one of acknowledged, false_alarm, closed, got `seen`",
        ),
    ],
)
def test_what_is_no_time_day_or_mark_is_refused(table, data, message) -> None:
    assert refusal(record("operations", table, data)).message.startswith(message)


def test_columns_that_dms_leaves_out_are_null() -> None:
    assert change(customer({"id": 7, "country": None}, "update")).columns == {"customer_id": "7"}


def test_a_deleted_row_keeps_its_key_only() -> None:
    found = change(customer({"id": 7, "name": "Blue", "country": 5.0}, "delete"))
    assert (found.columns, found.deleted) == ({"customer_id": "7"}, True)


def test_a_before_image_is_passed_over() -> None:
    document = json.loads(customer({"id": 45}, "update")) | {"before-image": {"id": 46}}
    assert change(json.dumps(document).encode()).key == "45"


@pytest.mark.parametrize(
    "line",
    [
        record("crm", "customers", None, "create-table", record_type="control", partition_key_type="task-id"),
        record("", "awsdms_apply_exceptions", None, "create-table", record_type="control"),
        record("crm", "invoices", {"id": 1}),
        record("other", "customers", {"id": 1}),
        record("crm", "customers", {"id": 1}, schema_name=["crm"]),
    ],
)
def test_what_carries_no_mapped_row_is_passed_over(line) -> None:
    assert CATALOG.change(line) is None


def test_the_version_is_the_commit_and_the_place_in_its_transaction() -> None:
    assert change(customer({"id": 7}, transaction_record_id=12)).version == COMMIT_MS * 1_000_000 + 12
    assert change(customer({"id": 7}, transaction_record_id=None)).version == COMMIT_MS * 1_000_000
    assert change(customer({"id": 7}, transaction_record_id=10**12)).version == COMMIT_MS * 1_000_000 + 999_999


def test_rows_of_the_full_load_are_as_old_as_the_record() -> None:
    found = change(customer({"id": 7}, "load", commit_timestamp=None, transaction_record_id=None, timestamp=COMMIT))
    assert found.version == COMMIT_MS * 1_000_000


def test_a_time_without_zone_is_utc() -> None:
    assert change(customer({"id": 7}, commit_timestamp=COMMIT.rstrip("Z"))).version // 1_000_000 == COMMIT_MS


def limit(**columns: Any) -> bytes:
    row = {"id": 1, "scope": "DEVICE", "scope_id": "d1", "limit_name": "temperature_max", "limit_value": "41,5"}
    return record("assets", "alarm_limits", {**row, **columns})


def test_values_are_normalised() -> None:
    assert change(limit(limit_value="41.50")).columns["value"] == "41.5"
    assert change(limit(limit_value=41)).columns == {
        "limit_id": "1",
        "scope": "device",
        "scope_id": "d1",
        "limit_name": "temperature_max",
        "value": "41.0",
    }


@pytest.mark.parametrize(
    ("line", "message", "field"),
    [
        (limit(), "expected a number, got `41,5`", "data.limit_value"),
        (limit(limit_value="nan"), "expected a finite number, got `nan`", "data.limit_value"),
        (limit(limit_value=True), "expected a number, got `True`", "data.limit_value"),
        (limit(scope="site"), "expected one of product, customer, device, got `site`", "data.scope"),
        (customer({"id": 1, "name": {"first": "B"}}), "expected a plain value, got dict", "data.name"),
    ],
)
def test_a_bad_value_names_its_column(line, message, field) -> None:
    error = refusal(line)
    assert (error.reason, error.message, error.field) == ("bad_value", message, field)


@pytest.mark.parametrize(
    ("line", "message", "field"),
    [
        (b"{", "not a DMS record: Input data was truncated", ""),
        (b"[]", "not a DMS record: Expected `object`, got `array`", ""),
        (b'{"a":"\xff"}', "not a DMS record: Expected `object`, got `str`", ""),
        (b'{"data":{"a":"\xff"}}', "not UTF-8 text: ", ""),
        (b'{"data":{"id":1}}', "a DMS record without `metadata`", "metadata"),
        (b'{"metadata":' + b'{"a":' * 50_000, "not a DMS record: lists or objects stand too deep in one another", ""),
        (customer(None), "a data record without `data`", "data"),
        (customer({"name": "Blue"}), "the key column `id` is absent or empty", "data.id"),
        (customer({"id": "  "}), "the key column `id` is absent or empty", "data.id"),
        (
            customer({"id": 1}, commit_timestamp="soon"),
            "no usable position: Invalid isoformat string: 'soon'",
            "metadata",
        ),
        (customer({"id": 1}, transaction_record_id=[1]), "no usable position: ", "metadata"),
        (customer({"id": 1}, commit_timestamp="1969-12-31T23:59:59Z"), "commit time 1969", "metadata.commit-timestamp"),
        (customer({"id": 1}, commit_timestamp="2100-01-01T00:00:00Z"), "commit time 2100", "metadata.commit-timestamp"),
    ],
)
def test_a_record_that_cannot_be_applied_says_why(line, message, field) -> None:
    error = refusal(line)
    assert (error.reason, error.field) == ("bad_cdc", field)
    assert error.message.startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = sorted({m["from"] for text in TEXTS.values() for m in msgspec.yaml.decode(text)["columns"].values()})
METADATA = ["timestamp", "commit-timestamp", "transaction-record-id", "operation", "record-type", "schema-name"]
TABLES = [("crm", "customers"), ("crm", "sites"), ("assets", "devices"), ("assets", "alarm_limits")]


@given(
    table=st.sampled_from(TABLES),
    data=st.dictionaries(st.sampled_from(COLUMNS), JSON),
    metadata=st.dictionaries(st.sampled_from(METADATA), JSON, max_size=2),
    cut=st.integers(0, 3),
)
def test_nothing_but_master_error_is_raised(table, data, metadata, cut) -> None:
    document = json.loads(record(*table, data))
    document["metadata"] |= metadata
    line = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    only_master_errors(CATALOG, line[: len(line) - cut])


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    only_master_errors(CATALOG, noise)


def only_master_errors(catalog: MasterCatalog, line: bytes) -> None:
    try:
        found = catalog.change(line)
    except MasterError as error:
        assert error.reason in ("bad_cdc", "bad_value")  # noqa: PT017
        return
    if found is not None:
        assert found.key == found.columns[catalog.keys[found.master]]
        assert 0 <= found.version < 2**63
        assert all(isinstance(value, str) and "\x00" not in value for value in found.columns.values())


def test_a_mapping_whose_key_is_no_column_is_refused() -> None:
    text = "master: m\nsource: {schema: s, table: t}\nkey: id\ncolumns: {name: {from: n}}\n"
    with pytest.raises(SpecError, match=r"masters/m.yaml:1:1: key: key `id` is none of the columns name"):
        compile_masters({"masters/m.yaml": text})


def test_a_mapping_of_another_shape_is_refused_with_its_file() -> None:
    with pytest.raises(SpecError, match=r"masters/m.yaml:1:1: Object contains unknown field `a`"):
        compile_masters({"masters/m.yaml": "a: 1"})


def test_a_source_table_has_one_mapping() -> None:
    text = "master: {}\nsource: {{schema: s, table: t}}\nkey: id\ncolumns: {{id: {{from: n}}}}\n"
    with pytest.raises(SpecError, match=r"masters/b.yaml:1:1: source: s\.t is already the source of `one`"):
        compile_masters({"masters/a.yaml": text.format("one"), "masters/b.yaml": text.format("two")})
