"""`sluice gateway run` under test, and what it has put on the stream."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
from deployment import ROOT, Deployment, wait_until

from local.ministack import kinesis_client
from local.process import LOOPBACK
from udfs.message import Envelope


class Gateway:
    """`sluice gateway run` as in production, which a test may kill."""

    def __init__(self, deployment: Deployment, folder: Path, config: dict[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        self.file, self.log = folder / "gateway.yaml", folder / "gateway.log"
        self.file.write_bytes(msgspec.yaml.encode(config))
        self.environment = os.environ | deployment.environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).parent / "sluice"), "gateway", "run", str(self.file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=ROOT)

    def wait_until_subscribed(self, times: int = 1) -> None:
        wait_until(lambda: self.told("subscribed") >= times, "the gateway's subscription", self.check)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; the gateway's file has `metrics: {port: 0}`."""
        told = [line for line in self.log.read_text().splitlines() if '"event": "metrics"' in line]
        port = msgspec.json.decode(told[-1])["port"]  # of the newest start
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"sluice_gateway_{name}"))

    def embedded_metric(self, name: str) -> float:
        """The sum of all that was written for CloudWatch."""
        lines = [msgspec.json.decode(line) for line in self.log.read_text().splitlines()]
        return sum(line.get(name, 0) for line in lines if "_aws" in line)

    def told(self, event: str) -> int:
        return self.log.read_text().count(f'"event": "{event}"')

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)

    def check(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()


def envelopes(deployment: Deployment) -> list[Envelope]:
    """All that the stream of devices holds, in the order of each shard."""
    kinesis, stream = kinesis_client(deployment.environment), deployment.config.kinesis.devices
    found: list[Envelope] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place: dict[str, Any] = {"StreamName": stream, "ShardId": shard["ShardId"]}
        iterator = kinesis.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
            for record in records:
                found += [msgspec.json.decode(line, type=Envelope) for line in record["Data"].split(b"\n")]
            iterator = answer["NextShardIterator"]
    return found
