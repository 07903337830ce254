"""A compiled product: what a spec file says, ready to decode envelopes and to encode readings."""

from binascii import Error as HexFault
from binascii import unhexlify
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from udfs.column import Column
from udfs.computed import ComputedValue
from udfs.contract import MessageCheck, TimePolicy
from udfs.errors import DecodeError
from udfs.excerpt import hex_excerpt, text_excerpt
from udfs.layouts.base import Decoder
from udfs.layouts.routes import Routes
from udfs.message import Envelope, Message
from udfs.model import ProductDocument
from udfs.row import Readings, Row
from udfs.steps import Predecessors, StepRule
from udfs.stream import StreamSpec


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
    routes: Routes = field(repr=False)
    computed: tuple[ComputedValue, ...] = field(repr=False)
    checks: tuple[MessageCheck, ...] = field(repr=False)
    steps: tuple[StepRule, ...] = field(repr=False)
    time_policy: TimePolicy = field(repr=False)
    stream: StreamSpec | None = field(default=None, repr=False)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that its messages are of, the product's own first."""
        return tuple(dict.fromkeys((self.domain, *(column.domain for column in self.columns))))

    def decode(self, envelope: Envelope, before: Predecessors | None = None) -> list[Message]:
        """The messages of an envelope of this product; raises DecodeError and nothing else.

        `before` holds the devices' readings before this one, for steps; without it none is judged.
        """
        try:
            self._check_format(envelope.format)
            rows = self.decoder(envelope).decode(envelope.payload)
            return self.messages(envelope, rows, before)
        except DecodeError as error:
            self._complete(error, envelope.payload)
            raise

    @property
    def is_plain(self) -> bool:
        """Whether a message needs nothing but its payload's values: engines may read many payloads at once."""
        return not (self.computed or self.checks or self.steps)

    def decoder_or_none(self, envelope: Envelope) -> Decoder | None:
        """As `decoder`, None where the payload has no layout or the envelope states another format."""
        try:
            self._check_format(envelope.format)
            return self.decoder(envelope)
        except DecodeError:
            return None

    def decoder(self, envelope: Envelope) -> Decoder:
        """The decoder of the layout that the envelope's payload has; raises DecodeError unknown_layout."""
        return self.routes.decoder(
            envelope.port, envelope.firmware, lambda: len(payload_bytes(envelope.payload, self.format))
        )

    def messages(self, envelope: Envelope, rows: Sequence[Row], before: Predecessors | None) -> list[Message]:
        """The messages of records that were read; raises DecodeError where a message's contract refuses one."""
        self.compute(rows)
        for check in self.checks:
            for row in rows:
                check.judge(row)
        data = payload_bytes(envelope.payload, self.format)
        if len(rows) == 1 and rows[0].others is None:
            return [self._message(envelope, rows[0], 0, data, before)]
        parts = [part for row in rows for part in row.messages()]
        return [self._message(envelope, row, index, data, before) for index, row in enumerate(parts)]

    def compute(self, rows: Sequence[Row]) -> None:
        """Adds to each record what is computed of its values; raises DecodeError."""
        for value in self.computed:
            for row in rows:
                value.add_to(row)

    def encode(self, readings: Sequence[Readings], *, port: int | None = None, firmware: str | None = None) -> str:
        """The payload that decodes to these readings, one mapping a message; raises EncodeError.

        Numbers are rounded to the nearest step that the payload can hold; computed readings are left out.
        """
        kept = [self.written(row) for row in readings]
        return self.routes.encode([row for row in kept if row] or kept[:1], {"port": port, "firmware": firmware})

    def written(self, readings: Readings) -> Readings:
        """What of a message's readings a payload holds: all but the computed ones."""
        computed = {value.field.name for value in self.computed}
        return {name: value for name, value in readings.items() if name not in computed}

    def _message(self, envelope: Envelope, row: Row, index: int, data: bytes, before: Predecessors | None) -> Message:
        stated = envelope.event_time if row.time is None else row.time
        event_time = envelope.received_at if stated is None else stated
        event_time = self.time_policy.judge(event_time, envelope.received_at, row.quality)
        if before is not None and self.steps:
            before.judge(self.product, envelope.device, self.steps, row, event_time)
        return Message(
            message_id=message_id(self.product, envelope.device, envelope.key or event_time, index, data),
            domain=row.domain or self.domain,
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
        data = payload_bytes(payload, self.format)
        if error.byte_offset is not None:  # a fault in what `completed_by` adds is one at the payload's end
            error.byte_offset = min(error.byte_offset, len(data))
        error.excerpt = excerpt(data, error.byte_offset).text


def payload_bytes(payload: str, payload_format: str) -> bytes:
    """The bytes that were on the wire; of a payload that is no hex, the text's own."""
    if payload_format == "hex":
        try:
            return unhexlify(payload)
        except (HexFault, ValueError):
            return _even_hex(payload)
    return payload.encode("utf-8", "surrogatepass")


def message_id(product: str, device: str, occasion: int | str, index: int, data: bytes) -> str:
    """32 hex digits that are the same for the same bytes of the same device on the same occasion: the event time, or
    the key that the sender gave."""
    head = f"{product}\n{device}\n{occasion!r}\n{index}\n".encode("utf-8", "surrogatepass")
    return blake2b(head + data, digest_size=16).hexdigest()


def _even_hex(payload: str) -> bytes:
    digits = "".join(digit if digit in "0123456789abcdefABCDEF" else "0" for digit in payload)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])
