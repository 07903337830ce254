"""A compiled product: what a spec file says, ready to decode envelopes and to encode readings."""

from binascii import Error as HexFault
from binascii import unhexlify
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from udfs.column import Column
from udfs.contract import TimePolicy
from udfs.errors import DecodeError
from udfs.excerpt import hex_excerpt, text_excerpt
from udfs.layouts.base import Decoder
from udfs.message import Envelope, Message
from udfs.model import ProductDocument
from udfs.row import Readings, Row


@dataclass(frozen=True)
class ProductSpec:
    """One product of the catalog; `document` is the spec file as it was read."""

    product: str
    title: str
    version: int
    domain: str
    format: str
    columns: tuple[Column, ...]
    document: ProductDocument = field(repr=False)
    decoder: Decoder = field(repr=False)
    time_policy: TimePolicy = field(repr=False)

    def decode(self, envelope: Envelope) -> list[Message]:
        """The messages of an envelope of this product; raises DecodeError and nothing else."""
        try:
            self._check_format(envelope.format)
            rows = self.decoder.decode(envelope.payload)
            data = payload_bytes(envelope.payload, self.format)
            return [self._message(envelope, row, index, data) for index, row in enumerate(rows)]
        except DecodeError as error:
            self._complete(error, envelope.payload)
            raise

    def encode(self, readings: Sequence[Readings]) -> str:
        """The payload that decodes to these readings, one mapping a message; raises EncodeError.

        Numbers are rounded to the nearest step that the payload can hold.
        """
        return self.decoder.encode(readings)

    def _message(self, envelope: Envelope, row: Row, index: int, data: bytes) -> Message:
        stated = envelope.event_time if row.time is None else row.time
        event_time = envelope.received_at if stated is None else stated
        event_time = self.time_policy.judge(event_time, envelope.received_at, row.quality)
        return Message(
            message_id=message_id(self.product, envelope.device, event_time, index, data),
            domain=self.domain,
            product=self.product,
            device_id=envelope.device,
            event_time=event_time,
            received_at=envelope.received_at,
            spec_version=self.version,
            measurements=row.measurements,
            attributes=row.attributes,
            quality=row.quality,
            firmware=envelope.firmware,
        )

    def _check_format(self, stated: str | None) -> None:
        if stated is not None and stated != self.format:
            message = f"the envelope says format {stated}, the spec reads {self.format}"
            raise DecodeError("bad_value", message, field="format")

    def _complete(self, error: DecodeError, payload: str) -> None:
        error.product, error.spec_version = self.product, self.version
        excerpt = hex_excerpt if self.format == "hex" else text_excerpt
        error.excerpt = excerpt(payload_bytes(payload, self.format), error.byte_offset).text


def payload_bytes(payload: str, payload_format: str) -> bytes:
    """The bytes that were on the wire; of a payload that is no hex, the text's own."""
    if payload_format == "hex":
        try:
            return unhexlify(payload)
        except (HexFault, ValueError):
            return _even_hex(payload)
    return payload.encode("utf-8", "surrogatepass")


def message_id(product: str, device: str, event_time: int, index: int, data: bytes) -> str:
    """32 hex digits that are the same for the same bytes of the same device at the same event time."""
    head = f"{product}\n{device}\n{event_time}\n{index}\n".encode("utf-8", "surrogatepass")
    return blake2b(head + data, digest_size=16).hexdigest()


def _even_hex(payload: str) -> bytes:
    digits = "".join(digit if digit in "0123456789abcdefABCDEF" else "0" for digit in payload)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])
