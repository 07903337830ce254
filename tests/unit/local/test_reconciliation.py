"""The final table holds what the stores have against the ledger; replayed dead letters are receipts of their own."""

from collections import Counter
from typing import Any

import pytest

from local.ledger import Ledger, Line
from local.reconciliation import Check, reconcile
from local.stores import Replays

HEALTHY, DEAD = Line("d", b"", messages=3), Line("d", b"", dead="bad_csv")
NONE = Replays(0, 0, Counter())


class FakeStores:
    """Stores that took two healthy lines and two dead ones, and then `replays`."""

    def __init__(self, replays: Replays = NONE, **differing: int) -> None:
        self._replays, self._differing = replays, differing

    def num_rows(self, table: str) -> int:
        rows = {"raw": 4 + self._replays.envelopes, "messages": 6, "duplicates": 0}
        return (rows | self._differing)[table]

    def num_documents(self, collection: str) -> int:
        return {"messages": 6, "latest_state": 1}[collection]

    def num_devices(self, ttl_days: int) -> int:
        return 1

    def num_recent(self, ttl_days: int) -> int:
        return self.num_received()

    def quality(self) -> tuple[int, int]:
        return 8, self._differing.get("usable", 8)

    def query(self, query: str, table: str) -> list[Any]:
        return []

    def documents(self, collection: str) -> list[Any]:
        return []

    def table(self, name: str) -> list[Any]:
        return []

    def num_received(self) -> int:
        return 8 + self._replays.received

    def dead_by_reason(self) -> Counter[str]:
        return Counter(bad_csv=2) + self._replays.dead

    def replays(self) -> Replays:
        return self._replays

    def num_dead_letters(self) -> int:
        return self._differing.get("dead_letters", 2)

    def alarms(self) -> list[Any]:
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda: {"num_enriched": 6, "num_raised": 0, "num_lake_raised": 0}[name]


def checked(stores: FakeStores) -> list[Check]:
    ledger = Ledger()
    for line in (HEALTHY, HEALTHY, DEAD, DEAD):
        ledger.add(line)
    return reconcile(ledger, stores, keys={}, ttl_days=10)  # type: ignore[arg-type]


def test_stores_that_have_it_all_reconcile() -> None:
    assert [check for check in checked(FakeStores()) if not check.holds] == []


@pytest.mark.parametrize("dead", [Counter(bad_csv=1), Counter(bad_value=1)], ids=["as before", "another reason"])
def test_a_replay_that_failed_again_is_no_difference(dead: Counter[str]) -> None:
    assert [check for check in checked(FakeStores(Replays(1, 1, dead))) if not check.holds] == []


@pytest.mark.parametrize(
    ("differing", "store"),
    [
        ({"raw": 5}, "Iceberg raw"),
        ({"messages": 5}, "Iceberg"),
        ({"dead_letters": 1}, "DocumentDB dead_letters"),
        ({"usable": 7}, "DocumentDB data_quality_1d"),
    ],
)
def test_a_store_that_differs_is_named(differing: dict[str, int], store: str) -> None:
    assert store in [check.store for check in checked(FakeStores(**differing)) if not check.holds]
