"""Stage 3, enrich: message → message with its customer, site and the rule limits that hold for its device.

Master data lives in a plain dict in front of Flink's broadcast state: reading broadcast state for each message was
measured 15 times slower. Changes come in any order and more than once; the newest version of a row wins.
"""

from bisect import insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from jobs.config import Aurora
from udfs.masters import RECORDS_PER_MILLISECOND, MasterChange

Limits = Mapping[str, float]
UNREGISTERED = "unregistered_device"
"""Warning in `quality` of a message whose device is not in the master data: stored, without customer and site."""

MASTERS: Final = ("device", "site", "limit_override")
"""The master tables that messages are enriched from."""

TIMED: Final = ("device", "site")
"""The master tables of which enrichment knows earlier versions."""

_ROWS_AT_ONCE: Final = 10_000
_EARLIER: Final = sql.SQL(
    "SELECT master, row_key, columns, version, deleted FROM (SELECT *, count(*) OVER (PARTITION BY master, row_key) "
    "AS versions FROM master_history WHERE {}) AS history WHERE versions > 1"
)


class Enrichment(NamedTuple):
    """What the master data knows of one device."""

    registered: bool
    customer_id: str | None
    site_id: str | None
    firmware: str | None
    limits: dict[str, float]


class MasterData:
    """Every master row in its newest version, and of devices and sites the earlier ones: a reading belongs to the
    customer who had the device when it was taken."""

    def __init__(self, default_limits: Mapping[str, Limits]) -> None:
        self._default_limits = default_limits
        self._rows: dict[tuple[str, str], MasterChange] = {}
        self._earlier: dict[tuple[str, str], list[MasterChange]] = {}
        self._overrides: dict[tuple[str, str], dict[str, float]] | None = None
        self._enrichments: dict[str, dict[str, tuple[int, Enrichment]]] = {}
        """Device → product → since when it holds, in epoch ms, and the enrichment."""

    def apply(self, change: MasterChange) -> bool:
        """Take a change over unless a newer version of its row is known; True if it was taken."""
        key = change.master, change.key
        known = self._rows.get(key)
        if known is not None and known.version > change.version:
            return False
        if known is not None and known.columns != change.columns:
            self.remember(known)
        self._rows[key] = change
        if change.master == "device":
            self._enrichments.pop(change.key, None)
        elif change.master in ("site", "limit_override"):
            self._overrides = None
            self._enrichments.clear()
        return True

    def remember(self, version: MasterChange) -> None:
        """Keep a version that a row had before the newest one."""
        if version.master in TIMED:
            insort(self._earlier.setdefault((version.master, version.key), []), version, key=_version)

    def enrichment(self, product: str, device_id: str, event_time: int) -> Enrichment:
        """What holds for a reading of this time, in epoch ms; the limits are those of now."""
        found = self._enrichments.get(device_id, {}).get(product)
        if found is None:
            found = self._since(device_id), self._enrich(product, device_id, None)
            if found[1].registered:  # ids that nobody registered are without bound
                self._enrichments.setdefault(device_id, {})[product] = found
        since, newest = found
        return newest if event_time >= since else self._enrich(product, device_id, event_time)

    def _since(self, device_id: str) -> int:
        """From when on the newest versions of the device and its site both hold; 0 where they have no earlier ones."""
        device = self._columns("device", device_id, None)
        keys = ("device", device_id), ("site", device.get("site_id", "") if device else "")
        timed = (self._rows[key] for key in keys if key in self._rows and key in self._earlier)
        return max((_valid_from(row) for row in timed), default=0)

    def _enrich(self, product: str, device_id: str, at: int | None) -> Enrichment:
        device = self._columns("device", device_id, at)
        site_id = device.get("site_id") if device else None
        site = self._columns("site", site_id, at)
        customer_id = site.get("customer_id") if site else None
        firmware = device.get("firmware") if device else None
        limits = self._limits(product, customer_id, device_id)
        return Enrichment(device is not None, customer_id, site_id, firmware, limits)

    def _limits(self, product: str, customer_id: str | None, device_id: str) -> dict[str, float]:
        """Default < product < customer < device."""
        if self._overrides is None:
            self._overrides = self._collect_overrides()
        limits = dict(self._default_limits.get(product, {}))
        for scope, scope_id in (("product", product), ("customer", customer_id or ""), ("device", device_id)):
            limits.update(self._overrides.get((scope, scope_id), {}))
        return limits

    def _columns(self, master: str, key: str | None, at: int | None) -> dict[str, str] | None:
        """The row's columns at epoch ms `at`, now where None; what was before the first version is not known."""
        row = self._rows.get((master, key)) if key else None
        if row is None or at is None or _valid_from(row) <= at:
            return None if row is None or row.deleted else row.columns
        earlier = self._earlier.get((master, row.key), [row])
        then = next((version for version in reversed(earlier) if _valid_from(version) <= at), earlier[0])
        return None if then.deleted else then.columns

    def _collect_overrides(self) -> dict[tuple[str, str], dict[str, float]]:
        overrides: dict[tuple[str, str], dict[str, float]] = {}
        # Where two rows override the same limit, the newer one holds, whichever came first.
        for (master, _), row in sorted(self._rows.items(), key=lambda item: (item[1].version, item[0])):
            if master == "limit_override" and not row.deleted and "value" in row.columns:
                scope = row.columns.get("scope", ""), row.columns.get("scope_id", "")
                overrides.setdefault(scope, {})[row.columns.get("limit_name", "")] = float(row.columns["value"])
        return overrides


