"""Relays against real databases: what they put on the stream makes the source's rows, through crashes too."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from deployment import ROOT, Deployment, deploy, wait_until
from mariadb import MariaDb
from pymongo import MongoClient
from unified import unified

from local.ministack import client
from local.stack import Stack

SOURCE = "test_relays_crm"


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    return deploy(shared_stack, folder / "project", "test_relays")


@pytest.fixture(scope="module")
def crm(deployment: Deployment) -> Iterator["psycopg.Connection[Any]"]:
    """A CRM of its own, in a database of its own."""
    with psycopg.connect(conninfo(deployment, "sluice"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {SOURCE}")
    with psycopg.connect(conninfo(deployment, SOURCE), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA crm")
        connection.execute("CREATE TABLE crm.customers (id int PRIMARY KEY, name text, country text, phone text)")
        connection.execute(
            "INSERT INTO crm.customers SELECT n, 'Customer ' || n, 'DE' FROM generate_series(1, 500) AS n"
        )
        yield connection


def conninfo(deployment: Deployment, database: str) -> str:
    aurora = deployment.config.aurora
    return (
        f"host={aurora.write_host} port={aurora.port} user={aurora.user} password={aurora.password} dbname={database}"
    )


class Relay:
    """The command as it is run in production, which a test may kill."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.folder = folder
        self.configure("postgresql", "crm.customers")
        self.environment = deployment.environment | {
            "CRM_DSN": conninfo(deployment, SOURCE),
            "IOT_URI": deployment.config.documentdb.uri,
            "PATH": str(Path(sys.executable).parent),
        }
        self.log = folder / "relay.log"

    def configure(self, kind: str, table: str) -> None:
        variables = {"postgresql": "CRM_DSN", "mariadb": "SHOP_URL", "mongodb": "IOT_URI"}
        connection = f"connection: env:{variables[kind]}\n" if kind in variables else ""
        self.config = self.folder / f"{kind}.yaml"
        self.config.write_text(f"name: {kind}_relay\nkind: {kind}\ntables: [{table}]\n{connection}")

    def start(self) -> None:
        command = [str(Path(sys.executable).parent / "sluice"), "relay", "run", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=ROOT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)

    def check(self) -> None:
        assert self.process.poll() is None, self.log.read_text()


@pytest.fixture
def relay(deployment: Deployment, folder: Path) -> Iterator[Relay]:
    relay = Relay(deployment, folder)
    yield relay
    if relay.process.poll() is None:
        relay.kill()


def source(crm: "psycopg.Connection[Any]") -> dict[str, dict[str, str]]:
    rows = crm.execute("SELECT id::text, name, country FROM crm.customers").fetchall()
    return {key: {"customer_id": key, "name": name, "country": country} for key, name, country in rows}


def change_somehow(crm: "psycopg.Connection[Any]", random: Random, number: int) -> None:
    """A transaction of one or two changes."""
    key = random.randint(1, 500)
    with crm.transaction():
        match number % 4:
            case 0:
                crm.execute("UPDATE crm.customers SET name = %s WHERE id = %s", [f"Renamed {number}", key])
            case 1:
                crm.execute("INSERT INTO crm.customers VALUES (%s, %s, 'FR')", [1000 + number, f"New {number}"])
            case 2:
                crm.execute("DELETE FROM crm.customers WHERE id = %s", [key])
                crm.execute("INSERT INTO crm.customers VALUES (%s, 'Again', 'IT') ON CONFLICT DO NOTHING", [key])
            case 3:
                crm.execute("UPDATE crm.customers SET id = %s WHERE id = %s", [5000 + number, 1000 + number - 2])


