"""The REST gateway under test: a gateway process with a port of its own."""

from pathlib import Path
from typing import Any

import httpx
from deployment import Deployment
from gateway_process import Gateway

from local.process import LOOPBACK, free_port


class RestGateway(Gateway):
    """Keeps its port when it is started again."""

    def __init__(self, deployment: Deployment, folder: Path, rest: dict[str, Any], **gateway: Any) -> None:
        self.port = free_port()
        self.url = f"{'https' if 'tls' in rest else 'http'}://{LOOPBACK}:{self.port}"
        super().__init__(deployment, folder, {"rest": rest | {"port": self.port}} | gateway)

    def start(self) -> None:
        """Returns when it listens."""
        before = len(self.told("rest"))
        super().start()
        self.wait_until_told("rest", before + 1)

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)
