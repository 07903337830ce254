"""The final table: what the ledger says must be there, held against what each store holds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from local.contents import Content, compare_contents
from local.ledger import ExpectedAlarm, Ledger
from local.stores import Stores


@dataclass(frozen=True)
class Check:
    """One line of the table; `detail` names what differs."""

    what: str
    store: str
    expected: int | Content
    found: int | Content
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.expected == self.found and not self.detail


USABLE: Final = 0.9
"""At least this share of what is received is usable: decoded, without warning, enriched."""


def reconcile(ledger: Ledger, stores: Stores, keys: Mapping[str, str], ttl_days: int) -> list[Check]:
    """Every count that follows from the ledger, and that the stores hold the same; `keys` of the master tables.

    The ledger knows nothing of replayed dead letters, which are receipts of their own. A run's specs stay the same, so
    they only fail again and store nothing.
    """
    received, dead, replays = stores.num_received(), stores.dead_by_reason(), stores.replays()
    expected_dead = ledger.dead + replays.dead
    stored, duplicates = stores.num_rows("messages"), stores.num_rows("duplicates")
    alarms = stores.alarms()
    return [
        Check("envelopes", "Iceberg raw", ledger.envelopes + replays.envelopes, stores.num_rows("raw")),
        Check("received messages", "Iceberg raw", ledger.received + replays.received, received),
        Check("received = stored + dead + duplicates", "Iceberg", received, stored + dead.total() + duplicates),
        Check("stored messages", "Iceberg messages", ledger.stored, stored),
        Check("stored messages", "DocumentDB messages", ledger.stored, stores.num_documents("messages")),
        Check(
            "dead letters",
            "Iceberg dead_letters",
            expected_dead.total(),
            dead.total(),
            _difference(expected_dead, dead),
        ),
        Check("dead letters", "DocumentDB dead_letters", ledger.num_dead, stores.num_dead_letters()),
        Check("duplicates", "Iceberg duplicates", ledger.duplicates, duplicates),
        Check("enriched messages", "Iceberg messages", ledger.stored - ledger.unregistered, stores.num_enriched()),
        Check(
            "latest states",
            "DocumentDB latest_state",
            stores.num_devices(ttl_days),
            stores.num_documents("latest_state"),
        ),
        _quality(stores, stores.num_recent(ttl_days) - replays.received),
        Check("alarms", "Aurora alarm", len(ledger.alarms), len(alarms), _alarm_difference(ledger.alarms, alarms)),
        Check("alarms raised", "DocumentDB alarms", len(ledger.alarms), stores.num_raised()),
        Check("alarms raised", "Iceberg alarms", len(ledger.alarms), stores.num_lake_raised()),
        *[_master_check(ledger, stores, master, key) for master, key in keys.items()],
        *[
            Check(f"{what}: same content", store, lake, found)
            for what, store, lake, found in compare_contents(stores, ttl_days)
        ],
    ]


def render(checks: list[Check]) -> Table:
    table = Table("what", "store", "expected", "found", "", box=None, header_style="bold")
    for check in checks:
        verdict = "[green]ok[/]" if check.holds else f"[red]differs[/] {check.detail}"
        table.add_row(check.what, check.store, _text(check.expected), _text(check.found), verdict)
    return table


def _text(value: int | Content) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _quality(stores: Stores, expected: int) -> Check:
    received, usable = stores.quality()
    share = usable / received if received else 0.0
    detail = "" if share >= USABLE else f"only {share:.1%} usable, at least {USABLE:.0%} should be"
    return Check(f"received, {share:.1%} usable", "DocumentDB data_quality_1d", expected, received, detail)


def _master_check(ledger: Ledger, stores: Stores, master: str, key: str) -> Check:
    expected, found = ledger.master_rows.get(master, {}), stores.master_rows(master, key)
    wrong = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))
    detail = f"{len(wrong)} rows, first `{wrong[0]}`: {expected.get(wrong[0])} / {found.get(wrong[0])}" if wrong else ""
    return Check(f"{master} rows", f"Aurora {master}", len(expected), len(found), detail)


def _difference(expected: Counter[str], found: Counter[str]) -> str:
    reasons = sorted(reason for reason in expected.keys() | found.keys() if expected[reason] != found[reason])
    return ", ".join(f"{reason} {expected[reason]} / {found[reason]}" for reason in reasons)


def _alarm_difference(expected: list[ExpectedAlarm], found: list[ExpectedAlarm]) -> str:
    missing, surplus = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    named = [f"missing {alarm.rule} {alarm.device_id} @{alarm.start}" for alarm in missing]
    named += [f"surplus {alarm.rule} {alarm.device_id} @{alarm.start}" for alarm in surplus]
    return "; ".join(named[:4])
