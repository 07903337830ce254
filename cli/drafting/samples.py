"""Payloads to draft a spec from: one a line, one document, or examples with what they mean."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import yaml

from udfs.document import Place, read_document
from udfs.errors import SluiceError, SpecError
from udfs.model import Example
from udfs.typed_document import read_typed

T = TypeVar("T")
_KEPT: Final = ("title", "port", "firmware", "received_at", "error", "at")


class SampleError(SluiceError):
    """A file that holds no payloads to draft from."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Sample:
    """A payload; `expect` holds the readings of its only message, None where they are not known or of several.
    `stated` is what else an example says of it; an odd one has bytes or values that do not mean what they say."""

    payload: str
    expect: dict[str, Any] | None = None
    stated: tuple[tuple[str, Any], ...] = ()
    is_odd: bool = False

    @property
    def is_good(self) -> bool:
        return "error" not in dict(self.stated)


def read_samples(text: str, payload_format: str | None) -> tuple[str, list[Sample]]:
    """The format and the payloads in a file; `payload_format` is what the author says. Raises SampleError."""
    examples = _examples(text)
    if examples is not None:
        samples = [_sample(example) for example in examples]
        return payload_format or _format_of([sample.payload for sample in samples if sample.is_good]), samples
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise SampleError("there is no payload in it: write one a line")
    found = payload_format or _format_of([text]) if _is_json(text) else payload_format or _format_of(lines)
    if found == "csv" or (found == "json" and _is_json(text)):
        return found, [Sample(text)]
    if found == "hex":
        return found, [Sample("".join(line.split()).lower()) for line in lines]
    return found, [Sample(line) for line in lines]


def _examples(text: str) -> list[Example] | None:
    """The examples of a YAML or JSON list, of a spec file, or of JSON lines; None where the text is something else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and all(line.lstrip().startswith('{"payload"') for line in lines):
        return [_read(line, Example) for line in lines]
    try:
        root = read_document("examples", text)
    except SpecError:
        return None
    if isinstance(root.node, yaml.MappingNode):
        root = root / "examples"
    if not isinstance(root.node, yaml.SequenceNode) or not root.node.value:
        return None
    if not all((root / index / "payload").node is not (root / index).node for index in range(len(root.node.value))):
        return None
    return _typed(root, list[Example])


def _read(line: str, model: type[T]) -> T:
    return _typed(read_document("examples", line), model)


def _typed(place: Place, model: type[T]) -> T:
    try:
        return read_typed(place, model)
    except SpecError as fault:
        raise SampleError(str(fault)) from fault


def _sample(example: Example) -> Sample:
    expect = example.expect
    if isinstance(expect, list) and len(expect) == 1:
        (expect,) = expect
    known = expect if isinstance(expect, dict) and "domain" not in expect else None
    stated = {name: value for name in _KEPT if (value := getattr(example, name)) not in (None, "")}
    return Sample(example.payload, known, tuple(stated.items()), _is_odd(example.quality or []))


def _is_odd(warnings: Sequence[str]) -> bool:
    return any(warning.startswith("trailing_bytes") or "clamped" in warning for warning in warnings)


def _format_of(payloads: Sequence[str]) -> str:
    if not payloads:
        raise SampleError("every example of it is an error: add a payload that is right")
    if all(_is_json(payload) for payload in payloads):
        return "json"
    if all(_is_hex(payload) for payload in payloads):
        return "hex"
    lines = [line for payload in payloads for line in payload.splitlines()]
    for delimiter in (";", ",", "\t", "|"):
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
        if len(lines) > 1 and len(widths) == 1 and widths.pop() > 1:
            return "csv" if {line[:1] for line in lines}.isdisjoint("$#!*>/") else "text"
    return "text"


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") and _json(text) is not None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_hex(text: str) -> bool:
    digits = "".join(text.split())
    return bool(digits) and len(digits) % 2 == 0 and set(digits.lower()) <= set("0123456789abcdef")
