"""The zip as the service starts it: unpacked in an empty folder, beside a Python that holds Flink and nothing else."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import psutil
import pytest
from deployment import ROOT, wait_until
from pymongo import MongoClient

from jobs.config import Config, load_config
from jobs.lake import Lake, LakeError
from local.ministack import DEVICE_STREAM, client, kinesis_client
from local.package import build_package
from local.process import Server, free_port, port_answers, stop
from local.stack import Stack

PAYLOAD = "0367340104686505000106cb02077da803087d2500097366270a7d04000b7d20000c7d3000"
"""Published by the vendor of am319: 30.8 Cel."""

IN_ENVIRONMENT = "env:SLUICE_DOCUMENTDB_URI"
IN_SECRETS_MANAGER = "env:SLUICE_AURORA_PASSWORD"


@dataclass(frozen=True)
class Service:
    """The job as it runs from the zip."""

    unpacked: Path
    python: Path
    server: Server
    environment: dict[str, str]
    config: Config

    def check(self) -> None:
        assert self.server.alive(), Path(self.server.log).read_text()[-4000:]

    def send(self, *lines: bytes) -> None:
        kinesis_client(self.environment).put_record(
            StreamName=DEVICE_STREAM, PartitionKey="room-1", Data=b"\n".join(lines)
        )


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with Stack.start(folder / "stack") as running:
        yield running


@pytest.fixture(scope="module")
def unpacked(folder: Path) -> Path:
    built = build_package(ROOT, folder / "sluice.zip", f"{platform.machine()}-manylinux2014")
    ZipFile(built.path).extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture(scope="module")
def python(folder: Path) -> Path:
    """A Python with apache-flink, as the service has it, and without the project."""
    uv = [sys.executable, "-m", "uv"]
    interpreter = folder / "flink" / "bin" / "python"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "flink")], check=True)
    lock = str(ROOT / "requirements" / "lock.txt")
    install = [*uv, "pip", "install", "--quiet", "--python", str(interpreter), "--constraint", lock, "apache-flink"]
    subprocess.run(install, check=True)
    return interpreter


@pytest.fixture(scope="module")
def service(stack: Stack, unpacked: Path, python: Path, folder: Path) -> Iterator[Service]:
    properties = write_properties(stack, folder)
    environment = service_environment(stack, python, properties, folder)
    log, port = folder / "job.log", free_port()
    with log.open("wb") as out:
        child = subprocess.Popen(
            flink_run(python, port, folder),
            cwd=unpacked,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    server = Server(child.pid, psutil.Process(child.pid).create_time(), "127.0.0.1", port, str(log), 15)
    os.environ.update(stack.environment())  # for the readers of the lake, which take credentials from it
    try:
        yield Service(unpacked, python, server, stack.environment(), load_config(properties))
    finally:
        assert stop([server], [child]) == []


def write_properties(stack: Stack, folder: Path) -> Path:
    """The file that the service mounts: real endpoints, one secret by environment, one in Secrets Manager."""
    environment = stack.environment()
    secret = json.dumps({"password": environment["SLUICE_AURORA_PASSWORD"]})
    client(environment, "secretsmanager").create_secret(Name="sluice/aurora", SecretString=secret)
    groups = json.loads((ROOT / "flink-conf" / "local.json").read_text())
    for group in groups:
        values = group["PropertyMap"]
        for key, value in values.items():
            if value == IN_SECRETS_MANAGER:
                values[key] = "secretsmanager:sluice/aurora#password"
            elif value.startswith("env:") and value != IN_ENVIRONMENT:
                values[key] = environment[value.removeprefix("env:")]
    file = folder / "application_properties.json"
    file.write_text(json.dumps(groups))
    return file


def service_environment(stack: Stack, python: Path, properties: Path, folder: Path) -> dict[str, str]:
    """No HADOOP_CLASSPATH, no PYTHONPATH, and of the stack only credentials and one secret."""
    kept = {name: os.environ[name] for name in ("HOME", "JAVA_HOME") if name in os.environ}
    given = {
        name: value
        for name, value in stack.environment().items()
        if name.startswith("AWS_") or f"env:{name}" == IN_ENVIRONMENT
    }
    return {
        **kept,
        **given,
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "FLINK_CONF_DIR": str(ROOT / "flink-conf"),
        "FLINK_LOG_DIR": str(folder),
        "JVM_ARGS": "-Xmx1536m",
        "SLUICE_PROPERTIES": str(properties),
    }


def flink_run(python: Path, port: int, folder: Path) -> list[str]:
    [flink] = python.parent.parent.glob("lib/python*/site-packages/pyflink/bin/flink")
    settings = {"rest.port": port, "rest.bind-port": port, "execution.checkpointing.dir": folder.as_uri()}
    options = [f"-D{name}={value}" for name, value in settings.items()]
    pythons = ["-pyclientexec", str(python), "-pyexec", str(python)]
    paths = ["-py", "main.py", "-pyfs", "python/", "-j", "lib/sluice.jar"]
    return [str(flink), "run", "-t", "local", *options, *pythons, *paths]


def envelope(device: str, payload: str) -> bytes:
    fields = {"product": "milesight-am319", "device": device, "protocol": "mqtt", "payload": payload}
    return json.dumps(fields | {"received_at": time.time_ns() // 1_000_000}).encode()


def lake_rows(config: Config, query: str, table: str) -> list[dict[str, object]]:
    try:
        return Lake(config).query(query, table)
    except LakeError:
        return []


def test_python_knows_nothing_of_the_project(python: Path, unpacked: Path) -> None:
    result = subprocess.run(
        [str(python), "-c", "import jobs"], cwd=unpacked, capture_output=True, text=True, env={}, check=False
    )
    assert "No module named 'jobs'" in result.stderr


def test_a_message_arrives_in_documentdb_and_the_lake(service: Service) -> None:
    service.send(envelope("room-1", PAYLOAD), envelope("room-2", "0367"))
    wait_until(lambda: port_answers(service.server), "the job's REST API", service.check)
    with MongoClient(service.config.documentdb.uri) as documentdb:
        messages = documentdb[service.config.documentdb.database]["messages"]
        wait_until(lambda: messages.count_documents({}) == 1, "a message in DocumentDB", service.check)
        [document] = messages.find()
    assert (document["device_id"], document["measurements"]["temperature"]) == ("room-1", 30.8)
    query = "SELECT message_id, device_id FROM messages"
    wait_until(lambda: len(lake_rows(service.config, query, "messages")) == 1, "a row in the lake", service.check)
    [row] = lake_rows(service.config, query, "messages")
    assert row == {"message_id": document["_id"], "device_id": "room-1"}


def test_modules_come_from_the_zip_alone(service: Service) -> None:
    """By the compiled libraries that the processes have mapped: msgspec only comes with the zip, not with Flink."""
    leader = psutil.Process(service.server.pid)
    mapped = {
        Path(area.path) for process in (leader, *leader.children(recursive=True)) for area in process.memory_maps()
    }
    assert [path for path in mapped if path.is_relative_to(ROOT)] == []
    libraries = [path for path in mapped if "msgspec" in path.parts]
    assert any(path.is_relative_to(service.unpacked / "python") for path in libraries), libraries


def test_the_dead_letter_is_listed_and_shown(service: Service) -> None:
    query = "SELECT reason FROM dead_letters"
    wait_until(lambda: len(lake_rows(service.config, query, "dead_letters")) == 1, "a dead letter", service.check)
    _, counts, _, letter = dlq(service, "list").splitlines()
    assert counts.split()[1:4] == ["truncated", "1", "0"]
    lines = dlq(service, "show", letter.split()[0]).splitlines()
    assert "reason       truncated" in lines
    assert "device       room-2" in lines
    assert "excerpt      0367" in lines
    assert dlq(service, "list", "--reason", "x' OR '1'='1") == "no dead letters\n"


def dlq(service: Service, *arguments: str) -> str:
    """What `sluice dlq` prints about the stack of the service, found by its folder alone."""
    run_dir = service.unpacked.parent / "stack"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLUICE_", "AWS_"))}
    command = [str(Path(sys.executable).with_name("sluice")), "dlq", *arguments, "--run-dir", str(run_dir)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
