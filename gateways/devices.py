"""Which devices are registered, and as what: the table `device` of Aurora, looked at again every few seconds."""

import asyncio
from typing import Final, NamedTuple

import psycopg
import structlog

from jobs.config import Aurora

REFRESH_SECONDS: Final = 10.0
REFRESHES_A_FULL_ONE: Final = 30
"""Now and then all is read: a source that lags behind the others commits versions that are older than the newest."""

_log = structlog.get_logger(__name__)


class Device(NamedTuple):
    """What the master data says of a device that a gateway needs to know."""

    product: str | None
    firmware: str | None


class Devices:
    """All registered devices by id. A refresh reads what has newer versions than the one before, now and then all."""

    def __init__(self, aurora: Aurora) -> None:
        self._aurora = aurora
        self._known: dict[str, Device] = {}
        self._version = -1
        self._refreshes = 0

    def find(self, device_id: str) -> Device | None:
        """None where nobody has registered the device."""
        return self._known.get(device_id)

    def __len__(self) -> int:
        return len(self._known)

    def refresh(self) -> None:
        """Reads the rows that are new since the last call; raises psycopg.Error."""
        if self._refreshes % REFRESHES_A_FULL_ONE == 0:
            self._version = -1
        self._refreshes += 1
        query = "SELECT device_id, product, firmware, deleted, version FROM device WHERE version > %s ORDER BY version"
        with psycopg.connect(self._aurora.conninfo(self._aurora.read_host)) as connection:
            for device_id, product, firmware, deleted, version in connection.execute(query, [self._version]):
                if deleted:
                    self._known.pop(device_id, None)
                else:
                    self._known[device_id] = Device(product, firmware)
                self._version = version

    async def keep_fresh(self) -> None:
        """Refreshes until it is cancelled; while Aurora is away, what was known holds."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except psycopg.Error as error:
                _log.warning("devices not refreshed, what was known holds", error=str(error).strip())
