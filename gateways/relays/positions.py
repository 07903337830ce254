"""How far each relay is, in the table `relay_position` of Aurora."""

import psycopg

from jobs.config import Aurora


class Positions:
    """Texts that only their relay understands."""

    def __init__(self, aurora: Aurora) -> None:
        self._aurora = aurora

    def read(self, relay: str) -> str | None:
        with psycopg.connect(self._aurora.conninfo(self._aurora.write_host)) as connection:
            row = connection.execute("SELECT position FROM relay_position WHERE relay = %s", [relay]).fetchone()
        return None if row is None else str(row[0])

    def write(self, relay: str, position: str) -> None:
        query = (
            "INSERT INTO relay_position VALUES (%s, %s, now()) "
            "ON CONFLICT (relay) DO UPDATE SET position = excluded.position, updated_at = now()"
        )
        with psycopg.connect(self._aurora.conninfo(self._aurora.write_host)) as connection:
            connection.execute(query, [relay, position])
