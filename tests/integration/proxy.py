"""A slow way to a server: what a test does in the middle of a load is in its middle on a fast machine, too."""

import socket
import threading
import time
from contextlib import suppress

from local.process import LOOPBACK


class Proxy:
    """Forwards TCP connections to `target`; each carries at most `rate` bytes/s in either direction."""

    def __init__(self, target: tuple[str, int], rate: float) -> None:
        self._target, self._rate = target, rate
        self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_forward, args=(one, other, self._rate), daemon=True).start()


def _forward(one: socket.socket, other: socket.socket, rate: float) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 14):
            time.sleep(len(data) / rate)
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
    other.close()
