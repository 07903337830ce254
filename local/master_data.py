"""Master data of the fleet as AWS DMS sends it: control records, a full load of four source tables, then changes.

Records have the shape of the task settings IncludeTransactionDetails, IncludePartitionValue, IncludeControlDetails and
before images; see `specs/masters/` for what the tables mean.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from local.fleet import NUM_CUSTOMERS, NUM_SITES, Device, Fleet
from local.ledger import Ledger
from local.scripts import raised_limit_device

Cell = str | int | float | None
RAISED_LIMIT: Final = 60.0
TASK: Final = "CRMASSETS01"
_KEYS: Final = {
    ("crm", "customers"): "id",
    ("crm", "sites"): "id",
    ("assets", "devices"): "serial_no",
    ("assets", "alarm_limits"): "id",
}
_UNIFIED: Final[Mapping[tuple[str, str], tuple[str, Mapping[str, str]]]] = {
    ("crm", "customers"): ("customer", {"id": "customer_id", "name": "name", "country": "country"}),
    ("crm", "sites"): (
        "site",
        {"id": "site_id", "customer_id": "customer_id", "name": "name", "time_zone": "time_zone"},
    ),
    ("assets", "devices"): (
        "device",
        {
            "serial_no": "device_id",
            "model": "product",
            "site_id": "site_id",
            "fw_version": "firmware",
            "installed_at": "installed_at",
        },
    ),
    ("assets", "alarm_limits"): (
        "limit_override",
        {
            "id": "limit_id",
            "scope": "scope",
            "scope_id": "scope_id",
            "limit_name": "limit_name",
            "limit_value": "value",
        },
    ),
}


@dataclass(frozen=True)
class RowChange:
    """One change of a source row; `before` holds what an update replaces, a delete has the key only."""

    schema: str
    table: str
    operation: str
    row: Mapping[str, Cell]
    before: Mapping[str, Cell] | None = None

    @property
    def key(self) -> str:
        return str(self.row[_KEYS[self.schema, self.table]])


class Replication:
    """The DMS task: numbers transactions and writes records."""

    def __init__(self) -> None:
        self._transaction = 9_324_410_911_750

    def loaded(self, change: RowChange, now: datetime) -> bytes:
        """A row of the full load."""
        return _record({"data": _present(change.row), "metadata": self._metadata(change, now)})

    def committed(self, changes: list[RowChange], now: datetime) -> Iterator[bytes]:
        """The rows of one transaction, one record each."""
        previous, self._transaction = self._transaction, self._transaction + 1
        for place, change in enumerate(changes, start=1):
            metadata = self._metadata(change, now) | {
                "transaction-id": self._transaction,
                "transaction-record-id": place,
                "prev-transaction-id": previous,
                "prev-transaction-record-id": 1,
                "commit-timestamp": _iso(now),
                "stream-position": f"00000002/{self._transaction % 2**32:08X}.{place}",
            }
            body: dict[str, object] = {"data": _present(change.row), "metadata": metadata}
            yield _record(body if change.before is None else {"before-image": _present(change.before), **body})

    def table_created(self, schema: str, table: str, columns: list[str], key: str, now: datetime) -> bytes:
        """The control record that announces a table; DMS's own tables come with an empty schema."""
        definition = {name: {"type": "WSTRING", "length": 255, "nullable": name != key} for name in columns}
        metadata = {
            "timestamp": _iso(now),
            "record-type": "control",
            "operation": "create-table",
            "partition-key-type": "task-id",
            "partition-key-value": TASK,
            "schema-name": schema,
            "table-name": table,
        }
        return _record({"control": {"table-def": {"columns": definition, "primary-key": [key]}}, "metadata": metadata})

    def _metadata(self, change: RowChange, now: datetime) -> dict[str, object]:
        return {
            "timestamp": _iso(now),
            "record-type": "data",
            "operation": change.operation,
            "partition-key-type": "primary-key",
            "partition-key-value": f"{change.schema}.{change.table}.{change.key}",
            "schema-name": change.schema,
            "table-name": change.table,
        }


def full_load(fleet: Fleet) -> list[RowChange]:
    """The rows that stand in the source tables when replication begins."""
    return [*_customers(), *_sites(), *_devices(fleet), *_limits(fleet)]


