"""The embedded stack with its real servers; no Flink."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from pymongo import MongoClient

from jobs.ingest import EnvelopeError, Line, read_envelope
from local.errors import StackError
from local.fleet import Fleet
from local.gateway import Gateway
from local.ledger import Ledger
from local.ministack import DEVICE_STREAM, MASTER_STREAM, client, kinesis_client, stream
from local.scripts import POWER_CUT_THEN_MOVING, THRESHOLD_RULES
from local.simulator import FleetSimulator
from local.stack import SERVICES, Stack
from udfs.catalog import compile_catalog, read_specs
from udfs.errors import DecodeError
from udfs.message import Message

ROOT = Path(__file__).parents[2]
NAMES = {service.NAME for service in SERVICES}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack.start(tmp_path_factory.mktemp("stack") / ".run") as running:
        yield running


def living(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def family(stack: Stack) -> list[int]:
    leaders = [psutil.Process(server.pid) for server in stack.services.values()]
    return [process.pid for leader in leaders for process in (leader, *leader.children(recursive=True))]


def test_every_service_is_healthy_on_a_port_of_its_own(stack: Stack) -> None:
    assert {name: stack.health(name) for name in stack.services} == dict.fromkeys(NAMES)
    assert len({server.port for server in stack.services.values()}) == len(NAMES)


def test_what_a_gateway_was_sent_in_one_run_is_not_there_in_the_next(tmp_path: Path) -> None:
    with Stack.start(tmp_path) as stack, Gateway.start(ROOT, stack.environment(), tmp_path) as gateway:
        (gateway.inbox / "coldroom-1").mkdir(parents=True)
        (gateway.inbox / "coldroom-1" / "000001.part").touch()
    with Stack.start(tmp_path) as stack, Gateway.start(ROOT, stack.environment(), tmp_path) as gateway:
        assert list(gateway.inbox.rglob("*")) == []


def test_servers_listen_on_loopback_only(stack: Stack) -> None:
    listening = {
        connection.laddr.ip
        for pid in family(stack)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_streams_bucket_and_databases_are_there(stack: Stack) -> None:
    environment = stack.environment()
    assert set(kinesis_client(environment).list_streams()["StreamNames"]) == {DEVICE_STREAM, MASTER_STREAM}
    assert [bucket["Name"] for bucket in client(environment, "s3").list_buckets()["Buckets"]] == ["sluice-lake"]
    assert client(environment, "glue").get_database(Name="sluice")["Database"]["Name"] == "sluice"
    with aurora(environment) as connection:
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
    with MongoClient[dict[str, object]](environment["SLUICE_DOCUMENTDB_URI"]) as mongo:
        mongo.sluice.messages.insert_one({"_id": "a"})
        assert mongo.sluice.messages.count_documents({}) == 1


def test_state_is_readable_by_its_owner_only(stack: Stack) -> None:
    assert (stack.run_dir / "stack.json").stat().st_mode & 0o777 == 0o600


def test_second_start_is_refused_while_the_first_lives(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"already run from .*`sluice stack down`"):
        Stack.start(stack.run_dir)
    assert all(stack.health(name) is None for name in NAMES)


def test_running_stack_is_found_by_its_folder(stack: Stack, tmp_path: Path) -> None:
    found = Stack.running(stack.run_dir)
    assert found is not None
    assert found.environment() == stack.environment()
    assert Stack.running(tmp_path) is None


def test_fleet_puts_on_kinesis_what_its_ledger_says(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    fleet = Fleet(compile_catalog(read_specs(ROOT / "specs")), seed=11)
    devices, masters = (stream(stack.environment(), name) for name in (DEVICE_STREAM, MASTER_STREAM))
    simulator = FleetSimulator(devices, masters, fleet, rate=400, run_seconds=30)
    simulator.run(threading.Event())
    lines = [line for data in read_all(stack, DEVICE_STREAM) for line in data.split(b"\n")]
    ledger = simulator.ledger
    assert len(lines) == ledger.envelopes
    assert_lines_decode_to(ledger, fleet, lines)
    assert 400 * 28 < ledger.received < 400 * 32
    assert_every_kind_was_injected(ledger)
    assert len(read_all(stack, MASTER_STREAM)) == 5 + 230 + 8


def test_stop_leaves_no_process_and_no_data(tmp_path: Path) -> None:
    stack = Stack.start(tmp_path)
    pids = family(stack)
    stack.stop()
    assert len(pids) > len(NAMES)
    assert living(pids) == []
    assert not (tmp_path / "stack.json").exists()
    assert not (tmp_path / "data").exists()
    assert (tmp_path / "logs" / "aurora.log").exists()


def test_servers_die_with_a_killed_parent_and_its_folder_can_start_again(tmp_path: Path) -> None:
    start = "import os,sys,signal,pathlib; from local.stack import Stack; Stack.start(pathlib.Path(sys.argv[1])); "
    script = f"{start}os.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "stack.json").exists()
    wait_until_dead(tmp_path)
    with Stack.start(tmp_path) as again:
        assert all(again.health(name) is None for name in NAMES)


def test_stack_that_shall_outlive_its_starter_is_stopped_by_another(tmp_path: Path) -> None:
    script = "import sys,pathlib; from local.stack import Stack; Stack.start(pathlib.Path(sys.argv[1]), outlive=True)"
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True)
    found = Stack.running(tmp_path)
    assert found is not None
    pids = family(found)
    found.stop()
    assert living(pids) == []


def test_dead_service_is_reported_with_its_pid(tmp_path: Path) -> None:
    with Stack.start(tmp_path) as stack:
        pid = stack.services["documentdb"].pid
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], timeout=5)
        assert stack.health("documentdb") == f"process {pid} has ended"
        assert stack.health("aurora") is None


def aurora(environment: dict[str, str]) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=environment["SLUICE_AURORA_HOST"],
        port=environment["SLUICE_AURORA_PORT"],
        user=environment["SLUICE_AURORA_USER"],
        password=environment["SLUICE_AURORA_PASSWORD"],
        dbname="sluice",
    )


def read_all(stack: Stack, stream: str) -> list[bytes]:
    kinesis = kinesis_client(stack.environment())
    found: list[bytes] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place = {"StreamName": stream, "ShardId": shard["ShardId"]}
        iterator = kinesis.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            found += [record["Data"] for record in records]
            iterator = answer["NextShardIterator"]
    return found


def assert_lines_decode_to(ledger: Ledger, fleet: Fleet, lines: list[bytes]) -> None:
    registered = {device.device_id for device in fleet.devices}
    dead: Counter[str] = Counter()
    messages: dict[str, Message] = {}
    received = 0
    for number, data in enumerate(lines):
        try:
            decoded = fleet.catalog.decode(read_envelope(Line(number, data), time.time_ns() // 1_000_000))
        except (EnvelopeError, DecodeError) as error:
            dead[error.reason] += 1
            continue
        received += len(decoded)
        messages |= {message.message_id: message for message in decoded}
    assert dead == ledger.dead
    assert len(messages) == ledger.stored
    assert received - len(messages) == ledger.duplicates
    assert sum(message.device_id not in registered for message in messages.values()) == ledger.unregistered


def assert_every_kind_was_injected(ledger: Ledger) -> None:
    assert ledger.duplicates > 0
    assert ledger.unregistered > 0
    assert ledger.late > 0
    assert {alarm.rule for alarm in ledger.alarms} == {*THRESHOLD_RULES.values(), POWER_CUT_THEN_MOVING}
    assert ledger.dead.keys() >= {"bad_envelope", "unknown_product", "timestamp_future", "bad_checksum"}


def wait_until_dead(run_dir: Path) -> None:
    deadline = threading.Event()
    timer = threading.Timer(10, deadline.set)
    timer.start()
    while Stack.running(run_dir) is not None and not deadline.wait(0.05):
        pass
    timer.cancel()
    assert Stack.running(run_dir) is None
