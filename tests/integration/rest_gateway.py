"""The REST gateway under test: the command as it is run in production, and what it has put on the stream."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
from deployment import ROOT, Deployment

from local.ministack import kinesis_client
from local.process import free_port
from udfs.message import Envelope

START_SECONDS = 60.0


class RestGateway:
    """A gateway process of its own folder and port, which a test may stop, kill and start again."""

    def __init__(self, deployment: Deployment, folder: Path, rest: dict[str, Any], **gateway: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.port, self.log = free_port(), folder / "gateway.log"
        self.scheme = "https" if "tls" in rest else "http"
        self.environment = deployment.environment | {"PATH": str(Path(sys.executable).parent)}
        self.file = folder / "gateway.yaml"
        # YAML reads JSON, too.
        self.file.write_text(json.dumps({"rest": rest | {"port": self.port}} | gateway))

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        command = [str(Path(sys.executable).parent / "sluice"), "gateway", "run", str(self.file)]
        self.log.touch()
        already = len(self.log.read_text())
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=ROOT)
        deadline = time.monotonic() + START_SECONDS
        while '"event": "rest"' not in self.log.read_text()[already:]:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)


def records(deployment: Deployment) -> list[bytes]:
    """All that the stream of device data holds."""
    kinesis, stream = kinesis_client(deployment.environment), deployment.config.kinesis.devices
    found: list[bytes] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        start = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        iterator = start["ShardIterator"]
        while (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
            found += [record["Data"] for record in answer["Records"]]
            iterator = answer["NextShardIterator"]
    return found


def envelopes(deployment: Deployment, device: str) -> list[Envelope]:
    """The device's envelopes on the stream, in their order."""
    lines = [line for record in records(deployment) for line in record.split(b"\n")]
    found = [msgspec.json.decode(line, type=Envelope) for line in lines]
    return [envelope for envelope in found if envelope.device == device]
