"""What Kinesis did not take yet, on disk in its order: a SQLite file, so that a crash in the middle leaves it whole."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from gateways.errors import GatewayConfigError

_ROW_BYTES: Final = 64
"""What a row takes beside its data, about."""


class SpooledRecord(NamedTuple):
    """A record that waits; `place` rises in the order of arrival."""

    place: int
    group: int
    data: bytes


class Spool:
    """Records on disk, at most `limit` bytes of them. One process has it; its methods may be called in any thread."""

    def __init__(self, file: Path, limit: int) -> None:
        self._limit = limit
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(file, timeout=1, isolation_level=None, check_same_thread=False)
            self._database.executescript(
                # FULL: a row that was told to be durable survives the machine, too.
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                "CREATE TABLE IF NOT EXISTS record "
                "(place INTEGER PRIMARY KEY, grp INTEGER NOT NULL, data BLOB NOT NULL); "
                "CREATE INDEX IF NOT EXISTS record_by_group ON record (grp, place);"
            )
            row = self._database.execute("SELECT count(*), coalesce(sum(length(data)), 0) FROM record").fetchone()
        except (OSError, sqlite3.Error) as error:
            mend = "no other gateway may use it, and this user must be able to write there"
            raise GatewayConfigError(str(file), "producer.spool", f"cannot be opened: {error}: {mend}") from error
        self._size = int(row[0]) * _ROW_BYTES + int(row[1])

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    @property
    def is_full(self) -> bool:
        return self._size >= self._limit

    def append(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Returns when the records (group, data) are on disk."""
        rows = list(records)
        with self._database:  # what fails in here is rolled back
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO record (grp, data) VALUES (?, ?)", rows)
        self._size += sum(_ROW_BYTES + len(data) for _, data in rows)

    def heads(self, at_most: int) -> list[SpooledRecord]:
        """The oldest record of each group, the oldest first."""
        query = (
            "SELECT place, grp, data FROM record WHERE place IN (SELECT min(place) FROM record GROUP BY grp) "
            "ORDER BY place LIMIT ?"
        )
        return [SpooledRecord(*row) for row in self._database.execute(query, [at_most])]

    def remove(self, records: Iterable[SpooledRecord]) -> None:
        """Forgets records that Kinesis has."""
        taken = list(records)
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("DELETE FROM record WHERE place = ?", [(record.place,) for record in taken])
        self._size -= sum(_ROW_BYTES + len(record.data) for record in taken)

    def close(self) -> None:
        self._database.close()
