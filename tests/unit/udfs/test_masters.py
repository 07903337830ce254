"""Changes of source rows → rows in unified names: mappings, normalised values, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe import ROOT

from udfs.cdc.change import CdcError, RowChange, position_of
from udfs.errors import SpecError
from udfs.masters import SourceRow, compile_masters, read_masters

COMMIT_MS = 1_767_600_000_123
TEXTS = read_masters(ROOT / "specs")
CATALOG = compile_masters(TEXTS)


def change(name: str, after: dict[str, Any] | None, before: dict[str, Any] | None = None, place: int = 0) -> RowChange:
    schema, table = name.split(".")
    position = position_of(COMMIT_MS, place)
    return RowChange(schema=schema, table=table, after=after, before=before, position=position, committed_at=COMMIT_MS)


def source_row(name: str, after: dict[str, Any]) -> SourceRow:
    (row,) = CATALOG.source_rows(change(name, after))
    return row


def columns(name: str, after: dict[str, Any]) -> dict[str, str]:
    found = source_row(name, after).columns
    assert found is not None
    return found


def refusal(name: str, after: dict[str, Any] | None) -> CdcError:
    with pytest.raises(CdcError) as caught:
        CATALOG.source_rows(change(name, after))
    return caught.value


def test_a_row_has_its_unified_names() -> None:
    found = source_row("crm.customers", {"id": 7, "name": " Blue GmbH ", "country": "de", "colour": "blue"})
    assert (found.master, found.source, found.key) == ("customer", "crm.customers", "7")
    assert found.columns == {"customer_id": "7", "name": "Blue GmbH", "country": "DE"}


@pytest.mark.parametrize("days", ["mon", "mon-fri", "mon,wed-thu,sun"])
def test_days_are_single_ones_and_spans(days: str) -> None:
    assert columns("operations.schedules", {"id": 1, "days": days.upper()})["days"] == days


@pytest.mark.parametrize("days", ["mon-fry", "mon-wed-fri", "mon, tue"])
def test_what_is_expected_is_told_by_examples(days: str) -> None:
    error = refusal("operations.schedules", {"id": 1, "days": days})
    assert str(error) == f"expected a text like `mon-fri`, `mon,wed,sat`, got `{days}`"


@pytest.mark.parametrize("table", ["maintenance_windows", "silences"])
def test_a_window_ends_after_it_starts(table: str) -> None:
    row = {"id": 1, "starts_at": "2026-12-01T12:00+01:00", "ends_at": "2026-12-01T11:00Z"}
    error = refusal(f"operations.{table}", row)
    assert (error.field, str(error)) == (
        "ends_at",
        "expected a time after 2026-12-01 11:00:00, got 2026-12-01 11:00:00",
    )
    assert columns(f"operations.{table}", {**row, "starts_at": None})["ends_at"] == "2026-12-01 11:00:00"


def test_every_master_table_of_the_project_has_its_mapping() -> None:
    assert CATALOG.keys == {
        "customer": "customer_id",
        "site": "site_id",
        "device": "device_id",
        "product": "product",
        "firmware": "firmware_id",
        "engineer": "engineer_id",
        "limit_override": "limit_id",
        "schedule": "schedule_id",
        "maintenance_window": "window_id",
        "silence": "silence_id",
        "alarm_mark": "alarm_id",
        "formula": "formula_id",
    }


def test_keys_of_a_second_source_have_their_prefix() -> None:
    assert columns("erp.delivery_places", {"place_no": 5, "debtor_no": 40}) == {
        "site_id": "erp-5",
        "customer_id": "erp-40",
    }


@pytest.mark.parametrize(
    ("value", "unified"), [("Germany", "DE"), ("Deutschland", "DE"), ("DEU", "DE"), ("276", "DE"), ("uk", "GB")]
)
def test_a_country_is_its_code(value: str, unified: str) -> None:
    assert columns("crm.customers", {"id": 1, "country": value})["country"] == unified


@pytest.mark.parametrize(
    ("phone", "country", "unified"),
    [
        ("030 / 123 4567", "Germany", "+49301234567"),
        ("+49 (0) 30 1234567", None, "+49301234567"),
        ("0044 20 7946 0018", "de", "+442079460018"),
    ],
)
def test_a_phone_is_one_of_its_country(phone: str, country: str | None, unified: str) -> None:
    assert columns("crm.customers", {"phone": phone, "id": 1, "country": country})["phone"] == unified


def test_a_time_zone_of_windows_is_translated() -> None:
    found = columns("crm.sites", {"id": 1, "customer_id": 2, "time_zone": "W. Europe Standard Time"})
    assert found["time_zone"] == "Europe/Berlin"


def test_times_become_utc() -> None:
    found = columns("operations.silences", {"id": 1, "starts_at": "2026-01-05T10:00:00+09:00"})
    assert found["starts_at"] == "2026-01-05 01:00:00"


@pytest.mark.parametrize(
    ("name", "row", "field", "message"),
    [
        ("operations.silences", {"id": 1, "starts_at": "soon"}, "starts_at", "expected a time in ISO 8601, got `soon`"),
        ("operations.schedules", {"id": 1, "opens": "8am"}, "opens", "expected a text like "),
        ("operations.alarm_marks", {"alarm_id": 1, "mark": "seen"}, "mark", "expected one of acknowledged, "),
        (
            "assets.alarm_limits",
            {"id": 1, "limit_value": "41,5"},
            "limit_value",
            "expected a finite number, got `41,5`",
        ),
        ("assets.alarm_limits", {"id": 1, "limit_value": "nan"}, "limit_value", "expected a finite number, got `nan`"),
        ("crm.customers", {"id": 1, "country": "Atlantis"}, "country", "expected a country's code or name, got "),
        (
            "crm.customers",
            {"id": 1, "phone": "030 1"},
            "phone",
            "expected a phone number, with + and its country's code",
        ),
        ("crm.sites", {"id": 1, "time_zone": "Mars/Base"}, "time_zone", "expected a time zone such as Europe/Berlin"),
        ("crm.customers", {"id": 1, "name": {"first": "B"}}, "name", "expected a plain value, got dict"),
    ],
)
def test_a_bad_value_names_its_column(name: str, row: dict[str, Any], field: str, message: str) -> None:
    error = refusal(name, row)
    assert (error.reason, error.field) == ("bad_value", field)
    assert error.message.startswith(message)


@pytest.mark.parametrize("row", [{"name": "Blue"}, {"id": "  "}, {"id": None}, None])
def test_a_row_without_its_key_is_refused(row: dict[str, Any] | None) -> None:
    error = refusal("crm.customers", row)
    assert (error.reason, error.field) == ("bad_cdc", "id")
    assert error.message == "the key column `id` of crm.customers is absent or empty"


def test_a_deleted_row_is_known_by_what_it_was() -> None:
    (row,) = CATALOG.source_rows(change("crm.customers", None, before={"id": 7, "name": "Blue"}))
    assert (row.key, row.columns) == ("7", None)


def test_a_changed_key_leaves_the_old_row_deleted() -> None:
    gone, new = CATALOG.source_rows(change("crm.customers", {"id": 45}, before={"id": 46}))
    assert ((gone.key, gone.columns), new.key) == (("46", None), "45")


def test_a_table_without_mapping_is_passed_over() -> None:
    assert CATALOG.source_rows(change("crm.invoices", {"id": 1})) == []


def test_the_version_is_the_commit_and_the_place_in_its_transaction() -> None:
    (row,) = CATALOG.source_rows(change("crm.customers", {"id": 7}, place=(99 << 20) + 12))
    assert row.version == COMMIT_MS * 1_000_000 + 12
    (row,) = CATALOG.source_rows(change("crm.customers", {"id": 7}, place=(1 << 20) - 1))
    assert row.version == COMMIT_MS * 1_000_000 + 999_999


CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.none(), max_size=1)


@given(st.data())
def test_nothing_but_a_capture_error_is_raised(data: st.DataObject) -> None:
    spec, source = data.draw(st.sampled_from(list(CATALOG.sources.values())))
    names = [place.source for column in source.columns if (place := source.place(column))]
    rows = st.none() | st.dictionaries(st.sampled_from(names), CELLS)
    try:
        found = CATALOG.source_rows(change(source.name, data.draw(rows), data.draw(rows)))
    except CdcError as error:
        assert error.reason in ("bad_cdc", "bad_value")  # noqa: PT017
        return
    for row in found:
        assert 0 <= row.version < 2**63
        if row.columns is not None:
            assert row.key == row.columns[spec.key]
            assert all(value and "\x00" not in value for value in row.columns.values())


ONE = "master: {}\nkey: id\ncolumns: {{id: {{}}}}\nsources: [{{schema: s, table: t, columns: {{id: n}}}}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "masters/m.yaml:1:1: Object contains unknown field `a`"),
        (ONE.format("m").replace("key: id", "key: nr"), "key: no column `nr`"),
        (ONE.format("m").replace("{id: n}", "{nr: n}"), "sources.s.t.columns: no column `nr`"),
        (
            ONE.format("m").replace("{id: {}}", "{id: {}, b: {}}").replace("{id: n}", "{b: n}"),
            "the key `id` is not mapped",
        ),
        (ONE.format("m").replace("{id: {}}", "{id: {references: site}}"), "columns.id.references: no table `site`"),
        (ONE.format("m").split("sources")[0] + "sources: []", "at least one source is needed"),
    ],
)
def test_a_mapping_with_a_fault_is_refused_with_its_file(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_masters({"masters/m.yaml": text})
    assert message in str(caught.value)


def test_a_source_table_has_one_mapping() -> None:
    with pytest.raises(SpecError, match=r"masters/b.yaml:1:1: sources: s\.t is already a source of `one`"):
        compile_masters({"masters/a.yaml": ONE.format("one"), "masters/b.yaml": ONE.format("two")})
