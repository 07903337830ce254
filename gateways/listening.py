"""A port that senders connect to. The system finds out who is gone: who no longer answers, or takes nothing of what it
is sent, and would be kept for ever by what waits for it."""

import socket
from typing import Final

GONE_SECONDS: Final = 120.0
"""A peer that is gone without a word is found out so much later."""

_PROBES: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
_BACKLOG: Final = 1024


def listen(host: str, port: int, patience: float = GONE_SECONDS) -> socket.socket:
    """A listening socket, whose connections end when the peer has taken no byte of theirs for `patience` seconds.

    Raises OSError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Connections have the options of the socket that they came by.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _PROBES.items():
        listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(min(patience, GONE_SECONDS) * 1000))
    return listening
