"""The examples of a spec, run: forward to readings or an error, and back to the very bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

import msgspec

from udfs.document import Step, render_path
from udfs.errors import DecodeError, EncodeError
from udfs.message import Envelope, Message
from udfs.model import Example
from udfs.product import ProductSpec
from udfs.row import number_text
from udfs.timestamps import parse_iso


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the example says."""

    field: str
    expected: str
    got: str


@dataclass(frozen=True)
class ExampleResult:
    """An example that was run; it passed if nothing differs."""

    product: str
    index: int
    example: Example
    differences: tuple[Difference, ...]

    @property
    def title(self) -> str:
        return self.example.title or f"example {self.index + 1}"

    @property
    def passed(self) -> bool:
        return not self.differences


def run_examples(product: ProductSpec) -> list[ExampleResult]:
    """Every example of the product's spec, in the file's order."""
    return [
        ExampleResult(product.product, index, example, tuple(_differences(product, example)))
        for index, example in enumerate(product.document.examples)
    ]


def _differences(product: ProductSpec, example: Example) -> list[Difference]:
    try:
        messages = product.decode(envelope_of(product, example))
    except DecodeError as error:
        return _compare_error(example, error)
    if example.error is not None:
        return [Difference("error", example.error, f"{len(messages)} message(s)")]
    return _compare_messages(product, example, messages) + _compare_round_trip(product, example, messages)


def envelope_of(product: ProductSpec, example: Example) -> Envelope:
    """The example's payload as it is received at the example's own time, else the payload's latest: none grows old."""
    if example.received_at is not None:
        return _envelope(product, example, parse_iso(example.received_at))
    try:
        rows = product.decoder(_envelope(product, example)).decode(example.payload)
        product.compute(rows)
    except DecodeError:
        return _envelope(product, example)
    return _envelope(product, example, max((row.time for row in rows if row.time is not None), default=0))


def _envelope(product: ProductSpec, example: Example, received_at: int = 0) -> Envelope:
    return Envelope(
        product=product.product,
        device="example",
        protocol="file",
        received_at=received_at,
        payload=example.payload,
        port=example.port,
        firmware=example.firmware,
    )


def _compare_error(example: Example, error: DecodeError) -> list[Difference]:
    if example.error is None:
        return [Difference("error", "none", str(error))]
    differences = []
    if error.reason != example.error:
        differences.append(Difference("error", example.error, f"{error.reason}: {error.message}"))
    if example.at is not None and error.byte_offset != example.at:
        differences.append(Difference("at", str(example.at), str(error.byte_offset)))
    return differences


def _compare_messages(product: ProductSpec, example: Example, messages: list[Message]) -> list[Difference]:
    expected = example.expect if isinstance(example.expect, list) else [example.expect or {}]
    if len(expected) != len(messages):
        return [Difference("messages", str(len(expected)), str(len(messages)))]
    several = len(messages) > 1
    differences: list[Difference] = []
    for index, (readings, message) in enumerate(zip(expected, messages, strict=True)):
        stated = dict(readings)
        domain = stated.pop("domain", product.domain) if "domain" not in _readings(message) else product.domain
        path: tuple[Step, ...] = (index,) if several else ()
        if domain != message.domain:
            differences.append(Difference(render_path((*path, "domain")), str(domain), message.domain))
        differences += _compare_readings(stated, _readings(message), path)
    warnings = [warning for message in messages for warning in message.quality]
    if example.quality is not None and example.quality != warnings:
        differences.append(Difference("quality", str(example.quality), str(warnings)))
    return differences


def _compare_readings(
    expected: Mapping[str, Any], got: Mapping[str, float | str], path: tuple[Step, ...]
) -> list[Difference]:
    differences = []
    for name in [*expected, *(name for name in got if name not in expected)]:
        if name in expected and name in got and _same(expected[name], got[name]):
            continue
        field = render_path((*path, name))
        differences.append(Difference(field, _shown(expected.get(name)), _shown(got.get(name))))
    return differences


def _same(expected: Any, got: float | str) -> bool:
    if isinstance(got, float):
        is_number = isinstance(expected, int | float) and not isinstance(expected, bool)
        return is_number and isclose(expected, got, rel_tol=1e-9, abs_tol=1e-12)
    return got == _text(expected)


def _compare_round_trip(product: ProductSpec, example: Example, messages: list[Message]) -> list[Difference]:
    readings = [product.written(_readings(message)) for message in messages]
    try:
        decoder = product.decoder(_envelope(product, example))
        encoded = product.encode(readings, port=example.port, firmware=example.firmware)
        received_at = max(message.event_time for message in messages)
        envelope = msgspec.structs.replace(_envelope(product, example, received_at), payload=encoded)
        again = [product.written(_readings(message)) for message in product.decode(envelope)]
    except DecodeError as error:
        return [Difference("encoded back", example.payload, str(error))]
    except EncodeError as error:
        # What cannot be written at all is lost in writing, too.
        is_lossy = example.lossy is not None or product.document.lossy is not None
        return [] if is_lossy else [Difference("encoded back", example.payload, str(error))]
    if again != readings:
        return _compare_lists(readings, again)
    expected = decoder.canonical(example.payload)
    if example.lossy is not None:
        return [] if encoded != expected else [Difference("lossy", "other bytes", "the same bytes: leave `lossy` out")]
    same = encoded == expected or product.document.lossy is not None
    return [] if same else [Difference("encoded back", expected, encoded)]


def _readings(message: Message) -> dict[str, float | str]:
    return {**message.measurements, **message.attributes}


def _compare_lists(readings: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]]) -> list[Difference]:
    pairs = enumerate(zip(readings, again, strict=False))
    return [
        Difference(f"{difference.field} (decoded, encoded, decoded)", difference.expected, difference.got)
        for index, (before, after) in pairs
        for difference in _compare_readings(before, after, (index,))
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "absent"
    return number_text(value) if isinstance(value, float) else _text(value)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
