"""`sluice gateway …` under test: the command as it is run in production, in a process that a test may kill."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from deployment import Deployment, wait_until

from local.process import LOOPBACK

END_SECONDS = 120.0


class Command:
    """`sluice gateway` with these arguments, run in `folder`; as a context manager it is killed on leaving."""

    def __init__(self, deployment: Deployment, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.log = folder, folder / "command.log"
        self.log.write_bytes(b"")
        self.environment = os.environ | deployment.environment | {"COLUMNS": "200"}
        self._command = [str(Path(sys.executable).parent / "sluice"), "gateway", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> None:
        """Also again, after a stop or a kill; the log goes on."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self.environment, cwd=self.folder
            )

    def end(self) -> tuple[int, str]:
        """Exit code and all that was told, when it ends by itself."""
        code = self.process.wait(timeout=END_SECONDS)
        return code, self.log.read_text()

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(timeout=END_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def check(self) -> None:
        assert self.process.poll() is None, self.log.read_text()

    def told(self, event: str) -> list[dict[str, Any]]:
        """What the log has under this event, of all starts."""
        lines = [msgspec.json.decode(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


class Gateway(Command):
    """`sluice gateway run` of a gateway file."""

    def __init__(self, deployment: Deployment, folder: Path, config: dict[str, Any]) -> None:
        super().__init__(deployment, folder, "run", "gateway.yaml")
        (folder / "gateway.yaml").write_bytes(msgspec.yaml.encode(config))

    def wait_until_told(self, event: str, times: int = 1) -> None:
        wait_until(lambda: len(self.told(event)) >= times, f"`{event}` in the log", self.check)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; the gateway's file has `metrics: {port: 0}`."""
        port = self.told("metrics")[-1]["port"]  # of the newest start
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"sluice_gateway_{name}"))

    def embedded_metric(self, name: str) -> float:
        """The sum of all that was written for CloudWatch."""
        lines = [msgspec.json.decode(line) for line in self.log.read_text().splitlines()]
        return sum(line.get(name, 0) for line in lines if "_aws" in line)
