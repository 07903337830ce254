"""What crosses the decoder's two borders: the envelope that gateways send and the message the job knows."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Replay(msgspec.Struct, kw_only=True, frozen=True):
    """What an envelope carries that `sluice dlq replay` put on the stream again: the dead letter that it was.

    `first_seen` is epoch milliseconds, `attempt` (from 1) and `reason` are those of the letter's last attempt.
    """

    dead_letter_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    # The bounds keep what SQL makes of them, a timestamp and an INT, within range.
    first_seen: Annotated[int, Meta(ge=0, le=4_102_444_800_000)]
    attempt: Annotated[int, Meta(ge=1, le=1_000_000)]
    reason: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")]


class Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One payload as a gateway received it; times are epoch milliseconds, `payload` is hex for binary formats.

    `key` is the sender's own name of the payload, if it has one: under it the payload is the same message whenever it
    comes again. Without one a payload that has no time of its own and comes again is a further message.
    """

    product: str
    device: str
    protocol: str
    received_at: int
    payload: str
    format: str | None = None
    firmware: str | None = None
    port: int | None = None
    event_time: int | None = None
    key: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    replay: Replay | None = None


class Message(msgspec.Struct, kw_only=True):
    """One decoded message; times are epoch milliseconds, measurements are in the spec's units."""

    message_id: str
    domain: str
    product: str
    device_id: str
    event_time: int
    received_at: int
    spec_version: int
    measurements: dict[str, float]
    attributes: dict[str, str]
    quality: list[str]
    firmware: str | None = None
