"""Rows of several sources → unified rows: order, duplicates, matches, trust, references and quarantine."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.cdc.change import RowChange, TableChange, position_of
from udfs.masters import MasterChange, SourceRow, compile_masters
from udfs.unify import Outcome, PastVersion, Quarantine, Unifier

CUSTOMER = """
master: customer
key: customer_id
match: [vat_id]
columns:
  customer_id: {}
  name: {}
  country: {type: country}
  vat_id: {case: upper}
sources:
  - {schema: crm, table: customers, columns: {customer_id: id, name: name, country: country, vat_id: vat}}
  - {schema: erp, table: debtors, columns: {customer_id: {from: debtor_no, prefix: erp-}, name: company, vat_id: vat}}
"""
SITE = """
master: site
key: site_id
columns:
  site_id: {}
  customer_id: {references: customer, required: true}
sources:
  - {schema: crm, table: sites, columns: {site_id: id, customer_id: customer}}
  - {schema: erp, table: places, columns: {site_id: place_no, customer_id: {from: debtor, prefix: erp-}}}
"""
DEVICE = """
master: device
key: device_id
columns:
  device_id: {}
  site_id: {references: site, required: true, agree: true}
  firmware: {}
sources:
  - {schema: assets, table: devices, columns: {device_id: serial, site_id: site, firmware: fw}}
  - {schema: iot, table: things, columns: {device_id: _id, site_id: site, firmware: version}}
"""
CATALOG = compile_masters({"customer.yaml": CUSTOMER, "site.yaml": SITE, "device.yaml": DEVICE})
SECOND = 1_000


def put(name: str, row: dict[str, Any], at: int, before: dict[str, Any] | None = None) -> RowChange:
    schema, table = name.split(".")
    committed_at = at * SECOND
    return RowChange(
        schema=schema,
        table=table,
        after=row,
        before=before,
        position=position_of(committed_at, 0),
        committed_at=committed_at,
    )


def delete(name: str, key: dict[str, Any], at: int) -> RowChange:
    schema, table = name.split(".")
    committed_at = at * SECOND
    position = position_of(committed_at, 0)
    return RowChange(schema=schema, table=table, after=None, before=key, position=position, committed_at=committed_at)


def truncate(name: str, at: int) -> TableChange:
    schema, table = name.split(".")
    position, committed_at = position_of(at * SECOND, 0), at * SECOND
    return TableChange(
        schema=schema, table=table, what="truncated", columns=(), position=position, committed_at=committed_at
    )


class Store:
    """What a store holds that takes each outcome as the job's sinks do."""

    def __init__(self) -> None:
        self.unifier = Unifier(CATALOG)
        self.rows: dict[tuple[str, str], MasterChange] = {}
        self.sources: dict[tuple[str, str], SourceRow] = {}
        self.quarantine: dict[tuple[str, str], Quarantine] = {}
        self.history: list[MasterChange] = []

    def take(self, *changes: RowChange | TableChange) -> None:
        for change in changes:
            self.write(self.unifier.apply(change))

    def write(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, SourceRow):
                self.sources[outcome.source, outcome.key] = outcome
            elif isinstance(outcome, Quarantine):
                self.quarantine[outcome.source, outcome.row_key] = outcome
            elif isinstance(outcome, PastVersion):
                self.history.append(outcome.change)
            else:
                self.history.append(outcome)
                known = self.rows.get((outcome.master, outcome.key))
                assert known is None or known.version <= outcome.version
                self.rows[outcome.master, outcome.key] = outcome

    def standing(self) -> dict[tuple[str, str], dict[str, str]]:
        return {key: row.columns for key, row in self.rows.items() if not row.deleted}

    def reasons(self) -> dict[tuple[str, str], str]:
        return {key: entry.reason for key, entry in self.quarantine.items() if entry.reason}


@pytest.fixture
def store() -> Store:
    return Store()


BLUE = put("crm.customers", {"id": 7, "name": "Blue", "country": "Germany"}, at=1)
HALL = put("crm.sites", {"id": "S1", "customer": 7}, at=2)
METER = put("assets.devices", {"serial": "d1", "site": "S1"}, at=3)


def test_a_row_stands_in_unified_names(store: Store) -> None:
    store.take(BLUE)
    assert store.standing() == {("customer", "7"): {"customer_id": "7", "name": "Blue", "country": "DE"}}


def test_an_older_change_does_not_win(store: Store) -> None:
    store.take(
        put("crm.customers", {"id": 7, "name": "new"}, at=5), put("crm.customers", {"id": 7, "name": "old"}, at=4)
    )
    assert store.standing()["customer", "7"]["name"] == "new"


def test_but_it_enters_the_history(store: Store) -> None:
    store.take(
        put("crm.customers", {"id": 7, "name": "new"}, at=5), put("crm.customers", {"id": 7, "name": "old"}, at=4)
    )
    assert [(change.version // 10**9, change.columns["name"]) for change in store.history] == [(5, "new"), (4, "old")]


def test_a_change_older_than_the_deletion_brings_nothing_back(store: Store) -> None:
    store.take(delete("crm.customers", {"id": 7}, at=9), BLUE)
    assert store.standing() == {}


def test_a_changed_key_moves_the_row(store: Store) -> None:
    store.take(BLUE, put("crm.customers", {"id": 8, "name": "Blue"}, at=4, before={"id": 7}))
    assert store.standing() == {("customer", "8"): {"customer_id": "8", "name": "Blue"}}


def test_what_the_end_of_a_row_changes_is_in_the_history_since_then(store: Store) -> None:
    store.take(BLUE, HALL, METER, put("iot.things", {"_id": "d1", "site": "S1", "version": "9"}, at=5))
    store.take(delete("iot.things", {"_id": "d1"}, at=8))
    versions = [(change.version // 10**9, change.columns.get("firmware")) for change in store.history[-3:]]
    assert versions == [(3, None), (5, "9"), (8, None)]


def test_what_a_new_key_changes_in_rows_that_refer_to_it_is_in_the_history_since_then(store: Store) -> None:
    store.take(
        put("erp.debtors", {"debtor_no": 40, "vat": "DE1"}, at=1),
        put("erp.places", {"place_no": "P1", "debtor": 40}, at=2),
        put("crm.customers", {"id": 7, "vat": "DE1"}, at=6),
        delete("crm.customers", {"id": 7}, at=9),
    )
    versions = [(c.version // 10**9, c.columns["customer_id"]) for c in store.history if c.master == "site"]
    assert versions == [(2, "erp-40"), (6, "7"), (9, "erp-40")]


def test_a_row_that_waited_is_as_old_as_it_is(store: Store) -> None:
    store.take(BLUE, HALL, METER, put("assets.devices", {"serial": "d1", "site": "S2"}, at=4))
    store.take(put("crm.sites", {"id": "S2", "customer": 7}, at=9))
    assert store.history[-1].columns["site_id"] == "S2"
    assert store.history[-1].version // 10**9 == 4


def test_a_repeated_change_changes_nothing(store: Store) -> None:
    store.take(BLUE, HALL, METER)
    before = store.standing()
    store.take(BLUE, HALL, METER)
    assert store.standing() == before


def test_sources_that_match_are_one_row_of_the_most_trusted_key(store: Store) -> None:
    store.take(
        put("erp.debtors", {"debtor_no": 40, "company": "BLUE GMBH", "vat": "de1"}, at=1),
        put("crm.customers", {"id": 7, "country": "DEU", "vat": "DE1"}, at=2),
    )
    assert store.standing() == {
        ("customer", "7"): {"customer_id": "7", "name": "BLUE GMBH", "country": "DE", "vat_id": "DE1"}
    }


def test_sources_that_match_no_longer_are_two_rows(store: Store) -> None:
    store.take(
        put("crm.customers", {"id": 7, "vat": "DE1"}, at=1),
        put("erp.debtors", {"debtor_no": 40, "vat": "DE1"}, at=2),
        put("erp.debtors", {"debtor_no": 40, "vat": "DE2"}, at=3),
    )
    assert set(store.standing()) == {("customer", "7"), ("customer", "erp-40")}


def test_a_reference_to_a_joined_row_means_the_unified_one(store: Store) -> None:
    store.take(
        put("erp.places", {"place_no": "P1", "debtor": 40}, at=1),
        put("erp.debtors", {"debtor_no": 40, "vat": "DE1"}, at=2),
    )
    assert store.standing()["site", "P1"]["customer_id"] == "erp-40"
    store.take(put("crm.customers", {"id": 7, "vat": "DE1"}, at=3))
    assert store.standing()["site", "P1"]["customer_id"] == "7"


def test_a_row_waits_for_what_it_refers_to(store: Store) -> None:
    store.take(METER, HALL)
    assert store.standing() == {}
    assert store.reasons() == {
        ("assets.devices", "d1"): "unknown_reference",
        ("crm.sites", "S1"): "unknown_reference",
    }
    store.take(BLUE)
    assert set(store.standing()) == {("customer", "7"), ("site", "S1"), ("device", "d1")}
    assert store.reasons() == {}


def test_a_device_without_site_is_quarantined(store: Store) -> None:
    store.take(put("assets.devices", {"serial": "d1"}, at=1))
    entry = store.quarantine["assets.devices", "d1"]
    assert (entry.reason, entry.field) == ("missing", "site_id")
    assert "site_id" in entry.message


def test_what_was_applied_stands_while_a_newer_state_is_quarantined(store: Store) -> None:
    store.take(BLUE, HALL, METER, put("assets.devices", {"serial": "d1", "site": "nowhere", "fw": "2"}, at=4))
    assert store.standing()["device", "d1"] == {"device_id": "d1", "site_id": "S1"}
    assert store.reasons() == {("assets.devices", "d1"): "unknown_reference"}


def test_a_deleted_row_leaves_quarantine(store: Store) -> None:
    store.take(METER, delete("assets.devices", {"serial": "d1"}, at=4))
    assert store.reasons() == {}


def test_two_sites_for_one_device_is_a_conflict_of_the_less_trusted(store: Store) -> None:
    store.take(BLUE, HALL, put("crm.sites", {"id": "S2", "customer": 7}, at=2), METER)
    store.take(put("iot.things", {"_id": "d1", "site": "S2", "version": "9"}, at=5))
    assert store.reasons() == {("iot.things", "d1"): "conflict"}
    assert store.standing()["device", "d1"] == {"device_id": "d1", "site_id": "S1"}
    store.take(put("iot.things", {"_id": "d1", "site": "S1", "version": "9"}, at=6))
    assert store.standing()["device", "d1"]["firmware"] == "9"
    assert store.reasons() == {}


def test_two_things_of_one_key_are_told(store: Store) -> None:
    store.take(put("crm.customers", {"id": "erp-40", "name": "odd"}, at=1))
    store.take(put("erp.debtors", {"debtor_no": 40, "company": "other", "vat": "DE4"}, at=2))
    assert store.reasons() == {("erp.debtors", "erp-40"): "key_taken"}
    store.take(delete("crm.customers", {"id": "erp-40"}, at=3))
    assert store.standing()["customer", "erp-40"]["name"] == "other"


def test_a_truncated_table_has_no_rows(store: Store) -> None:
    store.take(BLUE, HALL, truncate("crm.sites", at=9))
    assert set(store.standing()) == {("customer", "7")}


def test_a_change_older_than_the_truncation_brings_nothing_back(store: Store) -> None:
    store.take(BLUE, truncate("crm.sites", at=9))
    again = restarted(store)
    again.take(HALL)
    assert set(again.standing()) == {("customer", "7")}
    again.take(put("crm.sites", {"id": "S1", "customer": 7}, at=10))
    assert set(again.standing()) == {("customer", "7"), ("site", "S1")}


@pytest.mark.parametrize(
    ("what", "columns", "told"),
    [
        ("removed", ("vat",), {("crm.customers", "column vat"): "column_removed"}),
        ("retyped", ("name", "other"), {("crm.customers", "column name"): "column_retyped"}),
        ("added", ("colour",), {}),
        ("dropped", (), {("crm.customers", "table"): "table_dropped"}),
        # As DMS tells it without IncludeControlDetails.
        ("removed", (), {("crm.customers", "table"): "column_removed"}),
        ("retyped", (), {("crm.customers", "table"): "column_retyped"}),
    ],
)
def test_a_changed_table_is_reported_where_a_mapping_reads_it(store: Store, what: Any, columns: Any, told: Any) -> None:
    change = TableChange(schema="crm", table="customers", what=what, columns=columns, position=1, committed_at=1)
    store.take(change)
    assert store.reasons() == told


def named(row: dict[str, Any], at: int) -> RowChange:
    """As a format tells it whose rows name every column of their table."""
    return msgspec.structs.replace(put("crm.customers", row, at), names_all=True)


WITHOUT_NAME = named({"id": 7, "country": None, "vat": None}, at=5)
WITH_NAME = named({"id": 8, "country": None, "vat": None, "name": None}, at=6)


def test_a_column_that_rows_have_no_longer_is_reported_until_they_have_it_again(store: Store) -> None:
    store.take(named({"id": 7, "country": None, "vat": None, "name": "Blue", "colour": "blue"}, at=1))
    assert store.reasons() == {}
    store.take(WITHOUT_NAME)
    assert store.reasons() == {("crm.customers", "column name"): "column_removed"}
    assert "crm.customers has no `name`" in store.quarantine["crm.customers", "column name"].message
    again = restarted(store)
    again.quarantine = store.quarantine
    again.take(WITH_NAME)
    assert again.reasons() == {}


def test_rows_that_come_late_tell_nothing_of_their_columns(store: Store) -> None:
    store.take(WITH_NAME, WITHOUT_NAME)
    assert store.reasons() == {}


def test_a_column_is_told_once(store: Store) -> None:
    store.take(WITHOUT_NAME)
    later = msgspec.structs.replace(WITHOUT_NAME, position=WITHOUT_NAME.position + 1)
    assert not [outcome for outcome in store.unifier.apply(later) if isinstance(outcome, Quarantine)]


def test_a_row_that_may_leave_out_what_is_null_tells_nothing_of_its_columns(store: Store) -> None:
    store.take(put("crm.customers", {"id": 7}, at=1))
    assert store.reasons() == {}


def test_after_a_restart_all_goes_on(store: Store) -> None:
    store.take(BLUE, HALL, METER)
    again = restarted(store)
    again.take(put("assets.devices", {"serial": "d1", "site": "S1", "fw": "3"}, at=9))
    again.take(put("crm.customers", {"id": 7, "name": "older"}, at=0))
    assert again.standing()["device", "d1"]["firmware"] == "3"
    assert again.standing()["customer", "7"]["name"] == "Blue"


def changes() -> st.SearchStrategy[list[RowChange | TableChange]]:
    """Changes of a few rows of every source, and truncations, each at a time of its own."""
    few = st.sampled_from(["1", "2"])
    vat = st.sampled_from([None, "DE1", "DE2"])
    rows = st.one_of(
        st.tuples(st.just("crm.customers"), st.fixed_dictionaries({"id": few, "vat": vat})),
        st.tuples(st.just("erp.debtors"), st.fixed_dictionaries({"debtor_no": few, "vat": vat})),
        st.tuples(st.just("crm.sites"), st.fixed_dictionaries({"id": few, "customer": few})),
        st.tuples(st.just("erp.places"), st.fixed_dictionaries({"place_no": few, "debtor": few})),
        st.tuples(st.just("assets.devices"), st.fixed_dictionaries({"serial": few, "site": few})),
        st.tuples(st.just("iot.things"), st.fixed_dictionaries({"_id": few, "site": few, "version": few})),
    )
    what: list[Callable[[str, dict[str, Any], int], RowChange | TableChange]]
    what = [put, put, put, delete, delete, lambda name, _, at: truncate(name, at)]
    return st.lists(st.tuples(rows, st.sampled_from(what)), max_size=14).map(
        lambda drawn: [change(name, row, at) for at, ((name, row), change) in enumerate(drawn, start=1)]
    )


@settings(max_examples=100, deadline=None)
@given(changes(), st.randoms())
def test_what_a_crash_swallows_is_made_good_after_it(log: list[RowChange | TableChange], random: Any) -> None:
    whole, cut = Store(), Store()
    whole.take(*log)
    for change in log[: random.randrange(len(log) + 1)]:
        outcomes = list(cut.unifier.apply(change))
        cut.write(outcome for outcome in outcomes if isinstance(outcome, SourceRow) or random.random() < 0.5)
    again = restarted(cut)
    again.take(*log)
    if not whole.reasons():
        assert again.standing() == whole.standing()


@settings(max_examples=100, deadline=None)
@given(changes(), st.randoms())
def test_any_order_and_any_repetition_end_in_the_same_rows(log: list[RowChange | TableChange], random: Any) -> None:
    ordered, mixed = Store(), Store()
    ordered.take(*log)
    again = [*log, *random.sample(log, len(log) // 2)]
    random.shuffle(again)
    mixed.take(*again)
    assert mixed.sources == ordered.sources
    if not ordered.reasons() and not mixed.reasons():
        assert mixed.standing() == ordered.standing()


def restarted(store: Store) -> Store:
    """The store with a job that begins anew."""
    again = Store()
    again.rows, again.sources, again.history = dict(store.rows), dict(store.sources), list(store.history)
    again.write(again.unifier.restore(store.sources.values(), list(store.rows.values())))
    return again
