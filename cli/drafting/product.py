"""A draft of a whole product file, which compiles and keeps its examples before anyone sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.drafting.binary import draft_hex
from cli.drafting.documents import draft_csv, draft_json
from cli.drafting.draft import Draft, Names, flow, layout_lines
from cli.drafting.frames import draft_text
from cli.drafting.samples import Sample, SampleError
from udfs.catalog import compile_catalog
from udfs.compiler import compile_domain
from udfs.errors import DecodeError
from udfs.examples import envelope_of, run_examples
from udfs.message import Message
from udfs.product import ProductSpec

_DRAFTERS: Final = {"hex": draft_hex, "json": draft_json, "csv": draft_csv, "text": draft_text}
_HEAD: Final = """\
# yaml-language-server: $schema=../schema/product.json
product: {product}
title: {title}
source:                        # the manual and its revision
version: 1
domain: {domain}
format: {format}
"""
_SKELETON: Final = """
layout:
  kind: length                 # or key_value, hybrid, json, csv, switch: see specs/README.md
  byte_order: big
  fields:
    - {name: temperature, type: i16, scale: 0.1, unit: Cel, range: [-40, 85]}
    - {name: battery, type: u8, unit: "%", absent: [255]}
    - {name: door, bits: "3[0]", enum: {0: closed, 1: open}}

examples:
  - {title: a reading, payload: 00e96401, expect: {temperature: 23.3, battery: 100, door: open}}
  - {title: no battery, payload: ff9cff00, expect: {temperature: -10, door: closed}}
  - {title: cut off, payload: 00e9, error: truncated, at: 2}
"""


@dataclass(frozen=True)
class DraftedProduct:
    """The text of a product file; `unexplained` names the expected readings that no field of it gives, `num_left_out`
    counts the samples that it cannot read."""

    text: str
    unexplained: tuple[str, ...] = ()
    num_examples: int = 0
    num_left_out: int = 0


def skeleton(product: str, title: str, domain: str) -> DraftedProduct:
    """A file to begin with where there are no payloads."""
    return DraftedProduct(_HEAD.format(product=product, title=flow(title), domain=domain, format="hex") + _SKELETON)


def draft_product(
    product: str, title: str, domain: str, domains: Mapping[str, str], payload_format: str, samples: Sequence[Sample]
) -> DraftedProduct:
    """The file that the samples suggest; `domains` are the texts of specs/domains. Raises SampleError."""
    good = [sample for sample in samples if sample.is_good]
    if not good:
        raise SampleError("every example is an error: add a payload that is right")
    names = Names(compile_domain(f"domains/{domain}.yaml", domains[f"domains/{domain}.yaml"]))
    draft = _DRAFTERS[payload_format](good, names)
    head = _HEAD.format(product=product, title=flow(title), domain=domain, format=payload_format)
    body = "\n".join([head, *_event_time_lines(draft), *layout_lines(draft)]) + "\n"

    def compiled(examples: Sequence[Mapping[str, Any]]) -> ProductSpec:
        text = body + _examples_text(examples or [{"payload": "", "error": "truncated"}])
        return compile_catalog({**domains, f"products/{product}.yaml": text}).products[product]

    examples, unexplained = _kept_examples(compiled, samples)
    left_out = len(samples) - len(examples)
    return DraftedProduct(body + _examples_text(examples), unexplained, len(examples), left_out)


def _event_time_lines(draft: Draft) -> list[str]:
    return [] if draft.time_field is None else ["event_time:", f"  field: {draft.time_field}", ""]


def _kept_examples(compiled: Any, samples: Sequence[Sample]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The samples as examples of the draft, with what it makes of them; and the expected readings that it does not."""
    stated = [{"payload": sample.payload} | dict(sample.stated) for sample in samples]
    spec = compiled([one if "error" in one else one | {"expect": {}} for one in stated])
    missing: dict[str, None] = {}
    kept: list[dict[str, Any]] = []
    for one, sample, example in zip(stated, samples, spec.document.examples, strict=True):
        if not sample.is_good:
            kept.append(one)
            continue
        try:
            messages = spec.decode(envelope_of(spec, example))
        except DecodeError:
            continue
        given = [_readings(message, spec.domain) for message in messages]
        for name in sample.expect or ():
            if not any(name in readings for readings in given):
                missing[name] = None
        kept.append(one | {"expect": given[0] if len(given) == 1 else given})
    return _mended(compiled, kept), tuple(missing)


def _mended(compiled: Any, examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that hold, with `lossy` where the bytes do not come back, and `quality` where there are warnings."""
    spec = compiled(examples)
    kept = []
    for result, example in zip(run_examples(spec), examples, strict=True):
        if not result.passed and all("back" in each.field or "(decoded" in each.field for each in result.differences):
            example = example | {"lossy": "the draft writes it in another way"}
        kept.append(example)
    if not kept:
        raise SampleError("the draft takes none of the payloads: say another --format")
    results = run_examples(compiled(kept))
    sound = [example for result, example in zip(results, kept, strict=True) if result.passed]
    if not sound:
        raise SampleError(f"the draft keeps no example: {results[0].differences[0]}")
    return sound


def _readings(message: Message, domain: str) -> dict[str, Any]:
    other = {"domain": message.domain} if message.domain != domain else {}
    return {**other, **message.measurements, **message.attributes}


def _examples_text(examples: Sequence[Mapping[str, Any]]) -> str:
    lines = ["", "examples:"]
    for number, example in enumerate(examples, 1):
        ordered = {"title": example.get("title", f"example {number}")} | dict(example)
        first, *others = ordered.items()
        lines.append(f"  - {first[0]}: {flow(first[1])}")
        lines += [f"    {key}: {flow(value)}" for key, value in others]
    return "\n".join(lines) + "\n"
