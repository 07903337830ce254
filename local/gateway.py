"""The gateway of a run: `sluice gateway run` as a process, all four protocols on free loopback ports."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from local.errors import StackError
from local.process import POLL_SECONDS, Launch, free_port, launch, port_answers, stop
from local.senders import FileSender, MqttSender, RestSender, Sender, TcpSender

START_SECONDS: Final = 60.0


class Gateway:
    """A gateway that runs; as a context manager it is drained and stopped on leaving."""

    def __init__(self, command: list[str], environment: Mapping[str, str], run_dir: Path) -> None:
        self._command, self._environment, self._folder = command, environment, _folder(run_dir)
        self._log = run_dir / "logs" / "gateway.log"
        self._tcp = free_port()
        self._rest = free_port([self._tcp])
        self.inbox = self._folder / "inbox"

    @classmethod
    def start(cls, project: Path, environment: Mapping[str, str], run_dir: Path) -> Self:
        """Returns when it serves; raises StackError when it does not. Call it in the thread that keeps the gateway."""
        sluice = Path(sys.executable).parent / "sluice"
        file = _folder(run_dir) / "gateway.yaml"
        command = [str(sluice), "--specs", str(project / "specs"), "gateway", "run", str(file)]
        properties = str(project / "flink-conf" / "local.json")
        gateway = cls(command, {"SLUICE_PROPERTIES": properties, **environment}, run_dir)
        gateway.inbox.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(gateway._file()))  # JSON is YAML
        gateway.launch()
        return gateway

    def launch(self) -> None:
        """Starts the process, also again after a kill."""
        plan = Launch(self._command, self._environment, self._rest, self._log)
        self._server, self._child = launch(plan)
        deadline = time.monotonic() + START_SECONDS
        while not port_answers(self._server):
            if not self._server.alive() or time.monotonic() > deadline:
                raise StackError("gateway", self._log, "it does not serve; mend what its log names, then start again")
            time.sleep(POLL_SECONDS)

    @property
    def rest_url(self) -> str:
        return f"http://{self._server.host}:{self._rest}"

    @property
    def tcp_address(self) -> tuple[str, int]:
        return self._server.host, self._tcp

    @property
    def memory_bytes(self) -> int:
        return self._server.memory_bytes()

    def check(self) -> None:
        """Raises StackError when the process has ended."""
        if not self._server.alive():
            raise StackError("gateway", self._log, "the gateway has ended")

    def kill(self) -> None:
        """As a crash would."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        left = stop([self._server], [self._child], patience=30)
        if left:
            raise StackError("gateway", self._log, f"processes {left} of the gateway do not end")

    @contextmanager
    def senders(self) -> Iterator[dict[str, Sender]]:
        """A sender for each protocol."""
        senders: dict[str, Sender] = {
            "mqtt": MqttSender(self._environment["SLUICE_MQTT_URL"]),
            "tcp": TcpSender(self.tcp_address),
            "rest": RestSender(self.rest_url),
            "file": FileSender(self.inbox),
        }
        try:
            yield senders
        finally:
            for sender in senders.values():
                sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _file(self) -> dict[str, object]:
        broker = self._environment["SLUICE_MQTT_URL"]
        topics = [{"topic": "fleet/{product}/{device}/up"}]
        inbox = {"source": str(self.inbox), "pattern": "*.csv", "product": "coldroom-logger"}
        return {
            "tcp": [{"port": self._tcp, "products": ["meitrack-aaa", "concox-gt06", "teltonika-8e"]}],
            "mqtt": [{"url": broker, "client_id": "sluice-gateway", "topics": topics}],
            "rest": {"port": self._rest, "auth": "none"},
            "files": [{**inbox, "device_from": "{device}/{number}.csv", "every_s": 0.5, "settle_s": 0, "done": "done"}],
        }


def _folder(run_dir: Path) -> Path:
    """Among the stack's data, which every start deletes: files or a spool of an earlier run are not this one's."""
    return run_dir / "data" / "gateway"
