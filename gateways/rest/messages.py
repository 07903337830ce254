"""The way of a request: its payloads become envelopes, all or none; the answer waits until all of them are durable.

What the job will make of a payload is told beforehand, by the same specs. Only what lies between two readings of a
device (`max_step`, `monotonic`) is the job's alone to judge.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
import structlog
from msgspec import UNSET, Meta, UnsetType

from gateways.devices import Device
from gateways.errors import Refused
from gateways.intake import Intake
from gateways.metrics import Metrics
from gateways.rest.payloads import Firmware, Milliseconds, Payload, Port, Product
from gateways.rest.problems import Fault, ProblemError, problem_of, unavailable
from gateways.rest.senders import Sender
from jobs.dead_letters import INTERNAL_ERROR
from jobs.ingest import MAX_CLOCK_AHEAD
from udfs.catalog import Catalog
from udfs.document import suggest
from udfs.errors import DecodeError
from udfs.message import Envelope
from udfs.product import ProductSpec

PROTOCOL: Final = "rest"
RETRY_SECONDS: Final = 5.0

_MEDIA_TYPES: Final = {
    "hex": "text/plain (hex digits) or application/octet-stream",
    "text": "text/plain",
    "json": "application/json or application/x-ndjson",
    "csv": "text/csv",
}

_log = structlog.get_logger(__name__)


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of its payloads where they do not say it themselves; `event_time` is epoch milliseconds."""

    product: Product | None = None
    port: Port | None = None
    firmware: Firmware | None = None
    event_time: Milliseconds | None = None
    key: Annotated[str, Meta(pattern=r'^("[A-Za-z0-9_.:/+=@\-]{1,200}"|[A-Za-z0-9_.:/+=@\-]{1,200})$')] | None = None


def read_stated(parameters: Mapping[str, str], key: str | None) -> Stated:
    """Of the query's parameters, and the Idempotency-Key with its quotes or without; raises ProblemError 400."""
    try:
        stated = msgspec.convert({**parameters, "key": key}, Stated, strict=False)
    except msgspec.ValidationError as error:
        raise ProblemError(400, "bad_parameter", str(error)) from error
    return msgspec.structs.replace(stated, key=stated.key and stated.key.strip('"'))


class DeadLetter(msgspec.Struct, frozen=True):
    """A payload that its spec refuses: it is kept as a dead letter, and can be replayed when the spec is mended."""

    reason: str
    message: str
    field: str | UnsetType = UNSET
    byte_offset: int | UnsetType = UNSET


class Outcome(msgspec.Struct, frozen=True):
    """What the job makes of a payload: messages of these ids, or a dead letter."""

    message_ids: list[str] | UnsetType = UNSET
    dead_letter: DeadLetter | UnsetType = UNSET


class Prepared(NamedTuple):
    """An envelope and its line."""

    envelope: Envelope
    line: bytes