def test_postgresql_is_captured_through_crashes(deployment: Deployment, crm: Any, relay: Relay) -> None:
    random = Random(7)
    relay.start()
    wait_until(lambda: len(deployment.master_records()) >= 500, "the full load on the stream", relay.check)
    for number in range(700):
        change_somehow(crm, random, number)
    relay.kill()  # in the middle of what it has not confirmed
    for number in range(700, 1400):
        change_somehow(crm, random, number)
    relay.start()
    time_to_kill = len(deployment.master_records()) + 50
    wait_until(lambda: len(deployment.master_records()) >= time_to_kill, "changes after the crash", relay.check)
    relay.kill()
    for number in range(1400, 2000):
        change_somehow(crm, random, number)
    relay.start()
    wait_until(
        lambda: unified(deployment.master_records()) == source(crm), "the stream to make the source's rows", relay.check
    )
    assert relay.stop() == 0


def test_a_source_without_logical_replication_is_refused_with_the_mend(
    deployment: Deployment, crm: Any, relay: Relay
) -> None:
    crm.execute("DROP ROLE IF EXISTS no_replication")
    crm.execute("CREATE ROLE no_replication LOGIN PASSWORD 'x'")
    relay.environment["CRM_DSN"] = (
        conninfo(deployment, SOURCE)
        .replace("user=sluice", "user=no_replication")
        .replace(f"password={deployment.config.aurora.password}", "password=x")
    )
    began = relay.log.stat().st_size
    relay.start()
    assert relay.process.wait(timeout=30) == 1
    told = relay.log.read_text()[began:]
    assert "ALTER ROLE … REPLICATION" in told
    assert "password" not in told


BUYERS = """
master: customer
key: customer_id
columns: {customer_id: {}, name: {}, country: {}}
sources: [{schema: shop, table: customers, columns: {customer_id: id, name: name, country: country}}]
"""


def buy_somehow(cursor: Any, random: Random, number: int) -> None:
    """A transaction of one or two statements; some are rolled back."""
    key = random.randint(1, 500)
    cursor.execute("BEGIN")
    match number % 5:
        case 0:
            cursor.execute("UPDATE shop.customers SET name = %s WHERE id = %s", [f"Renamed {number}", key])
        case 1:
            cursor.execute("INSERT INTO shop.customers VALUES (%s, %s, 'FR')", [1000 + number, f"Neu – {number}"])
        case 2:
            cursor.execute("DELETE FROM shop.customers WHERE id = %s", [key])
            cursor.execute("INSERT IGNORE INTO shop.customers VALUES (%s, 'Again', 'IT')", [key])
        case 3:
            cursor.execute("UPDATE shop.customers SET id = %s WHERE id = %s", [5000 + number, 1000 + number - 2])
        case 4:
            cursor.execute("UPDATE shop.customers SET country = NULL WHERE id BETWEEN %s AND %s", [key, key + 3])
            cursor.execute("INSERT INTO shop.orders VALUES (%s)", [number])
    cursor.execute("ROLLBACK" if number % 7 == 6 else "COMMIT")


def test_mariadb_is_captured_through_crashes(deployment: Deployment, maria: MariaDb, relay: Relay) -> None:
    random = Random(10)
    relay.configure("mariadb", "shop.customers")
    relay.environment["SHOP_URL"] = maria.url()
    before = len(deployment.master_records())
    with maria.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop")
        cursor.execute("CREATE TABLE shop.customers (id int PRIMARY KEY, name varchar(40), country char(2))")
        cursor.execute("CREATE TABLE shop.orders (id int PRIMARY KEY)")
        cursor.execute("INSERT INTO shop.customers SELECT seq, concat('Buyer ', seq), 'DE' FROM mysql.seq_1_to_500")
        relay.start()
        wait_until(lambda: len(deployment.master_records()) >= before + 500, "the full load", relay.check)
        for number in range(700):
            buy_somehow(cursor, random, number)
        relay.kill()  # in the middle of what it has not stored
        for number in range(700, 1400):
            buy_somehow(cursor, random, number)
            if number % 200 == 0:
                cursor.execute("FLUSH BINARY LOGS")
        relay.start()
        time_to_kill = len(deployment.master_records()) + 50
        wait_until(lambda: len(deployment.master_records()) >= time_to_kill, "changes after the crash", relay.check)
        relay.kill()
        for number in range(1400, 2000):
            buy_somehow(cursor, random, number)
        relay.start()
        cursor.execute("SELECT id, name, country FROM shop.customers")
        expected = {
            str(key): {"customer_id": str(key), "name": name, **({"country": country} if country else {})}
            for key, name, country in cursor.fetchall()
        }
        buyers = {"customer.yaml": BUYERS}
        wait_until(lambda: unified(deployment.master_records(), buyers) == expected, "the table", relay.check)
    maria.kill()
    wait_until(lambda: "again in" in relay.log.read_text(), "the relay to miss its server", relay.check)
    maria.start()
    with maria.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO shop.customers VALUES (9999, 'After the crash', 'AT')")
    expected["9999"] = {"customer_id": "9999", "name": "After the crash", "country": "AT"}
    wait_until(lambda: unified(deployment.master_records(), buyers) == expected, "what came after", relay.check)
    assert relay.stop() == 0


