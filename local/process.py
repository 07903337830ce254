"""One server process: launched in a session of its own, seen alive or dead, stopped together with all it started.

A process is known by pid and start time, so a pid that the system gave to somebody else is never signalled.
"""

import ctypes
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from local.errors import StackError

LOOPBACK = "127.0.0.1"
# Below the range the kernel gives to outgoing connections: a port found free here can only be lost to another server.
PORTS = range(20_000, 32_000)
POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_UNPRIVILEGED = ("postgres", "nobody")


class Server(msgspec.Struct, frozen=True):
    """A launched server as `.run/stack.json` keeps it; `started` is its start time in epoch seconds."""

    pid: int
    started: float
    host: str
    port: int
    log: str
    stop_signal: int

    def alive(self) -> bool:
        return _process(self) is not None

    def memory_bytes(self) -> int:
        """Resident bytes of the server and all it started; 0 when it is dead."""
        return sum(_resident(process) for process in _family(self))


@dataclass(frozen=True)
class Account:
    """The system account that a server runs under."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """How to start one server. `death_signal` reaches it when our process dies; None lets it live on."""

    command: Sequence[str]
    environment: Mapping[str, str]
    port: int
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals | None = signal.SIGKILL
    account: Account | None = None


def launch(plan: Launch) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start the server. Call it in a thread that lives as long as the server shall: Linux ties `death_signal` to it."""
    with plan.log.open("ab") as log:
        child = subprocess.Popen(
            list(plan.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **plan.environment},
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_parent(plan.death_signal),
            user=plan.account.uid if plan.account else None,
            group=plan.account.gid if plan.account else None,
            extra_groups=[] if plan.account else None,
        )
    started = psutil.Process(child.pid).create_time()
    return Server(child.pid, started, LOOPBACK, plan.port, str(plan.log), int(plan.stop_signal)), child


def unprivileged_account(service: str) -> Account | None:
    """For a server that refuses to run as root: an account to run it under, None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StackError(service, None, f"it refuses to run as root and none of {_UNPRIVILEGED} exists; run as a user")


def free_port(taken: Iterable[int] = ()) -> int:
    """A loopback port that nobody listens on now; a random one, so that two stacks that start at once do not meet."""
    for port in random.sample(PORTS, k=len(PORTS)):
        if port not in set(taken) and _is_free(port):
            return port
    raise OSError(f"no free port between {PORTS.start} and {PORTS.stop} on {LOOPBACK}")


def port_answers(server: Server) -> bool:
    try:
        with socket.create_connection((server.host, server.port), timeout=1):
            return True
    except OSError:
        return False


def stop(
    servers: Iterable[Server], children: Iterable[subprocess.Popen[bytes]] = (), patience: float = 10.0
) -> list[int]:
    """Ask every server to end, kill after `patience` seconds what did not; returns the pids that still live then."""
    leaders = [(server, process) for server in servers if (process := _process(server)) is not None]
    families = [process for server, _ in leaders for process in _family(server)]
    for server, process in leaders:
        _signal(process, server.stop_signal)
    left = _wait_gone(families, children, patience)
    for process in left:
        _signal(process, signal.SIGKILL)
    return [process.pid for process in _wait_gone(left, children, patience)]


def _process(server: Server) -> psutil.Process | None:
    try:
        process = psutil.Process(server.pid)
        same = abs(process.create_time() - server.started) < 1.0
        return process if same and not _gone(process) else None
    except psutil.NoSuchProcess:
        return None


def _family(server: Server) -> list[psutil.Process]:
    # Not the process group: PostgreSQL gives each of its backends a session of its own.
    leader = _process(server)
    if leader is None:
        return []
    try:
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _wait_gone(
    processes: list[psutil.Process], children: Iterable[subprocess.Popen[bytes]], seconds: float
) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    children = list(children)
    while True:
        for child in children:
            child.poll()  # reaps it: without this our own dead child stays as a zombie
        processes = [process for process in processes if not _gone(process)]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(POLL_SECONDS)


def _gone(process: psutil.Process) -> bool:
    # A zombie holds no port and no memory; where nobody adopts orphans (a container's PID 1) it may stay for ever.
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _die_with_parent(number: signal.Signals | None) -> Callable[[], None] | None:
    """For the child between fork and exec: have the kernel signal it when we die, even by SIGKILL (Linux only)."""
    if number is None or not hasattr(os, "sched_getaffinity"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the child must not load anything
    parent, death_signal = os.getpid(), int(number)

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind
