"""What crosses the decoder's two borders: the envelope that gateways send and the message the job knows."""

import msgspec


class Envelope(msgspec.Struct, kw_only=True):
    """One payload as a gateway received it; times are epoch milliseconds, `payload` is hex for binary formats."""

    product: str
    device: str
    protocol: str
    received_at: int
    payload: str
    format: str | None = None
    firmware: str | None = None
    port: int | None = None
    event_time: int | None = None


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
