"""REST as a source of the gateway: uvicorn in the gateway's own loop, from its socket to a graceful drain."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from gateways.errors import GatewayConfigError
from gateways.intake import Intake
from gateways.listening import listen
from gateways.metrics import Metrics
from gateways.rest.app import build_app
from gateways.rest.auth import Auth
from gateways.rest.bodies import Bodies
from gateways.rest.config import RestConfig, check_config, is_loopback
from gateways.rest.connections import BoundedConnection
from gateways.rest.messages import Messages
from gateways.server_tls import server_context
from udfs.catalog import Catalog

_log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Signals are the gateway's own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RestSource:
    """Serves REST; `folder` is where the gateway file stands. Raises GatewayConfigError where it cannot start."""

    def __init__(self, config: RestConfig, folder: Path, intake: Intake, catalog: Catalog, metrics: Metrics) -> None:
        check_config(config)
        self._config = config
        auth, bodies = Auth(config, folder), Bodies(config)
        messages = Messages(intake, catalog, metrics, config.answer_s)
        app = build_app(config, auth, bodies, messages, intake, metrics, catalog.products)
        self._server = _Server(_uvicorn_config(config, folder, app, metrics))

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then answers what is under way."""
        listening = self._listen()
        host, port = listening.getsockname()[:2]
        _log.info("rest", host=host, port=port, tls=self._config.tls is not None)
        if self._config.tls is None and not is_loopback(self._config.host):
            _log.warning("keys and tokens travel in the clear: name `rest.tls`, or end TLS in front of it", host=host)
        serving = asyncio.create_task(self._server.serve([listening]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self._server.should_exit = True
        await serving

    def _listen(self) -> socket.socket:
        config = self._config
        try:
            return listen(config.host, config.port, config.body_s)
        except OSError as error:
            message = f"cannot listen at {config.host} port {config.port}: {error.strerror or error}"
            raise GatewayConfigError("gateway", "rest.port", message) from error


def _uvicorn_config(config: RestConfig, folder: Path, app: Any, metrics: Metrics) -> uvicorn.Config:
    tls = None if config.tls is None else server_context(config.tls, folder, "rest.tls")
    wanted = uvicorn.Config(
        app,
        http=partial(BoundedConnection, config, metrics),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # what clients do wrong is answered and counted
        access_log=False,
        server_header=False,
        proxy_headers=False,
        reset_contextvars=True,  # what is bound for one request's logs is not for the next one's
        timeout_keep_alive=int(config.head_s) + 1,
        timeout_graceful_shutdown=int(config.body_s + config.answer_s) + 1,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    wanted.load()
    return wanted
