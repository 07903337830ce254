"""A peer that takes nothing of what it is sent is not kept, though its system answers."""

import select
import socket
from contextlib import suppress

import pytest

from gateways.listening import listen
from local.process import LOOPBACK


def test_a_peer_that_takes_no_byte_is_given_up() -> None:
    with listen(LOOPBACK, 0, patience=0.5) as listening:
        address = listening.getsockname()
        with socket.create_connection(address) as peer, listening.accept()[0] as connection:
            connection.setblocking(False)
            with suppress(BlockingIOError):
                while True:  # until nothing more has room on the way
                    connection.send(bytes(1 << 16))
            failed = select.poll()
            failed.register(connection, select.POLLERR)
            assert failed.poll(60_000), "the connection still waits for its peer"
            with pytest.raises(TimeoutError):
                connection.send(b"\0")
            peer.close()


def test_a_peer_that_is_gone_is_probed_for() -> None:
    with listen(LOOPBACK, 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000
