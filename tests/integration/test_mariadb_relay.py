"""The relay for MariaDB against a real server: what it reads, what it refuses, and that nothing is lost or doubled."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from deployment import ROOT, Deployment, deploy, wait_until
from mariadb import MariaDb, certificate
from unified import unified

from gateways.relays.binlog import BinlogError
from gateways.relays.errors import RelayError
from gateways.relays.mariadb import ROWS_AT_ONCE, MariaRelay
from gateways.relays.positions import Positions
from gateways.stream import Stream
from jobs.store import migrate_aurora
from udfs.cdc.change import TableChange
from udfs.cdc.formats import read_changes

DATABASE = "relay_test"
pytestmark = pytest.mark.filterwarnings("ignore:'db' is deprecated:DeprecationWarning")  # the binlog's reader says db


@pytest.fixture(scope="module")
def deployment(shared_stack: Any, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_mariadb_relay")
    os.environ.update(deployment.environment)
    migrate_aurora(deployment.config.aurora, ROOT / "sql" / "aurora")
    return deployment


@pytest.fixture
def sql(maria: MariaDb) -> Iterator[Any]:
    """Runs a statement in a database of the test's own and gives its rows."""
    with maria.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET foreign_key_checks = 0")
        cursor.execute(f"CREATE OR REPLACE DATABASE {DATABASE}")
        cursor.execute("SET foreign_key_checks = 1")
        cursor.execute(f"USE {DATABASE}")

        def run(statement: str) -> Any:
            cursor.execute(statement)
            return cursor.fetchall()

        yield run


class Source:
    """A relay of `tables`, and what it has put on the stream since the last look."""

    def __init__(self, deployment: Deployment, url: str, name: str) -> None:
        self.deployment, self.url, self.name = deployment, url, name
        self.masters = (deployment.config.aws, deployment.config.kinesis.masters)
        self._seen = len(deployment.master_records())
        self._began = self._seen

    def relay(self, *tables: str, stream: Stream | None = None) -> MariaRelay:
        names = [f"{DATABASE}.{table}" for table in tables or ("t",)]
        positions = Positions(self.deployment.config.aurora)
        return MariaRelay(self.name, self.url, names, positions, stream or Stream(*self.masters))

    def started(self, *tables: str) -> MariaRelay:
        relay = self.relay(*tables)
        relay.start()
        self.changes()
        return relay

    def changes(self) -> list[Any]:
        records = self.deployment.master_records()
        fresh, self._seen = records[self._seen :], len(records)
        return [change for record in fresh for change in read_changes(record)]

    def rows(self) -> dict[str, dict[str, str]]:
        """What the job makes of all that was put."""
        return unified(self.deployment.master_records()[self._began :], {"thing.yaml": THINGS})


THINGS = f"""
master: thing
key: thing_id
columns: {{thing_id: {{}}, name: {{}}}}
sources: [{{schema: {DATABASE}, table: t, columns: {{thing_id: id, name: name}}}}]
"""


@pytest.fixture
def source(deployment: Deployment, maria: MariaDb, request: pytest.FixtureRequest) -> Source:
    return Source(deployment, maria.url(), request.node.originalname)


def drain(relay: MariaRelay) -> None:
    while relay.step():
        pass


def purge(sql: Any) -> None:
    """Leaves only the newest file of the binlog, which the server does not let go of at once."""
    [[file, *_]] = sql("SHOW MASTER STATUS")

    def gone() -> bool:
        sql(f"PURGE BINARY LOGS TO '{file}'")
        return len(sql("SHOW BINARY LOGS")) == 1

    wait_until(gone, "old files of the binlog to be purged")


def place(source: Source) -> tuple[str, int]:
    """Where the binlog is read on."""
    stored = json.loads(Positions(source.deployment.config.aurora).read(source.name) or "")["place"]
    return stored["file"], stored["offset"]


