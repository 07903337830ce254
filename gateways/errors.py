"""The errors of the gateways, by what the source does next.

SluiceError
├── GatewayConfigError  a gateway file or a server that cannot start: which file, what, and the mend
├── Refused             this payload is not taken: tell the sender, do not try again
└── Unavailable         nothing is taken just now: try again after `retry_after` seconds
"""

from typing import Final, Literal

from udfs.errors import SluiceError

Reason = Literal[
    "bad_device", "unknown_device", "unknown_product", "unknown_topic", "bad_payload", "too_large", "rate_limited"
]

RETRY_AFTER: Final = 5.0


class GatewayConfigError(SluiceError):
    """A gateway that cannot start as its file says; `path` is the key in the file."""

    def __init__(self, file: str, path: str, message: str) -> None:
        self.file, self.path, self.message = file, path, message
        super().__init__(f"{file}: {path}: {message}" if path else f"{file}: {message}")


class Refused(SluiceError):
    """A payload that the gateway does not take. What its spec refuses is taken: that becomes a dead letter."""

    def __init__(self, reason: Reason, message: str, *, device: str = "", product: str = "") -> None:
        self.reason, self.message, self.device, self.product = reason, message, device, product
        super().__init__(message)


class Unavailable(SluiceError):
    """Neither Kinesis nor the spool takes more: nothing was lost, the sender still has it."""

    def __init__(self, message: str, retry_after: float = RETRY_AFTER) -> None:
        self.message, self.retry_after = message, retry_after
        super().__init__(message)