class Messages:
    """Takes the payloads of requests; `seconds` is how long the sender waits for an answer."""

    def __init__(self, intake: Intake, catalog: Catalog, metrics: Metrics, seconds: float) -> None:
        self._intake, self._catalog, self._metrics, self._seconds = intake, catalog, metrics, seconds

    def prepare(
        self, sender: Sender, device: str, payloads: Sequence[Payload], stated: Stated, now: int
    ) -> list[Prepared]:
        """All of them ready to be sent; raises ProblemError or Refused, of a batch with every fault. `now` is ms."""
        prepared: list[Prepared] = []
        problems: dict[int, ProblemError] = {}
        for index, payload in enumerate(payloads):
            key = stated.key if len(payloads) == 1 or stated.key is None else f"{stated.key}#{index}"
            try:
                envelope = self._envelope(sender, device, payload, msgspec.structs.replace(stated, key=key), now)
                prepared.append(Prepared(envelope, self._intake.prepare(envelope)))
            except (ProblemError, Refused) as error:
                problems[index] = problem_of(error)
        if problems:
            raise _of_all(problems, len(payloads))
        return prepared

    async def take(self, prepared: Sequence[Prepared]) -> list[Outcome]:
        """Returns when Kinesis or the spool has all of it; raises ProblemError 503 or Unavailable."""
        try:
            async with asyncio.timeout(self._seconds):
                durable = [await self._intake.send(*each) for each in prepared]
                outcomes = [self._outcome(each.envelope) for each in prepared]
                await asyncio.gather(*durable)
        except TimeoutError as error:
            detail = (
                f"not durable after {self._seconds:g} s, and not known whether it will be: send it again, "
                "by the same Idempotency-Key it is the same messages"
            )
            raise unavailable(detail, RETRY_SECONDS, "outcome_unknown") from error
        self._metrics.acknowledged.labels(PROTOCOL).inc(len(prepared))
        return outcomes

    def _envelope(self, sender: Sender, device: str, payload: Payload, stated: Stated, now: int) -> Envelope:
        item, registered = payload.item, self._intake.device(device)
        product = self._product(device, registered, (item and item.product) or stated.product)
        sender.check_product(product.product)
        if product.format not in payload.formats:
            detail = f"`{product.product}` reads {product.format}: send it as {_MEDIA_TYPES[product.format]}"
            raise ProblemError(422, "wrong_format", detail)
        event_time = stated.event_time if item is None or item.event_time is None else item.event_time
        if event_time is not None and event_time > now + MAX_CLOCK_AHEAD:
            detail = f"event_time {event_time} is {(event_time - now) / 1000:.0f} s ahead: expected epoch milliseconds"
            raise ProblemError(422, "bad_event_time", detail)
        return Envelope(
            product=product.product,
            device=device,
            protocol=PROTOCOL,
            received_at=now,
            # The end of the line that a hand puts behind hex digits is no part of them.
            payload=payload.text.strip() if product.format == "hex" else payload.text,
            firmware=(item and item.firmware) or stated.firmware or (registered and registered.firmware),
            port=stated.port if item is None or item.port is None else item.port,
            event_time=event_time,
            key=(item and item.key) or stated.key,
        )

    def _product(self, device: str, registered: Device | None, stated: str | None) -> ProductSpec:
        known = registered and registered.product
        if known is None and stated is None:
            if registered is None:
                self._intake.admit(device, PROTOCOL)
            detail = f"the master data names no product of the device `{device}`: name it by `product`"
            raise ProblemError(422, "unknown_product", detail)
        if known is not None and stated is not None and known != stated:
            detail = f"the device `{device}` is registered as `{known}`, not as `{stated}`"
            raise ProblemError(422, "other_product", detail)
        name = known or stated or ""
        product = self._catalog.products.get(name)
        if product is None:
            detail = f"no product `{name}` in the specs{suggest(name, self._catalog.products)}"
            raise ProblemError(422, "unknown_product", detail)
        return product

    def _outcome(self, envelope: Envelope) -> Outcome:
        try:
            messages = self._catalog.products[envelope.product].decode(envelope)
            return Outcome(message_ids=[message.message_id for message in messages])
        except DecodeError as error:
            offset = UNSET if error.byte_offset is None else error.byte_offset
            return Outcome(dead_letter=DeadLetter(error.reason, error.message, error.field or UNSET, offset))
        except Exception as error:  # as the job does: what it cannot decode by its own fault is kept, too
            _log.exception("a fault of the decoder itself", product=envelope.product)
            return Outcome(dead_letter=DeadLetter(INTERNAL_ERROR, f"{type(error).__name__}: {error}"))


def _of_all(problems: dict[int, ProblemError], num_payloads: int) -> ProblemError:
    first = next(iter(problems.values()))
    if num_payloads == 1:
        return first
    detail = f"nothing was taken, since {len(problems)} of {num_payloads} payloads cannot be: {first.detail}"
    faults = tuple(Fault(index, problem.reason, problem.detail) for index, problem in problems.items())
    return ProblemError(first.status, first.reason, detail, headers=first.headers, faults=faults)