TYPES = """
id int unsigned primary key, touched int, n decimal(12,4), z decimal(10,10), whole decimal(30,0), big bigint unsigned,
small tinyint, middle mediumint, f float, d double, dt datetime, dt3 datetime(3), dt6 datetime(6), ts timestamp null,
ts6 timestamp(6) null, da date, tm time, tm3 time(3), y year, c char(5), vc varchar(300), tx text, b binary(4),
vb varbinary(10), bl blob, js json, e enum('rot', 'grün'), s set('x', 'y', 'z'), b1 bit(1), b10 bit(10), b64 bit(64),
l1 varchar(10) character set latin1, v bigint as (id + 1) virtual, st bigint as (id + 2) stored, g point,
h int invisible default 3
"""
FULL = """
(4294967295, 0, -12.5, 0.0000000001, 123456789012345678901234567890, 18446744073709551615, -3, -70000, 1.1, 0.1,
'2026-01-05 08:00:00', '2026-01-05 08:00:00.5', '2026-01-05 08:00:00.123456', '2026-01-05 08:00:00',
'2026-01-05 08:00:00.123456', '2026-01-05', '-00:00:01', '-12:34:56.250', 2026, 'ab', 'Grün 🚀', '', x'01020000',
x'00ff', x'00', '{"a": 1}', 'grün', 'z,x', 1, b'1000000001', ~0, 'Grün', point(1, 2))
"""
ODD = """
(1, 0, -0.0001, -0.5, -1, 0, 127, 8388607, 16777216, -1e300, '0000-00-00', '2026-00-00', '9999-12-31 23:59:59.999999',
'0000-00-00', '2038-01-19 03:14:07.999999', '2026-01-00', '838:59:59', '-00:00:00.5', 0, '', ' x ', 'ß', x'00', x'',
x'deadbeef', '[]', 'gelb', '', 0, 1, 1, '€', null)
"""
COLUMNS = (
    "id, touched, n, z, whole, big, small, middle, f, d, dt, dt3, dt6, ts, ts6, da, tm, tm3, y, c, vc, tx, b, vb, bl, "
    "js, e, s, b1, b10, b64, l1, g"
)
FULL_TEXTS = {
    "id": "4294967295",
    "touched": "0",
    "n": "-12.5000",
    "z": "0.0000000001",
    "whole": "123456789012345678901234567890",
    "big": "18446744073709551615",
    "small": "-3",
    "middle": "-70000",
    "f": "1.1",
    "d": "0.1",
    "dt": "2026-01-05T08:00:00Z",
    "dt3": "2026-01-05T08:00:00.500000Z",
    "dt6": "2026-01-05T08:00:00.123456Z",
    "ts": "2026-01-05T08:00:00Z",
    "ts6": "2026-01-05T08:00:00.123456Z",
    "da": "2026-01-05",
    "tm": "-00:00:01",
    "tm3": "-12:34:56.250000",
    "y": "2026",
    "c": "ab",
    "vc": "Grün 🚀",
    "tx": "",
    "b": "0x01020000",
    "vb": "0x00ff",
    "bl": "0x00",
    "js": '{"a": 1}',
    "e": "grün",
    "s": "x,z",
    "b1": "1",
    "b10": "513",
    "b64": "18446744073709551615",
    "l1": "Grün",
    "v": "4294967296",
    "st": "4294967297",
    "g": "0x000000000101000000000000000000f03f0000000000000040",
    "h": "3",
}


def test_a_row_has_the_same_texts_from_the_load_and_from_the_binlog(source: Source, sql: Any) -> None:
    sql("SET sql_mode = '', time_zone = '+00:00'")
    sql(f"CREATE TABLE t ({TYPES})")
    sql(f"INSERT INTO t ({COLUMNS}) VALUES {FULL}, {ODD}")
    sql("INSERT INTO t (id) VALUES (2)")
    relay = source.relay()
    relay.start()
    loaded = {change.after["id"]: change.after for change in source.changes()}
    assert loaded["4294967295"] == FULL_TEXTS
    assert loaded["2"] == {"id": "2", "h": "3", "v": "3", "st": "4"}
    sql("UPDATE t SET touched = 1")
    drain(relay)
    changes = source.changes()
    assert {change.before["id"]: change.before for change in changes} == loaded
    assert {change.after["id"]: change.after for change in changes} == {
        key: {**row, "touched": "1"} for key, row in loaded.items()
    }


