"""The embedded stack: AWS APIs, DocumentDB, Aurora and an MQTT broker on free loopback ports, all in `.run/stack.json`.

`.run/logs/` holds a log a service, `.run/data/` what they store; data is fresh at every start, logs stay after a stop.
A stack dies with the process that started it, also when that is killed, unless it was told to outlive it.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec

from local import aurora, documentdb, ministack, mosquitto
from local.errors import NotReady, StackError
from local.process import POLL_SECONDS, Server, free_port, port_answers, stop

START_SECONDS = 30.0
STATE_FILE = "stack.json"


class Service(Protocol):
    """What a service module offers."""

    NAME: str

    def start(
        self, port: int, data: Path, log: Path, outlive: bool
    ) -> tuple[Server, subprocess.Popen[bytes], dict[str, str]]: ...
    def answer(self, environment: dict[str, str]) -> None: ...
    def provision(self, environment: dict[str, str]) -> None: ...


# In this order: Aurora's start waits for initdb, meanwhile the others boot.
SERVICES: tuple[Service, ...] = (ministack, documentdb, mosquitto, aurora)


class StackState(msgspec.Struct):
    """The content of `.run/stack.json`; it holds Aurora's password, so only its owner may read it."""

    services: dict[str, Server]
    env: dict[str, str]


class Stack:
    """A running stack; as a context manager it stops on leaving."""

    def __init__(self, run_dir: Path, state: StackState) -> None:
        self.run_dir = run_dir
        self._state = state
        self._children: list[subprocess.Popen[bytes]] = []

    @classmethod
    def start(cls, run_dir: Path, *, outlive: bool = False) -> Self:
        """Start all services and create streams, bucket and databases; raises StackError, then nothing is left running.

        Call it in the thread that keeps the stack: without `outlive` the services die with that thread.
        """
        run_dir = run_dir.resolve()
        run_dir.mkdir(parents=True, exist_ok=True)
        with _only_one(run_dir):
            _refuse_living(run_dir)
            _remove_data(run_dir)
            stack = cls(run_dir, StackState({}, {}))
            try:
                stack._launch_all(outlive)
                stack._wait_until_healthy()
                for service in SERVICES:
                    service.provision(stack._state.env)
            except BaseException:
                stack.stop()
                raise
            return stack

    @classmethod
    def running(cls, run_dir: Path) -> Self | None:
        """The stack that `run_dir` knows, if any of its services lives; whoever started it."""
        state = _read_state(run_dir.resolve())
        if state is None or not any(server.alive() for server in state.services.values()):
            return None
        return cls(run_dir.resolve(), state)

    @property
    def services(self) -> dict[str, Server]:
        return dict(self._state.services)

    def environment(self) -> dict[str, str]:
        """What the job and every client must have in their environment to reach this stack."""
        return dict(self._state.env)

    def health(self, name: str) -> str | None:
        """None when the service lives and answers its protocol, else what is wrong with it."""
        server = self._state.services[name]
        if not server.alive():
            return f"process {server.pid} has ended"
        if not port_answers(server):
            return f"port {server.port} does not answer"
        try:
            _service(name).answer(self._state.env)
        except NotReady as error:
            return str(error)
        return None

    def stop(self) -> None:
        """Stop every service and delete its data; raises StackError if a process is left."""
        left = stop(self._state.services.values(), self._children)
        if left:
            raise StackError("stack", None, f"processes {left} do not end, not even by SIGKILL: look at them with ps")
        self._children.clear()
        _remove_data(self.run_dir)
        (self.run_dir / STATE_FILE).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _launch_all(self, outlive: bool) -> None:
        for service in SERVICES:
            port = free_port(server.port for server in self._state.services.values())
            data, log = self.run_dir / "data" / service.NAME, self.run_dir / "logs" / f"{service.NAME}.log"
            data.parent.mkdir(exist_ok=True)
            log.parent.mkdir(exist_ok=True)
            log.write_bytes(b"")
            server, child, environment = service.start(port, data, log, outlive)
            self._children.append(child)
            self._state.services[service.NAME] = server
            self._state.env |= environment
            _write_state(self.run_dir, self._state)  # after each: a crash now leaves no unknown process

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        for name, server in self._state.services.items():
            while (fault := self.health(name)) is not None:
                if not server.alive():
                    raise StackError(name, Path(server.log), f"its process ended while it started{_MEND}")
                if time.monotonic() > deadline:
                    raise StackError(name, Path(server.log), f"not ready after {START_SECONDS:.0f} s: {fault}{_MEND}")
                time.sleep(POLL_SECONDS)


_MEND = "; mend what its log names, then start again (the other services were stopped)"


def _service(name: str) -> Service:
    return next(service for service in SERVICES if name == service.NAME)


@contextmanager
def _only_one(run_dir: Path) -> Iterator[None]:
    with (run_dir / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError("stack", None, f"another start is under way in {run_dir}; wait for it") from error
        yield


def _refuse_living(run_dir: Path) -> None:
    state = _read_state(run_dir)
    living = [] if state is None else [name for name, server in state.services.items() if server.alive()]
    if living:
        raise StackError(
            "stack", None, f"{', '.join(living)} already run from {run_dir}; `sluice stack down` stops what runs there"
        )


def _remove_data(run_dir: Path) -> None:
    aurora.remove_data(run_dir / "data" / aurora.NAME)
    shutil.rmtree(run_dir / "data", ignore_errors=True)


def _read_state(run_dir: Path) -> StackState | None:
    try:
        return msgspec.json.decode((run_dir / STATE_FILE).read_bytes(), type=StackState)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # half written by a crash, before any process was launched: see _write_state


def _write_state(run_dir: Path, state: StackState) -> None:
    draft = run_dir / f"{STATE_FILE}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state)))
    draft.replace(run_dir / STATE_FILE)
