"""The job on a local mini-cluster: launched by `flink run`, just as Managed Flink does, and watched by its REST API."""

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import psutil
import pyflink

from local.process import POLL_SECONDS, Launch, Server, free_port, launch, stop
from udfs.errors import SluiceError

START_SECONDS: Final = 180.0
HEAP: Final = "-Xmx1536m"
REFUSAL: Final = "sluice refuses to start."
"""How main.py begins its last words."""
_FAULT: Final = re.compile(r"\bERROR\b|Caused by|Exception: ")
_JAVA: Final = ("org.apache.flink.", "\tat ", "\t...", "Caused by", "Exception", "java.lang.")
_JUDGES: Final = "lifecycle"
"""How the tasks are called that judge alarms."""
_WATERMARK: Final = f"{_JUDGES}.currentOutputWatermark"
"""That of what goes in is never told: nobody waits for the master data beside it."""
_WORKER: Final = "pyflink.fn_execution.beam.beam_boot"
_FAULT_LINES: Final = 12


class JobError(SluiceError):
    """The job could not start or has ended; `log` holds the whole story."""

    def __init__(self, log: Path, message: str) -> None:
        self.log, self.message = log, message
        super().__init__(f"{message}; the whole log: {log}{_faults(log)}")


class Job:
    """A job on a mini-cluster of its own; as a context manager it is killed on leaving, its stores stay as they are."""

    def __init__(self, server: Server, child: Any, log: Path) -> None:
        self._server, self._child, self.log = server, child, log
        self._id = ""
        self._event_time_since: int | None = None

    @classmethod
    def start(
        cls, project: Path, jar: Path, environment: Mapping[str, str], run_dir: Path, options: Mapping[str, str] = {}
    ) -> Self:
        """`flink run` of `project`/main.py with Flink's settings in flink-conf/, overridden by `options`.

        `environment` holds what the property file refers to. Call it in the thread that keeps the job: the job dies
        with it.
        """
        logs = run_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        port = free_port()
        settings = {
            "rest.port": str(port),
            "rest.bind-port": str(port),
            "execution.checkpointing.dir": (run_dir / "data" / "checkpoints").as_uri(),
            "io.tmp.dirs": str(run_dir / "data"),
            **options,
        }
        log = logs / "job.log"
        log.write_bytes(b"")
        server, child = launch(
            Launch(_command(project, jar, settings), _environment(project, environment, logs), port, log)
        )
        return cls(server, child, log)

    @property
    def web_ui(self) -> str:
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def memory_bytes(self) -> int:
        return self._server.memory_bytes()

    def wait_until_running(self) -> None:
        """Returns when every task of the job runs; raises JobError when it ends before or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._all_tasks_run():
            self.check()
            if time.monotonic() > deadline:
                raise JobError(self.log, f"the job does not run after {START_SECONDS:.0f} s")
            time.sleep(10 * POLL_SECONDS)

    def check(self) -> None:
        """Raises JobError when the process has ended."""
        if not self._server.alive():
            raise JobError(self.log, "the job has ended")

    def counters(self, operator: str, *names: str) -> dict[str, int]:
        """The sums over all subtasks of the operator's counters, read at one moment; 0 while there is none."""
        counters = dict.fromkeys(names, 0)
        for vertex in self._get(f"/jobs/{self._id}").get("vertices", []):
            path = f"/jobs/{self._id}/vertices/{vertex['id']}/subtasks/metrics"
            known = {metric["id"] for metric in self._get(path)}
            # Alone in its task, an operator's metrics have no scope before its name.
            ids = {f"{scope}{operator}.{name}" for scope in ("", "0.") for name in names} & known
            for metric in self._get(f"{path}?agg=sum&get={quote(','.join(ids))}") if ids else []:
                counters[metric["id"].rpartition(".")[2]] += int(metric["sum"])
        return counters

    def num_records_read(self, task: str) -> int:
        """Records that the first task whose name begins with `task` has read from other tasks."""
        vertices = self._get(f"/jobs/{self._id}").get("vertices", [])
        return next((int(v["metrics"]["read-records"]) for v in vertices if v["name"].startswith(task)), 0)

    def num_restarts(self) -> int:
        metrics = self._get(f"/jobs/{self._id}/metrics?get=numRestarts")
        return int(metrics[0]["value"]) if metrics else 0

    def keeps_event_time(self) -> bool:
        """Whether alarms are judged by an event time that a restart would go on from: a checkpoint has begun since.

        From then on, what comes late is late at every run (docs/decisions/0004).
        """
        if self._event_time_since is None and self._knows_event_time():
            self._event_time_since = time.time_ns() // 1_000_000
        completed = self._get(f"/jobs/{self._id}/checkpoints").get("latest", {}).get("completed") or {}
        since = self._event_time_since
        return since is not None and int(completed.get("trigger_timestamp", 0)) > since

    def kill_workers(self) -> int:
        """Kill all Python workers of the job at once, as a crash would; how many they were."""
        workers = [process for process in psutil.process_iter(["cmdline"]) if _is_worker(process, self._server.pid)]
        for worker in workers:
            worker.kill()
        return len(workers)

    def stop(self) -> None:
        left = stop([self._server], [self._child])
        if left:
            raise JobError(self.log, f"processes {left} of the job do not end")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _all_tasks_run(self) -> bool:
        jobs = self._get("/jobs/overview").get("jobs", [])
        if not jobs:
            return False
        self._id = jobs[0]["jid"]
        tasks = jobs[0]["tasks"]
        return bool(jobs[0]["state"] == "RUNNING" and tasks["total"] > 0 and tasks["running"] == tasks["total"])

    def _knows_event_time(self) -> bool:
        """Whether every subtask that judges alarms has been given a watermark, and gave it on."""
        vertices = self._get(f"/jobs/{self._id}").get("vertices", [])
        judging = [vertex["id"] for vertex in vertices if vertex["name"].startswith(_JUDGES)]
        queries = [f"/jobs/{self._id}/vertices/{id_}/subtasks/metrics?agg=min&get={_WATERMARK}" for id_ in judging]
        found = [metric["min"] for query in queries for metric in self._get(query)]
        return bool(judging) and len(found) == len(judging) and min(found) > 0

    def _get(self, path: str) -> Any:
        """The JSON answer; empty while the REST API does not answer."""
        connection = HTTPConnection(self._server.host, self._server.port, timeout=5)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError):
            return {}
        finally:
            connection.close()


