"""A body → the payloads in it, by its Content-Type. What is in a payload is for its spec to judge, not for this module.

application/json                    one payload of a json product
application/x-ndjson                one payload of a json product a line
text/csv                            one payload of a csv product, all rows of it
text/plain                          one payload of a hex product, as hex digits, or of a text product
application/octet-stream            one payload of a hex product, as bytes
application/vnd.sluice.batch+json   a list of payloads of any product, each with what it says of itself
"""

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from gateways.rest.problems import ProblemError

Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:/+=@\-]{1,200}$")]
Milliseconds = Annotated[int, Meta(ge=0, le=4_102_444_800_000)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Firmware = Annotated[str, Meta(min_length=1, max_length=64)]
Product = Annotated[str, Meta(min_length=1, max_length=64)]

BATCH: Final = "application/vnd.sluice.batch+json"
_TOO_DEEP: Final = "lists or objects stand too deep in one another"


class Item(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What a batch says of a payload; `event_time` is epoch milliseconds. Of json products it may be JSON itself."""

    payload: msgspec.Raw
    product: Product | None = None
    port: Port | None = None
    firmware: Firmware | None = None
    event_time: Milliseconds | None = None
    key: Key | None = None


class Payload(NamedTuple):
    """A payload as an envelope has it; `formats` are those that a product may have for it. `item` is a batch's."""

    text: str
    formats: tuple[str, ...]
    item: Item | None = None


def read_payloads(media_type: str, charset: str, body: bytes, max_items: int) -> list[Payload]:
    """At least one; raises ProblemError 400, 415 or 422."""
    read = _READERS.get(media_type)
    if read is None:
        expected = f"expected one of {', '.join(_READERS)}"
        raise ProblemError(415, "unknown_media_type", f"`{media_type}` is none that is read here: {expected}")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ProblemError(415, "unknown_charset", f"texts are read as UTF-8 only, not as {charset}")
    try:
        payloads = read(body)
    except UnicodeDecodeError as error:
        detail = f"the body is no UTF-8: {error.reason} at byte {error.start} of its text"
        raise ProblemError(400, "not_utf_8", detail) from error
    if not payloads:
        raise ProblemError(422, "empty", "there is no payload in the body")
    if len(payloads) > max_items:
        raise ProblemError(422, "too_many", f"{len(payloads)} payloads, at most {max_items} are taken at once")
    return payloads


def _one(*formats: str) -> Callable[[bytes], list[Payload]]:
    return lambda body: [Payload(body.decode(), formats)] if body else []


def _octets(body: bytes) -> list[Payload]:
    return [Payload(body.hex(), ("hex",))] if body else []


def _lines(body: bytes) -> list[Payload]:
    return [Payload(line.decode().strip(), ("json",)) for line in body.split(b"\n") if line.strip()]


def _batch(body: bytes) -> list[Payload]:
    try:
        items = _BATCH.decode(body)
        return [_of_item(item) for item in items]
    except RecursionError as error:
        raise ProblemError(400, "bad_json", _TOO_DEEP) from error
    except msgspec.ValidationError as error:
        raise ProblemError(422, "bad_item", f"the batch is no list of payloads: {error}") from error
    except msgspec.DecodeError as error:
        raise ProblemError(400, "bad_json", f"the batch is no JSON: {error}") from error


def _of_item(item: Item) -> Payload:
    """A JSON text is the payload as it came; any other JSON is a payload of a json product."""
    raw = bytes(item.payload)
    if raw.startswith(b'"'):
        return Payload(msgspec.json.decode(raw, type=str), ("hex", "text", "json", "csv"), item)
    return Payload(raw.decode(), ("json",), item)


_BATCH: Final = msgspec.json.Decoder(list[Item])
_READERS: Final[dict[str, Callable[[bytes], list[Payload]]]] = {
    "application/json": _one("json"),
    "application/x-ndjson": _lines,
    "text/csv": _one("csv"),
    "text/plain": _one("hex", "text"),
    "application/octet-stream": _octets,
    BATCH: _batch,
}
