"""Bad input: good envelopes broken in one way each, with the reason code that the dead letter must have."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from local.ledger import Line

Envelope = dict[str, object]
BAD_ENVELOPE: Final = "bad_envelope"


class Fault(NamedTuple):
    """A way to break an envelope of `product` (any product where None)."""

    name: str
    reason: str
    product: str | None
    broken: Callable[[Envelope], Envelope | bytes]
    at_gateway: bool = True
    """Whether a gateway can have received it; else it is on the stream only, for somebody has written there."""


def break_line(fault: Fault, device_id: str, envelope: Envelope) -> Line:
    """The broken line; its device is only the partition key, for the line may not name it any more."""
    broken = fault.broken(envelope)
    data = broken if isinstance(broken, bytes) else msgspec.json.encode(broken)
    via = str(envelope["protocol"]) if fault.at_gateway else None
    return Line(device_id, data, dead=fault.reason, via=via)


def _payload(change: Callable[[str], str]) -> Callable[[Envelope], Envelope]:
    return lambda envelope: {**envelope, "payload": change(str(envelope["payload"]))}


def _with(fields: Mapping[str, object]) -> Callable[[Envelope], Envelope]:
    return lambda envelope: {**envelope, **fields}


def _wrong_checksum(frame: str) -> str:
    body, _, tail = frame.rpartition("*")
    return f"{body}*{(int(tail[:2], 16) + 1) % 256:02X}{tail[2:]}"


def _decimal_point(table: str) -> str:
    header, first, *rest = table.split("\n")
    return "\n".join([header, first.replace(",", ".", 1), *rest])


def _without_payload(envelope: Envelope) -> Envelope:
    return {name: value for name, value in envelope.items() if name != "payload"}


FAULTS: Final = (
    Fault("truncated hex", "truncated", "milesight-am319", _payload(lambda payload: payload[:-2])),
    Fault("odd number of hex digits", "bad_hex", "milesight-am319", _payload(lambda payload: payload[:-1]), False),
    Fault("unknown key", "unknown_key", "milesight-am319", _payload(lambda payload: payload + "0199ff")),
    Fault("a byte too many", "too_long", "talkpool-oy1700", _payload(lambda payload: payload + "00")),
    Fault("wrong checksum", "bad_checksum", "meitrack-aaa", _payload(_wrong_checksum)),
    Fault("half a document", "bad_json", "ttn-wind-normalized", _payload(lambda payload: payload[:-4])),
    Fault("decimal point", "bad_value", "coldroom-logger", _payload(_decimal_point)),
    Fault("unknown product", "unknown_product", None, _with({"product": "acme-x1"}), False),
    Fault("no JSON", BAD_ENVELOPE, None, lambda _: b"GET /telemetry HTTP/1.1", False),
    Fault("text for a time", BAD_ENVELOPE, None, _with({"received_at": "yesterday"}), False),
    Fault("number for a device", BAD_ENVELOPE, None, _with({"device": 42}), False),
    Fault("no payload", BAD_ENVELOPE, None, _without_payload, False),
)