THINGS = """
master: device
key: device_id
columns: {device_id: {}, firmware: {}}
sources: [{schema: test_relays_iot, table: devices, columns: {device_id: _id, firmware: firmware.version}}]
"""


def test_mongodb_is_captured_through_crashes(deployment: Deployment, relay: Relay) -> None:
    random = Random(8)
    relay.configure("mongodb", "test_relays_iot.devices")
    with MongoClient[dict[str, Any]](deployment.config.documentdb.uri) as mongo:
        devices = mongo.test_relays_iot.devices
        devices.insert_many([{"_id": f"d{n}", "firmware": {"version": "1.0"}} for n in range(200)])
        before = len(deployment.master_records())
        relay.start()
        wait_until(lambda: len(deployment.master_records()) >= before + 200, "the full load on the stream", relay.check)
        for number in range(1_000):
            if number in (300, 600):
                relay.kill()
            if number in (400, 700):
                relay.start()
            key = f"d{random.randrange(250)}"
            if number % 5:
                devices.update_one({"_id": key}, {"$set": {"firmware.version": f"2.{number}"}}, upsert=True)
            else:
                devices.delete_one({"_id": key})

        def expected() -> dict[str, dict[str, str]]:
            return {
                document["_id"]: {"device_id": document["_id"], "firmware": document["firmware"]["version"]}
                for document in devices.find()
            }

        things = {"device.yaml": THINGS}
        wait_until(lambda: unified(deployment.master_records(), things) == expected(), "the collection", relay.check)
    assert relay.stop() == 0


RELEASES = """
master: firmware
key: firmware_id
columns: {firmware_id: {}, version_name: {}}
sources: [{schema: "", table: TestRelaysReleases, columns: {firmware_id: releaseId, version_name: version}}]
"""


def test_dynamodb_is_captured_through_crashes(deployment: Deployment, relay: Relay) -> None:
    random, table = Random(9), "TestRelaysReleases"
    relay.configure("dynamodb", table)
    dynamodb = client(deployment.environment, "dynamodb")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "releaseId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "releaseId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )

    def put(key: str, version: str) -> None:
        dynamodb.put_item(TableName=table, Item={"releaseId": {"S": key}, "version": {"S": version}})

    for number in range(100):
        put(f"r{number}", "1.0")
    before = len(deployment.master_records())
    relay.start()
    wait_until(lambda: len(deployment.master_records()) >= before + 100, "the full load on the stream", relay.check)
    for number in range(400):
        if number in (100, 250):
            relay.kill()
        if number in (150, 300):
            relay.start()
        key = f"r{random.randrange(120)}"
        if number % 5:
            put(key, f"2.{number}")
        else:
            dynamodb.delete_item(TableName=table, Key={"releaseId": {"S": key}})
    expected = {
        item["releaseId"]["S"]: {"firmware_id": item["releaseId"]["S"], "version_name": item["version"]["S"]}
        for item in dynamodb.scan(TableName=table)["Items"]
    }
    releases = {"firmware.yaml": RELEASES}
    wait_until(lambda: unified(deployment.master_records(), releases) == expected, "the table", relay.check)
    assert relay.stop() == 0
