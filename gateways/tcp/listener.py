"""A port on which devices connect: who may, how many at once, how long they may be silent, and the drain at the end."""

import asyncio
import os
import socket
from collections import Counter
from pathlib import Path
from typing import Final

import structlog

from gateways.errors import GatewayConfigError
from gateways.intake import Intake
from gateways.listening import listen
from gateways.metrics import Metrics
from gateways.rates import Rates
from gateways.server_tls import server_context
from gateways.tcp.config import TcpConfig
from gateways.tcp.connection import Connection
from gateways.tcp.session import PROTOCOL, Session
from udfs.catalog import Catalog
from udfs.document import suggest
from udfs.stream import StreamSpec

WATCH_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 10.0
_TICK_SECONDS: Final = 0.02
_ACCEPT_PAUSE_SECONDS: Final = 0.2
_RECEIVE_BYTES: Final = 64 << 10
"""What the system may hold of a sender that the gateway lets wait, and so the most that comes at once."""
_FILE: Final = "gateway file"
_log = structlog.get_logger(__name__)


class Listener:
    """A source of the gateway. `path` is its key in the gateway file, which stands in `folder`."""

    def __init__(
        self, config: TcpConfig, path: str, catalog: Catalog, intake: Intake, metrics: Metrics, folder: Path
    ) -> None:
        self._config, self._path, self._intake, self._metrics = config, path, intake, metrics
        self._streams = [_stream(name, catalog, f"{path}.products") for name in config.products]
        self._tls = None if config.tls is None else server_context(config.tls, folder, f"{path}.tls")
        self._rates = Rates(config.frames_per_s)
        self._connections: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._opening: set[asyncio.Task[None]] = set()
        self._number = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then acknowledges what is under way and closes every connection."""
        server = _bind(self._config, self._path)
        host, port = server.getsockname()[:2]
        _log.info("listening", listener=self._path, host=host, port=port, products=self._config.products)
        stopped = asyncio.create_task(stop.wait())
        serving = [asyncio.create_task(self._accept(server)), asyncio.create_task(self._watch())]
        try:
            await asyncio.wait([stopped, *serving], return_when=asyncio.FIRST_COMPLETED)
            for task in serving:
                if task.done():
                    task.result()
        finally:
            stopped.cancel()
            for task in (*serving, *self._opening):
                task.cancel()
            server.close()
            await self._drain()

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, (address, *_) = await loop.sock_accept(server)
            except OSError as error:
                _log.error("no connection can be taken just now", path=self._path, error=os.strerror(error.errno or 0))
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            refused = self._refusal(address)
            if refused is not None:
                self._metrics.closed.labels(PROTOCOL, refused).inc()
                connected.close()
                continue
            connection = self._connection(address)
            self._connections.add(connection)
            self._addresses[address] += 1
            task = asyncio.create_task(self._open(connected, connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _refusal(self, address: str) -> str | None:
        if len(self._connections) >= self._config.max_connections:
            return "too_many"
        return "too_many_of_address" if self._addresses[address] >= self._config.max_connections_per_address else None

    async def _open(self, connected: socket.socket, connection: Connection) -> None:
        """Gives the socket to the connection, which under TLS takes a handshake."""
        try:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                connected,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else self._config.login_s,
            )
        except OSError as error:
            self._metrics.closed.labels(PROTOCOL, "handshake").inc()
            _log.info("no handshake", address=connection.address, error=str(error))
            self._abandon(connected, connection)
        except asyncio.CancelledError:
            self._abandon(connected, connection)
            raise

    def _abandon(self, connected: socket.socket, connection: Connection) -> None:
        connected.close()
        self._forget(connection)

    def _connection(self, address: str) -> Connection:
        self._number += 1
        session = Session(self._streams, self._product_of, self._config.device)
        return Connection(
            session,
            self._config,
            self._intake,
            self._rates,
            self._metrics,
            address,
            self._number,
            self._forget,
        )

    def _product_of(self, device: str) -> str | None:
        known = self._intake.device(device)
        return None if known is None else known.product

    def _forget(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._addresses[connection.address] -= 1
            if not self._addresses[connection.address]:
                del self._addresses[connection.address]

    async def _watch(self) -> None:
        """Closes whoever is silent for too long or does not end a frame."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = loop.time()
            for connection in list(self._connections):
                reason = connection.overdue(now)
                if reason is not None:
                    connection.close(reason)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in self._connections:
            connection.drain()
        deadline = loop.time() + DRAIN_SECONDS
        while loop.time() < deadline and not all(connection.is_settled for connection in self._connections):
            await asyncio.sleep(_TICK_SECONDS)
        for connection in list(self._connections):
            connection.close("stopping")


def _stream(name: str, catalog: Catalog, path: str) -> StreamSpec:
    product = catalog.products.get(name)
    if product is None:
        raise GatewayConfigError(_FILE, path, f"no product `{name}` in the specs{suggest(name, catalog.products)}")
    if product.stream is None:
        raise GatewayConfigError(_FILE, path, f"the spec of `{name}` has no section `stream`: see specs/README.md")
    return product.stream


def _bind(config: TcpConfig, path: str) -> socket.socket:
    try:
        server = listen(config.host, config.port, config.idle_s)
    except OSError as error:
        raise GatewayConfigError(_FILE, f"{path}.port", f"{config.host}:{config.port}: {error.strerror}") from error
    server.setblocking(False)
    return server