def test_a_new_key_tells_the_old_one_and_a_deletion_the_row(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    relay = source.started()
    sql("INSERT INTO t VALUES (7, 'Blue')")
    sql("UPDATE t SET id = 8")
    sql("DELETE FROM t")
    drain(relay)
    assert [(change.before, change.after) for change in source.changes()] == [
        (None, {"id": "7", "name": "Blue"}),
        ({"id": "7", "name": "Blue"}, {"id": "8", "name": "Blue"}),
        ({"id": "8", "name": "Blue"}, None),
    ]
    assert source.rows() == {}


def test_columns_and_tables_that_change_are_told(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text, vat text)")
    relay = source.started()
    sql("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y')")
    sql("TRUNCATE TABLE t")
    sql("INSERT INTO t VALUES (2, 'b', 'y')")
    sql(f"/* all */ truncate `{DATABASE}` . `t`")
    sql("INSERT INTO t VALUES (3, 'c', 'z')")
    drain(relay)
    sql("/* a tool's */ ALTER TABLE t ADD COLUMN phone int FIRST")
    drain(relay)
    sql("INSERT INTO t VALUES (4711, 4, 'd', 'z')")
    sql("ALTER TABLE t DROP COLUMN vat, MODIFY phone varchar(20)")
    sql("INSERT INTO t VALUES ('+49', 5, 'e')")
    sql("CREATE TABLE other (id int PRIMARY KEY)")
    drain(relay)
    sql("RENAME TABLE t TO u")
    drain(relay)
    told = [
        (change.what, change.columns) if isinstance(change, TableChange) else change.after
        for change in source.changes()
    ]
    assert told == [
        {"id": "1", "name": "a", "vat": "x"},
        {"id": "2", "name": "b", "vat": "y"},
        ("truncated", ()),
        {"id": "2", "name": "b", "vat": "y"},
        ("truncated", ()),
        {"id": "3", "name": "c", "vat": "z"},
        ("added", ("phone",)),
        {"phone": "4711", "id": "4", "name": "d", "vat": "z"},
        ("removed", ("vat",)),
        ("retyped", ("phone",)),
        {"phone": "+49", "id": "5", "name": "e"},
        ("dropped", ()),
    ]
    assert set(source.rows()) == {"3", "4", "5"}


def test_a_later_commit_is_newer_whatever_the_clocks_say(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql("INSERT INTO t VALUES (1, 'loaded')")
    relay = source.started()
    for number in range(20):
        sql(f"SET TIMESTAMP = {2_000_000_000 - number}")
        sql(f"UPDATE t SET name = 'n{number}'")
        if number % 5 == 0:
            sql("FLUSH BINARY LOGS")
            drain(relay)
    drain(relay)
    positions = [change.position for change in source.changes()]
    assert positions == sorted(set(positions))
    assert source.rows() == {"1": {"thing_id": "1", "name": "n19"}}


def test_a_later_file_is_newer_where_its_number_has_more_bits_than_a_position(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql("RESET MASTER TO 2047")
    relay = source.started()
    sql("SET TIMESTAMP = 2000000000")
    sql("INSERT INTO t VALUES (1, 'in 2047')")
    sql("FLUSH BINARY LOGS")
    sql("UPDATE t SET name = 'in 2048'")
    drain(relay)
    before, after = source.changes()
    assert before.position < after.position
    assert source.rows() == {"1": {"thing_id": "1", "name": "in 2048"}}


def test_a_long_transaction_is_put_in_parts_and_once(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    relay = source.started()
    sql(f"INSERT INTO t SELECT seq, 'new' FROM mysql.seq_1_to_{2 * ROWS_AT_ONCE + 5}")
    sql("UPDATE t SET name = 'last' WHERE id = 1")
    drain(relay)
    assert relay.step() == 0
    changes = source.changes()
    assert len(changes) == 2 * ROWS_AT_ONCE + 6
    assert len({change.position for change in changes}) == len(changes)


class Failing(Stream):
    """Fails at its second batch, as a process does that is killed there."""

    puts = 0

    def put_all(self, records: Any) -> None:
        self.puts += 1
        if self.puts == 2:
            raise ConnectionError("killed")
        super().put_all(records)


def test_a_load_that_was_cut_off_leaves_no_rows_that_are_gone(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql(f"INSERT INTO t SELECT seq, 'old' FROM mysql.seq_1_to_{ROWS_AT_ONCE + 10}")
    with pytest.raises(ConnectionError, match="killed"):
        source.relay(stream=Failing(*source.masters)).start()
    sql("DELETE FROM t WHERE id > 5")
    sql("UPDATE t SET name = 'new' WHERE id = 2")
    relay = source.relay()
    relay.start()
    drain(relay)
    expected = {str(key): {"thing_id": str(key), "name": "new" if key == 2 else "old"} for key in range(1, 6)}
    assert source.rows() == expected


def test_a_step_that_was_cut_off_is_made_again_with_the_same_positions(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    relay = source.started()
    sql(f"INSERT INTO t SELECT seq, 'x' FROM mysql.seq_1_to_{ROWS_AT_ONCE}")
    sql(f"INSERT INTO t SELECT seq + {ROWS_AT_ONCE}, 'x' FROM mysql.seq_1_to_{ROWS_AT_ONCE}")
    cut_off = source.relay(stream=Failing(*source.masters))
    with pytest.raises(ConnectionError, match="killed"):
        drain(cut_off)
    first = source.changes()
    drain(relay)
    again = source.changes()
    assert len(first) == ROWS_AT_ONCE
    assert {change.position for change in first} <= {change.position for change in again}
    assert len({change.position for change in again}) == 2 * ROWS_AT_ONCE


def test_what_others_write_and_new_files_move_the_position(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql("CREATE TABLE other (id int PRIMARY KEY)")
    relay = source.started()
    sql("INSERT INTO other VALUES (1)")
    sql("FLUSH BINARY LOGS")

    def at_the_end() -> bool:
        assert relay.step() == 0
        [[file, offset, *_]] = sql("SHOW MASTER STATUS")
        return place(source) == (file, offset)

    wait_until(at_the_end, "the position to be the end of the binlog")
    purge(sql)
    sql("INSERT INTO t VALUES (1, 'still')")
    drain(relay)
    assert source.rows() == {"1": {"thing_id": "1", "name": "still"}}


def test_a_purged_position_is_refused_with_the_mend(source: Source, sql: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    relay = source.started()
    sql("INSERT INTO t VALUES (1, 'lost')")
    sql("FLUSH BINARY LOGS")
    purge(sql)
    with pytest.raises(RelayError, match="if that part of the binlog is purged, delete its row from relay_position"):
        relay.step()


@pytest.mark.parametrize(
    ("setting", "value", "usual", "told"),
    [
        ("binlog_format", "MIXED", "ROW", "binlog_format is MIXED: SET GLOBAL binlog_format = ROW"),
        ("binlog_row_image", "MINIMAL", "FULL", "binlog_row_image is MINIMAL: SET GLOBAL binlog_row_image = FULL"),
        ("binlog_row_metadata", "NO_LOG", "FULL", "binlog_row_metadata is NO_LOG: SET GLOBAL binlog_row_metadata"),
        ("log_bin_compress", "ON", "OFF", "log_bin_compress is ON: SET GLOBAL log_bin_compress = OFF"),
    ],
)
def test_a_binlog_that_lacks_something_is_refused_with_the_mend(
    source: Source, sql: Any, setting: str, value: str, usual: str, told: str
) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql(f"SET GLOBAL {setting} = {value}")
    try:
        with pytest.raises(RelayError, match=told):
            source.relay().start()
    finally:
        sql(f"SET GLOBAL {setting} = {usual}")


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (["SET binlog_row_image = MINIMAL", "UPDATE t SET name = 'x'"], "not all columns of .*t are logged"),
        (["SET binlog_format = STATEMENT", "/* x */ UPDATE t SET name = 'x'"], "logged as a statement, not by rows"),
        (
            ["XA START 'a'", "UPDATE t SET name = 'x'", "XA END 'a'", "XA PREPARE 'a'", "XA ROLLBACK 'a'"],
            "changed in an XA transaction, which may be rolled back yet",
        ),
        (
            ["SET GLOBAL log_bin_compress = ON", "UPDATE t SET name = repeat('x', 999)"],
            "it is compressed: SET GLOBAL log_bin_compress = OFF",
        ),
        (
            ["SET GLOBAL binlog_row_metadata = NO_LOG", "UPDATE t SET name = 'x'"],
            "have no names: SET GLOBAL binlog_row_metadata = FULL",
        ),
    ],
)
def test_a_change_that_cannot_be_captured_is_told_and_not_passed_over(
    source: Source, sql: Any, statements: list[str], told: str
) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql("INSERT INTO t VALUES (1, 'a')")
    source.name = f"{source.name}_{told[:6].strip().replace(' ', '_')}"
    relay = source.started()
    try:
        for statement in statements:
            sql(statement)
    finally:
        sql("SET GLOBAL log_bin_compress = OFF, GLOBAL binlog_row_metadata = FULL")
    for _ in range(2):
        with pytest.raises(BinlogError, match=told):
            relay.step()


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("id uuid PRIMARY KEY", "`id` is of type uuid: make it CHAR"),
        ("id varchar(9) CHARACTER SET utf16 PRIMARY KEY", "`id` has the character set utf16: make it utf8mb4"),
        ("id int PRIMARY KEY, e enum('grün') CHARACTER SET latin1", "`e` has labels in latin1: make it utf8mb4"),
        (
            "id int PRIMARY KEY, CONSTRAINT of FOREIGN KEY (id) REFERENCES parents (id) ON DELETE CASCADE",
            "its key `of` changes rows without logging them: let it RESTRICT",
        ),
    ],
)
def test_a_table_that_cannot_be_captured_is_refused_with_the_mend(
    source: Source, sql: Any, definition: str, told: str
) -> None:
    sql("CREATE TABLE parents (id int PRIMARY KEY)")
    sql(f"CREATE TABLE t ({definition})")
    with pytest.raises(RelayError, match=told):
        source.relay().start()


@pytest.mark.parametrize(
    ("grants", "told"),
    [
        ([], "GRANT REPLICATION SLAVE, BINLOG MONITOR"),
        (["BINLOG MONITOR ON *.*"], f"there are no tables {DATABASE}.t that it may read: .*GRANT SELECT"),
        (["BINLOG MONITOR ON *.*", f"SELECT ON {DATABASE}.*"], "GRANT REPLICATION SLAVE, BINLOG MONITOR"),
    ],
)
def test_missing_rights_are_told_before_the_load(
    source: Source, sql: Any, maria: MariaDb, grants: list[str], told: str
) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("INSERT INTO t VALUES (1)")
    sql("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'read it'")
    for grant in grants:
        sql(f"GRANT {grant} TO reader@'127.0.0.1'")
    source.url, source.name = maria.url("reader", "read%20it"), "test_missing_rights"
    with pytest.raises(RelayError, match=told) as refused:
        source.relay().start()
    assert "read it" not in str(refused.value)
    assert source.changes() == []


def test_a_user_with_the_rights_that_are_told_may_capture(source: Source, sql: Any, maria: MariaDb) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql("INSERT INTO t VALUES (1, 'a')")
    sql("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'x'")
    sql("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO reader@'127.0.0.1'")
    sql(f"GRANT SELECT ON {DATABASE}.t TO reader@'127.0.0.1'")
    source.url = maria.url("reader", "x")
    relay = source.started()
    sql("UPDATE t SET name = 'b'")
    drain(relay)
    assert source.rows() == {"1": {"thing_id": "1", "name": "b"}}


@pytest.mark.parametrize(
    "url", ["", "mysql://", "postgresql://u@h/", "mysql://u:p@h:port/", "host=h user=u", "mysql://u@h/?ssl"]
)
def test_a_connection_that_is_no_url_is_refused_without_being_told(source: Source, url: str) -> None:
    source.url = url
    with pytest.raises(RelayError, match="its connection is no URL such as mysql://user:password@host:3306/"):
        source.relay()


def test_a_server_is_known_by_its_certificate(source: Source, sql: Any, maria: MariaDb, folder: Path) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
    sql("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'x' REQUIRE SSL")
    sql("GRANT ALL ON *.* TO reader@'127.0.0.1'")
    source.url = f"{maria.url('reader', 'x')}?ssl_ca={maria.certificate}"
    relay = source.started()
    sql("INSERT INTO t VALUES (1, 'a')")
    drain(relay)
    assert source.rows() == {"1": {"thing_id": "1", "name": "a"}}
    other, _ = certificate(folder)
    source.url = f"{maria.url('reader', 'x')}?ssl_ca={other}"
    with pytest.raises(pymysql.OperationalError, match="certificate verify failed"):
        source.relay().step()


def test_one_with_the_wrong_password_is_refused(source: Source, maria: MariaDb) -> None:
    source.url = maria.url("sluice", "wrong")
    with pytest.raises(RelayError, match="the server refuses: Access denied"):
        source.relay().start()
