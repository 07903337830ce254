"""What a probe makes of a payload: its messages' readings, or why it refuses it."""

from typing import Any

from udfs.errors import DecodeError
from udfs.message import Envelope, Message
from udfs.product import ProductSpec

RECEIVED_AT = 1_767_225_600_000
"""2026-01-01T00:00:00Z, when the probe's payloads arrive."""


def messages(product: ProductSpec, payload: str, **stated: Any) -> list[Message]:
    """The messages of a payload; `stated` is what the envelope says beyond it."""
    envelope = Envelope(
        **{"product": "probe", "device": "d", "protocol": "tcp", "received_at": RECEIVED_AT, "payload": payload}
        | stated
    )
    return product.decode(envelope)


def readings(product: ProductSpec, payload: str, **stated: Any) -> list[dict[str, float | str]]:
    """The readings of each message."""
    return [{**message.measurements, **message.attributes} for message in messages(product, payload, **stated)]


def refusal(product: ProductSpec, payload: str, **stated: Any) -> tuple[str, str, int | None]:
    """Reason, field and byte offset of the fault."""
    try:
        found = readings(product, payload, **stated)
    except DecodeError as error:
        return error.reason, error.field, error.byte_offset
    raise AssertionError(f"{payload} was taken: {found}")


def comes_back(product: ProductSpec, payload: str, **stated: Any) -> bool:
    """Whether the payload's readings are written as the very same payload."""
    return product.encode(readings(product, payload, **stated), **stated) == payload