def changes(fleet: Fleet) -> list[list[RowChange]]:
    """What changes during the run, a list a transaction; no device that sends becomes unregistered by it."""
    updated, moved = fleet.of_product("talkpool-oy1700")[5], fleet.of_product("milesight-am319")[20]
    hot_one = raised_limit_device(fleet)
    spare, scrapped = _spares()
    limit = _limit_row("LIM-0003", "device", hot_one.device_id, "temperature_max", 55)
    return [
        [RowChange("assets", "alarm_limits", "insert", limit)],
        [_update("assets", "alarm_limits", limit, limit_value=RAISED_LIMIT)],
        [_update("assets", "devices", _device_row(moved), site_id=_site_id((_site_number(moved) + 1) % NUM_SITES))],
        [
            _update("assets", "devices", _device_row(updated), fw_version="1.1"),
            _update("crm", "customers", _customer_row(3), name="Customer 3 Holding"),
        ],
        [
            RowChange("assets", "devices", "delete", {"serial_no": spare.device_id}),
            RowChange("assets", "devices", "insert", _device_row(spare) | {"site_id": _site_id(7)}),
        ],
        [RowChange("assets", "devices", "delete", {"serial_no": scrapped.device_id})],
    ]


def noise(replication: Replication, now: datetime) -> list[bytes]:
    """What DMS sends beside rows."""
    own = ["TASK_NAME", "TABLE_OWNER", "TABLE_NAME", "ERROR_TIME", "STATEMENT", "ERROR"]
    created = [
        replication.table_created(*source, list(columns), _KEYS[source], now)
        for source, (_, columns) in _UNIFIED.items()
    ]
    return [*created, replication.table_created("", "awsdms_apply_exceptions", own, "TASK_NAME", now)]


def enter(ledger: Ledger, change: RowChange) -> None:
    """Write into the ledger which unified row must stand after this change."""
    master, columns = _UNIFIED[change.schema, change.table]
    if change.operation == "delete":
        ledger.remove_master_row(master, change.key)
        return
    row = {columns[name]: _unified(columns[name], cell) for name, cell in change.row.items() if cell is not None}
    ledger.put_master_row(master, change.key, row)


def _unified(column: str, cell: Cell) -> str:
    if column == "value":
        return repr(float(cell or 0))
    if column == "installed_at":
        return str(cell).replace("T", " ").rstrip("Z")
    return str(cell).lower() if column == "product" else str(cell)


def _customers() -> list[RowChange]:
    return [RowChange("crm", "customers", "load", _customer_row(number)) for number in range(NUM_CUSTOMERS)]


def _sites() -> list[RowChange]:
    return [
        RowChange(
            "crm",
            "sites",
            "load",
            {
                "id": _site_id(number),
                "customer_id": _customer_id(number % NUM_CUSTOMERS),
                "name": f"Site {number}",
                "time_zone": "Europe/Berlin",
            },
        )
        for number in range(NUM_SITES)
    ]


def _devices(fleet: Fleet) -> list[RowChange]:
    return [RowChange("assets", "devices", "load", _device_row(device)) for device in [*fleet.devices, *_spares()]]


def _limits(fleet: Fleet) -> list[RowChange]:
    # None that the episodes meet: hot readings lie above these as well.
    cold_room = fleet.of_product("coldroom-logger")[0].device_id
    rows = [
        _limit_row("LIM-0001", "device", cold_room, "temperature_max", 10),
        _limit_row("LIM-0002", "customer", _customer_id(2), "tow_speed_min", 12),
    ]
    return [RowChange("assets", "alarm_limits", "load", row) for row in rows]


def _spares() -> tuple[Device, Device]:
    """Registered, but in the store room: they never send, so they may come and go."""
    product = "milesight-am319"
    return Device("spare-01", product, 0, _site_id(0), "1.0"), Device("spare-02", product, 0, _site_id(0), "1.0")


def _customer_row(number: int) -> dict[str, Cell]:
    return {"id": _customer_id(number), "name": f"Customer {number}", "country": "DE"}


def _device_row(device: Device) -> dict[str, Cell]:
    return {
        "serial_no": device.device_id,
        "model": device.product.upper(),
        "site_id": device.site_id,
        "fw_version": device.firmware,
        "installed_at": "2026-03-02T00:00:00Z",
    }


def _limit_row(limit_id: str, scope: str, scope_id: str, name: str, value: float) -> dict[str, Cell]:
    return {"id": limit_id, "scope": scope, "scope_id": scope_id, "limit_name": name, "limit_value": value}


def _update(schema: str, table: str, row: Mapping[str, Cell], **changed: Cell) -> RowChange:
    before = {name: row[name] for name in changed}
    return RowChange(schema, table, "update", {**row, **changed}, before)


def _customer_id(number: int) -> str:
    return f"customer-{number}"


def _site_id(number: int) -> str:
    return f"site-{number:02d}"


def _site_number(device: Device) -> int:
    return int(device.site_id.removeprefix("site-"))


def _present(row: Mapping[str, Cell]) -> dict[str, Cell]:
    return {name: cell for name, cell in row.items() if cell is not None}


def _record(body: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(body)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
