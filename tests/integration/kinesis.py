"""A Kinesis server of a test's own, whose process the test may end and start again: what it had taken is there again.

The embedded server keeps its streams on disk only when it ends in order, so it ends by SIGTERM: in the middle of calls,
of which their callers do not learn what became. Kinesis itself would lose nothing by the end of any process.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from deployment import wait_until

from local.errors import NotReady
from local.ministack import NAME, answer, kinesis_client, settings
from local.process import LOOPBACK, Launch, free_port, launch, stop


class Kinesis:
    """As a context manager it runs until the block is left; `environment` is that of its clients."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir()
        port = free_port()
        command = [sys.executable, "-m", NAME]
        self._plan = Launch(command, settings(port, folder) | {"PERSIST_STATE": "1"}, port, folder / "server.log")
        self.url = f"http://{LOOPBACK}:{port}"
        self.environment = {**environment, "SLUICE_AWS_ENDPOINT": self.url}

    def create(self, streams: Iterable[str]) -> None:
        for stream in streams:
            kinesis_client(self.environment).create_stream(StreamName=stream, ShardCount=2)

    def up(self) -> None:
        """Returns when it answers."""
        self._server, self._child = launch(self._plan)
        wait_until(self._answers, "an answer of Kinesis", self.check)

    def down(self) -> None:
        """Ends the process, whatever it is about."""
        assert not stop([self._server], [self._child])

    def check(self) -> None:
        assert self._server.alive(), self._plan.log.read_text()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.down()

    def _answers(self) -> bool:
        try:
            answer(self.environment)
        except NotReady:
            return False
        return True
