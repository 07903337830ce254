"""A deployment of the job under test: a project folder, streams and databases of its own on the shared stack."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from jobs.config import Config, load_config
from local.job import Job
from local.ministack import client, kinesis_client
from local.stack import Stack
from local.stores import Stores
from udfs.message import Envelope

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 90.0


@dataclass(frozen=True)
class Deployment:
    """Names that no other deployment on the stack has; `project` is a copy that a test may add files to."""

    stack: Stack
    project: Path
    environment: dict[str, str]
    config: Config

    def start(self, run_dir: Path) -> Job:
        return Job.start(self.project, ROOT / "target" / "sluice.jar", self.environment, run_dir)

    def stores(self) -> Stores:
        os.environ.update(self.environment)
        return Stores(self.config)

    def send(self, *lines: bytes, key: str = "test") -> None:
        self._put(self.config.kinesis.devices, b"\n".join(lines), key)

    def commit(self, *changes: dict[str, Any]) -> None:
        """Puts DMS records on the master stream."""
        for change in changes:
            self._put(self.config.kinesis.masters, json.dumps(change).encode(), "master")

    def master_records(self) -> list[bytes]:
        """All that the stream of master data holds."""
        return self._records(self.config.kinesis.masters)

    def device_records(self) -> list[bytes]:
        """All that the stream of device data holds, in the order of each shard."""
        return self._records(self.config.kinesis.devices)

    def envelopes(self, prefix: str = "") -> list[Envelope]:
        """Those on the stream, as often as they came, of devices whose ids begin so."""
        lines = [line for record in self.device_records() for line in record.split(b"\n")]
        found = [msgspec.json.decode(line, type=Envelope) for line in lines]
        return [envelope for envelope in found if envelope.device.startswith(prefix)]

    def _records(self, stream: str) -> list[bytes]:
        kinesis, found = kinesis_client(self.environment), list[bytes]()
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while records := (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
                found += [record["Data"] for record in records]
                iterator = answer["NextShardIterator"]
        return found

    def _put(self, stream: str, data: bytes, key: str) -> None:
        kinesis_client(self.environment).put_record(StreamName=stream, PartitionKey=key, Data=data)


def deploy(stack: Stack, folder: Path, name: str) -> Deployment:
    """A copy of the project's files in `folder`, configured for streams and databases called after `name`.

    It has no rules but those that a test adds: planning the catalogue is a third of the job's start.
    """
    for part in ("specs", "sql", "flink-conf"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.rmtree(folder / "sql" / "rules")
    (folder / "sql" / "rules").mkdir()
    shutil.copy(ROOT / "main.py", folder)
    properties = folder / "flink-conf" / "local.json"
    groups = json.loads(properties.read_text())
    maps = {group["PropertyGroupId"]: group["PropertyMap"] for group in groups}
    maps["sluice.kinesis"] |= {"stream.devices": f"{name}-devices", "stream.masters": f"{name}-masters"}
    for group in ("sluice.documentdb", "sluice.aurora", "sluice.lake"):
        maps[group]["database"] = name
    properties.write_text(json.dumps(groups))
    environment = stack.environment() | {"SLUICE_PROPERTIES": str(properties)}
    config = load_config(properties, os.environ | environment)
    _provision(config, environment)
    return Deployment(stack, folder, environment, config)


def wait_until(condition: Callable[[], bool], what: str, check: Callable[[], None] = lambda: None) -> None:
    """Returns when the condition holds; `check` may raise what makes waiting vain."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        check()
        assert time.monotonic() < deadline, f"not after {WAIT_SECONDS:.0f} s: {what}"
        time.sleep(0.2)


def newest_checkpoint(run_dir: Path) -> str:
    """The newest job's highest one."""
    newest = max(_checkpoints(run_dir), key=lambda p: (p.parent.stat().st_mtime, int(p.name.removeprefix("chk-"))))
    return newest.as_uri()


def wait_for_checkpoint(run_dir: Path) -> None:
    """Returns when a checkpoint is complete that began after the call: the second one from now on."""
    for _ in range(2):
        before = _checkpoints(run_dir)
        wait_until(lambda before=before: bool(_checkpoints(run_dir) - before), "a checkpoint")  # type: ignore[misc]


def _checkpoints(run_dir: Path) -> set[Path]:
    """The complete ones; an older one may vanish at any time."""
    return {path.parent for path in run_dir.glob("data/checkpoints/*/chk-*/_metadata")}


def _provision(config: Config, environment: dict[str, str]) -> None:
    kinesis = kinesis_client(environment)
    streams: Iterable[tuple[str, int]] = ((config.kinesis.devices, 2), (config.kinesis.masters, 1))
    for stream, shards in streams:
        kinesis.create_stream(StreamName=stream, ShardCount=shards)
    client(environment, "glue").create_database(DatabaseInput={"Name": config.lake.database})
    with psycopg.connect(
        host=config.aurora.write_host,
        port=config.aurora.port,
        user=config.aurora.user,
        password=config.aurora.password,
        dbname="sluice",
        autocommit=True,
    ) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(config.aurora.database)))
