"""A way to a server that a test can break, or make slow: while it is down, connections end and none is taken."""

import socket
import threading
import time
from contextlib import suppress

from local.process import LOOPBACK


class Proxy:
    """Forwards TCP connections to `target`; to its clients, the server is away while the proxy is down.

    Each connection carries at most `rate` bytes/s in either direction.
    """

    def __init__(self, target: tuple[str, int], rate: float = float("inf")) -> None:
        self._target, self._rate = target, rate
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def up(self) -> None:
        """Takes connections, from now on, on the port that it always had."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Ends all connections in the middle of whatever they carry, and takes no more."""
        if self._listener is not None:
            _close(self._listener)
        with self._lock:
            for pair in self._pairs:
                for connection in pair:
                    _close(connection)
            self._pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
                with self._lock:
                    self._pairs.append((client, server))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=(one, other, self._rate), daemon=True).start()


def _forward(one: socket.socket, other: socket.socket, rate: float) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 14):
            time.sleep(len(data) / rate)
            other.sendall(data)
    _close(other)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