def _command(project: Path, jar: Path, settings: Mapping[str, str]) -> list[str]:
    flink = Path(pyflink.__file__).parent / "bin" / "flink"
    options = [f"-D{name}={value}" for name, value in settings.items()]
    python = ["-pyclientexec", sys.executable, "-pyexec", sys.executable]
    return [str(flink), "run", "-t", "local", *options, *python, "-j", str(jar), "-py", str(project / "main.py")]


def _environment(project: Path, environment: Mapping[str, str], logs: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "JAVA_HOME", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "FLINK_CONF_DIR": str(project / "flink-conf"),
        "FLINK_LOG_DIR": str(logs),
        "JVM_ARGS": HEAP,
        # As on Managed Flink: workers are processes of their own, not threads of the launcher.
        "_python_worker_execution_mode": "process",
        "SLUICE_PROPERTIES": str(project / "flink-conf" / "local.json"),
        **environment,
    }


def _is_worker(process: psutil.Process, job: int) -> bool:
    command = " ".join(process.info["cmdline"] or [])
    return _WORKER in command and job in [parent.pid for parent in process.parents()]


def _faults(log: Path) -> str:
    """The lines that name the fault: the job's own refusal where there is one, else what Flink's logs say."""
    text = log.read_text(errors="replace")
    if (refusal := text.find(REFUSAL)) >= 0:
        lines = [line for line in text[refusal:].splitlines() if not line.startswith(_JAVA)]
    else:
        logs = [log, *sorted(log.parent.glob("flink-*.log"))]
        texts = [path.read_text(errors="replace") for path in logs]
        lines = [line for text in texts for line in text.splitlines() if _FAULT.search(line)][-_FAULT_LINES:]
    return "".join(f"\n  | {line[:300]}" for line in dict.fromkeys(lines))
