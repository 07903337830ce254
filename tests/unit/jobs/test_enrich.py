"""MasterData: which limits hold for a device, and that only versions decide, never the order of arrival."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.enrich import MasterData
from udfs.masters import MasterChange

NOW = 1_767_600_000_000
DEFAULTS = {"am319": {"temperature_max": 40.0, "co2_max": 1000.0}}


def change(master: str, key: str, version: int = 1, deleted: bool = False, **columns: str) -> MasterChange:
    return MasterChange(master, key, columns, version, deleted)


def limit(key: str, scope: str, scope_id: str, value: float, version: int = 1) -> MasterChange:
    columns = {"scope": scope, "scope_id": scope_id, "limit_name": "temperature_max", "value": repr(value)}
    return MasterChange("limit_override", key, columns, version, deleted=False)


DEVICE = change("device", "d1", product="am319", site_id="s1", firmware="1.2")
SITE = change("site", "s1", customer_id="c1")


def master_data(*changes: MasterChange) -> MasterData:
    data = MasterData(DEFAULTS)
    for one in changes:
        data.apply(one)
    return data


def temperature_max(*changes: MasterChange) -> float:
    return master_data(DEVICE, SITE, *changes).enrichment("am319", "d1", NOW).limits["temperature_max"]


def test_a_device_gets_its_site_customer_and_firmware() -> None:
    known = master_data(DEVICE, SITE).enrichment("am319", "d1", NOW)
    assert known == (True, "c1", "s1", "1.2", DEFAULTS["am319"])


def test_default_gives_way_to_product_to_customer_to_device() -> None:
    product, customer, device = (
        limit("1", "product", "am319", 41),
        limit("2", "customer", "c1", 42),
        limit("3", "device", "d1", 43),
    )
    assert temperature_max() == 40
    assert temperature_max(product) == 41
    assert temperature_max(customer, product) == 42
    assert temperature_max(device, customer, product) == 43
    assert temperature_max(limit("4", "device", "d2", 99)) == 40


def test_an_override_touches_its_own_limit_only() -> None:
    data = master_data(limit("1", "product", "am319", 41))
    assert data.enrichment("am319", "d1", NOW).limits == {"temperature_max": 41, "co2_max": 1000}
    assert data.enrichment("other", "d1", NOW).limits == {}


def at(milliseconds: int) -> int:
    """The version of a change committed then."""
    return milliseconds * 1_000_000


def test_a_reading_belongs_to_the_customer_of_its_time() -> None:
    noon = NOW - 6 * 3_600_000
    data = master_data(
        change("site", "s1", at(1), customer_id="c1"),
        change("site", "s2", at(1), customer_id="c2"),
        change("device", "d1", at(2), product="am319", site_id="s1", firmware="1"),
        change("device", "d1", at(noon), product="am319", site_id="s2", firmware="2"),
    )
    found = [data.enrichment("am319", "d1", time) for time in (noon - 1, noon, NOW, 0)]
    assert [(known.customer_id, known.firmware) for known in found] == [
        ("c1", "1"),
        ("c2", "2"),
        ("c2", "2"),
        ("c1", "1"),
    ]


def test_a_site_that_changed_hands_is_known_by_its_versions() -> None:
    noon = NOW - 6 * 3_600_000
    data = master_data(DEVICE, change("site", "s1", at(noon), customer_id="c2"))
    data.remember(change("site", "s1", at(1), customer_id="c1"))
    assert data.enrichment("am319", "d1", noon - 1).customer_id == "c1"
    assert data.enrichment("am319", "d1", NOW).customer_id == "c2"


def test_a_change_holds_at_once() -> None:
    data = master_data(DEVICE, SITE)
    assert data.enrichment("am319", "d1", NOW).customer_id == "c1"
    data.apply(change("site", "s1", version=2, customer_id="c2"))
    assert data.enrichment("am319", "d1", NOW).customer_id == "c2"


def test_an_older_version_changes_nothing() -> None:
    data = master_data(change("device", "d1", version=2, site_id="new"))
    assert data.apply(change("device", "d1", version=1, site_id="old")) is False
    assert data.enrichment("am319", "d1", NOW).site_id == "new"


def test_a_deleted_row_is_gone_and_stays_gone() -> None:
    deleted = change("device", "d1", version=5, deleted=True)
    data = master_data(DEVICE, SITE, deleted, DEVICE)
    assert data.enrichment("am319", "d1", NOW) == (False, None, None, None, DEFAULTS["am319"])


def test_a_deleted_override_gives_way_again() -> None:
    deleted = change("limit_override", "3", version=2, deleted=True)
    assert temperature_max(limit("3", "device", "d1", 43), deleted) == 40


def test_an_unregistered_device_has_the_products_limits_and_is_not_kept() -> None:
    data = master_data(limit("1", "product", "am319", 41))
    for number in range(1000):
        known = data.enrichment("am319", f"stranger-{number}", NOW)
        assert (known.registered, known.customer_id, known.limits["temperature_max"]) == (False, None, 41)
    assert data._enrichments == {}


@pytest.mark.parametrize("keys", [("1", "2"), ("2", "1")])
def test_of_two_overrides_of_one_limit_the_newer_holds(keys) -> None:
    old, new = limit(keys[0], "device", "d1", 50, version=1), limit(keys[1], "device", "d1", 60, version=2)
    assert temperature_max(old, new) == temperature_max(new, old) == 60


CHANGES = [
    DEVICE,
    change("device", "d1", version=3, product="am319", site_id="s2"),
    change("device", "d1", version=2, deleted=True),
    SITE,
    change("site", "s2", version=4, customer_id="c2"),
    change("site", "s2", version=5, customer_id="c3"),
    limit("1", "customer", "c3", 44),
    limit("1", "customer", "c3", 45, version=7),
    limit("2", "customer", "c3", 46, version=6),
    change("limit_override", "2", version=8, deleted=True),
]


@given(st.permutations(CHANGES), st.permutations(CHANGES))
def test_any_order_and_repetition_gives_the_newest_versions(
    once: list[MasterChange], again: list[MasterChange]
) -> None:
    known = master_data(*once, *again).enrichment("am319", "d1", NOW)
    assert (known.site_id, known.customer_id, known.limits["temperature_max"]) == ("s2", "c3", 45)