def read_master_data(aurora: Aurora, host: str, masters: Mapping[str, str]) -> Iterator[MasterChange]:
    """All rows of `masters`, each table with its key column, by Aurora's endpoint `host`, in one snapshot."""
    with psycopg.connect(aurora.conninfo(host), row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for master, key in masters.items():
            with connection.cursor(master) as cursor:  # of the server: they may be millions
                cursor.itersize = _ROWS_AT_ONCE
                for row in cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(master))):
                    yield _change(master, key, row)


def read_earlier_versions(aurora: Aurora, masters: Collection[str]) -> Iterator[MasterChange]:
    """Every version of the rows of `masters` that have had several and are timed, by the read endpoint."""
    timed = [master for master in TIMED if master in masters]
    with (
        psycopg.connect(aurora.conninfo(aurora.read_host)) as connection,
        connection.cursor("earlier_versions") as cursor,  # of the server: they may be millions
    ):
        cursor.itersize = _ROWS_AT_ONCE
        yield from _versions(cursor.execute(_EARLIER.format(sql.SQL("master = ANY(%s)")), [timed]))


def read_devices(connection: "psycopg.Connection[Any]", share: str) -> list[MasterChange]:
    """The devices of a share of the fleet (jobs/shares.py)."""
    cursor = connection.cursor(row_factory=dict_row)
    rows = cursor.execute("SELECT * FROM device WHERE left(md5(device_id), 3) = %s", [share])
    return [_change("device", "device_id", row) for row in rows]


def read_earlier_devices(connection: "psycopg.Connection[Any]", share: str) -> list[MasterChange]:
    """Every version of a share's devices that have had several."""
    of_share = sql.SQL("master = 'device' AND left(md5(row_key), 3) = %s")
    return [*_versions(connection.execute(_EARLIER.format(of_share), [share]))]


def _change(master: str, key: str, row: dict[str, Any]) -> MasterChange:
    version, deleted = row.pop("version"), row.pop("deleted")
    columns = {name: str(value) for name, value in row.items() if value is not None}
    return MasterChange(master, columns[key], columns, version, deleted)


def _versions(rows: Iterable[tuple[str, str, str, int, bool]]) -> Iterator[MasterChange]:
    for master, key, columns, version, deleted in rows:
        yield MasterChange(master, key, msgspec.json.decode(columns, type=dict[str, str]), version, deleted)


def _version(change: MasterChange) -> int:
    return change.version


def _valid_from(change: MasterChange) -> int:
    return change.version // RECORDS_PER_MILLISECOND
