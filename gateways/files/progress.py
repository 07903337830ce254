"""How far each file is, in the tables `gateway_file` and `gateway_file_refused` of Aurora."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from jobs.config import Aurora

MAX_CONNECTIONS: Final = 8
CONNECT_SECONDS: Final = 10.0

State = Literal["loading", "loaded", "quarantined"]


class FileLoad(msgspec.Struct, kw_only=True):
    """A row of `gateway_file`: which file, how far it is, and what came of it."""

    product: str
    content: str
    devices: str
    location: str
    version: str
    bytes: int
    state: State = "loading"
    rows_per_payload: int
    payloads: int = 0
    rows: int = 0
    messages: int = 0
    dead_letters: int = 0
    refused: int = 0
    seconds: float = 0.0
    reason: str = ""
    message: str = ""
    byte_offset: int | None = None

    @property
    def is_finished(self) -> bool:
        return self.state != "loading"


class RefusedPayload(NamedTuple):
    """A payload that the gateway did not take; `number` is its first row's, from 1."""

    number: int
    device: str
    reason: str
    message: str
    payload: str


_COLUMNS = FileLoad.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM gateway_file"  # noqa: S608 - names of the struct
_KEY = ("product", "content", "devices")
_WRITE = (
    f"INSERT INTO gateway_file ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in _COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET updated_at = now(), "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY)
)
_REFUSE = (
    "INSERT INTO gateway_file_refused VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
    "ON CONFLICT (product, content, devices, number) DO NOTHING"
)


class Progress:
    """The tables; every method raises psycopg.Error."""

    def __init__(self, aurora: Aurora) -> None:
        # Kept connections: four questions a file, each on a connection of its own, took longer than a small file.
        self._pool = ConnectionPool(
            aurora.conninfo(aurora.write_host),
            min_size=0,
            max_size=MAX_CONNECTIONS,
            timeout=CONNECT_SECONDS,
            check=ConnectionPool.check_connection,
            open=True,
        )

    def close(self) -> None:
        """Ends its connections."""
        self._pool.close()

    def known(self, product: str, locations: Sequence[str]) -> dict[tuple[str, str], FileLoad]:
        """What was at these locations before, by location and version."""
        query = f"{_SELECT} WHERE product = %s AND location = ANY(%s)"
        return {(load.location, load.version): load for load in self._select(query, [product, list(locations)])}

    def find(self, product: str, content: str, devices: str) -> FileLoad | None:
        """The load of this content, wherever it lay."""
        query = f"{_SELECT} WHERE product = %s AND content = %s AND devices = %s"
        return next(iter(self._select(query, [product, content, devices])), None)

    def write(self, load: FileLoad, refused: Iterable[RefusedPayload] = ()) -> None:
        """Stores how far the file is, together with what was refused since."""
        with self._pool.connection() as connection:
            connection.execute(_WRITE, msgspec.structs.asdict(load))
            with connection.cursor() as cursor:
                cursor.executemany(
                    _REFUSE, [(load.product, load.content, load.devices, *_storable(payload)) for payload in refused]
                )

    def _select(self, query: str, parameters: list[Any]) -> list[FileLoad]:
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return [FileLoad(**row) for row in cursor.execute(query, parameters)]


def _storable(payload: RefusedPayload) -> RefusedPayload:
    """A device that a JSON document names may hold a NUL, a text of PostgreSQL none."""
    return payload._replace(device=payload.device.replace("\0", "\\0"))
