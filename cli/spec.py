"""`sluice decode` and `sluice spec test`: what a spec makes of a payload, and of its own examples."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.lazy import LazyGroup
from cli.specs_folder import find_product, load_catalog, specs_folder
from gateways.tcp.examples import StreamResult, run_stream_examples
from udfs.errors import DecodeError
from udfs.examples import Difference, ExampleResult, run_examples
from udfs.excerpt import Excerpt, hex_excerpt, text_excerpt
from udfs.layouts.frame import Span
from udfs.message import Envelope
from udfs.product import ProductSpec, payload_bytes
from udfs.releases import ReleaseError, read_releases, release_of
from udfs.row import number_text
from udfs.timestamps import parse_iso


class SpecCommands(LazyGroup):
    """The commands that stand in modules of their own."""

    lazy: ClassVar = {
        "new": "cli.spec_new:new",
        "doc": "cli.spec_doc:doc",
        "lock": "cli.spec_versions:lock",
        "diff": "cli.spec_versions:diff",
    }


spec_app = typer.Typer(
    cls=SpecCommands, no_args_is_help=True, help="Product specs: draft, test, explain, document, version."
)


def decode(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="Product name, as in specs/products.")],
    payload: Annotated[str, typer.Argument(help="Hex for binary products, else the text; `-` reads standard input.")],
    device: Annotated[str, typer.Option(help="Device id of the message.")] = "cli",
    firmware: Annotated[str | None, typer.Option(help="Firmware that the device runs.")] = None,
    port: Annotated[int | None, typer.Option(help="Port that the payload came by, as LoRaWAN's FPort.")] = None,
    event_time: Annotated[
        str | None, typer.Option(help="Epoch ms or ISO 8601, for payloads without a time of their own; default: now.")
    ] = None,
) -> None:
    """Decode a payload and print its messages as JSON.

    A payload that the spec refuses is explained on standard error and exits 1, as does an unknown product.
    """
    spec = find_product(load_catalog(context), product)
    text = _standard_input() if payload == "-" else payload
    envelope = Envelope(
        product=spec.product,
        device=device,
        protocol="file",
        received_at=time.time_ns() // 1_000_000,
        payload="".join(text.split()) if spec.format == "hex" else text,
        firmware=firmware,
        port=port,
        event_time=None if event_time is None else _epoch_ms(event_time),
    )
    try:
        messages = spec.decode(envelope)
    except DecodeError as error:
        typer.echo(explain(error, spec, envelope.payload), err=True)
        raise typer.Exit(1) from error
    document = messages[0] if len(messages) == 1 else messages
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


@spec_app.command("test")
def run_spec_tests(
    context: typer.Context,
    product: Annotated[str | None, typer.Argument(help="Only this product; default: all.")] = None,
) -> None:
    """Run the examples in the spec files: decode, compare, and encode back byte for byte; those of a `stream` as the
    gateway does.

    Exits 1 where an example fails, a spec does not compile, or its meaning changed and its `version` did not.
    """
    catalog, folder = load_catalog(context), specs_folder(context)
    specs = list(catalog.products.values()) if product is None else [find_product(catalog, product)]
    failed = passed = 0
    for spec in specs:
        results: list[ExampleResult | StreamResult] = [*run_examples(spec), *run_stream_examples(spec)]
        typer.echo(f"{spec.product}  version {spec.version}")
        for result in results:
            typer.echo(render_result(result))
        if fault := _version_fault(folder, spec):
            typer.echo(f"  FAIL  {fault}")
            failed += 1
        failed += sum(not result.passed for result in results)
        passed += sum(result.passed for result in results)
    typer.echo(f"{passed} passed, {failed} failed, {len(specs)} product{'s' if len(specs) != 1 else ''}")
    if failed:
        raise typer.Exit(1)


@spec_app.command("explain")
def explain_payload(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="Product name, as in specs/products.")],
    payload: Annotated[str, typer.Argument(help="Hex for binary products, else the text; `-` reads standard input.")],
    firmware: Annotated[str | None, typer.Option(help="Firmware that the device runs.")] = None,
    port: Annotated[int | None, typer.Option(help="Port that the payload came by, as LoRaWAN's FPort.")] = None,
) -> None:
    """Say of every byte of a payload what it is, as far as the spec takes it; exits 1 where it refuses it."""
    spec = find_product(load_catalog(context), product)
    text = _standard_input() if payload == "-" else payload
    text = "".join(text.split()) if spec.format == "hex" else text
    envelope = Envelope(
        product=product, device="cli", protocol="file", received_at=0, payload=text, firmware=firmware, port=port
    )
    spans: list[Span] = []
    try:
        spec.decoder(envelope).explain(text, spans)
    except DecodeError as error:
        error.product, error.spec_version = spec.product, spec.version
        _print_spans(spans, spec, text)
        typer.echo(explain(error, spec, text), err=True)
        raise typer.Exit(1) from error
    _print_spans(spans, spec, text)


def _print_spans(spans: Sequence[Span], spec: ProductSpec, payload: str) -> None:
    if spans:
        table = spans_table(spans, payload_bytes(payload, spec.format), spec.format == "hex")
        Console(highlight=False).print(table)


def spans_table(spans: Sequence[Span], data: bytes, is_hex: bool) -> Table:
    """One row for each part of a payload: where it stands, its bytes, and what they mean."""
    table = Table(box=None, header_style="bold")
    for heading in ("byte", "bits", "payload", "what", "name", "value", "unit"):
        table.add_column(heading, overflow="fold")
    for span in spans:
        shown = data[span.start : span.end]
        excerpt = shown[:16].hex() if is_hex else repr(shown[:24].decode("utf-8", "replace"))[1:-1]
        value = "" if span.value is None else number_text(span.value) if type(span.value) is float else str(span.value)
        cells = str(span.start), span.bits or "", excerpt, span.what, span.name, value, span.unit
        table.add_row(*map(Text, cells))
    return table


def explain(error: DecodeError, spec: ProductSpec, payload: str) -> str:
    """The fault in lines a person reads: what, where, and the bytes around it with a caret."""
    facts = [
        ("product", error.product),
        ("spec version", str(error.spec_version)),
        ("reason", error.reason),
        ("message", error.message),
        ("field", error.field or "-"),
        ("byte offset", "-" if error.byte_offset is None else str(error.byte_offset)),
    ]
    lines = [f"{name:<13}{value}" for name, value in facts]
    data = payload_bytes(payload, spec.format)
    if data:
        lines += _pointed("hex", hex_excerpt(data, error.byte_offset), error.byte_offset, 2)
    if data and spec.format != "hex":
        lines += _pointed("text", text_excerpt(data, error.byte_offset), error.byte_offset, 1)
    return "\n".join(lines)


def render_result(result: ExampleResult | StreamResult) -> str:
    """A line for an example, and beneath it a table of what differs."""
    line = f"  {'ok  ' if result.passed else 'FAIL'}  {result.title}"
    return line if result.passed else f"{line}\n{_table(result.differences)}"


def _version_fault(folder: Path, spec: ProductSpec) -> str:
    """Why the spec may not stand under its version, empty where it may."""
    try:
        read_releases(folder, spec.product).is_locked(release_of(spec))
    except ReleaseError as error:
        return error.message
    return ""


def _standard_input() -> str:
    """What was piped in, without the newline that shells add; CR LF may belong to the payload and stays."""
    text = sys.stdin.read()
    return text if text.endswith("\r\n") else text.removesuffix("\n")


def _pointed(name: str, excerpt: Excerpt, offset: int | None, width: int) -> list[str]:
    line = f"{name:<13}{excerpt.text}"
    return [line] if offset is None else [line, " " * (13 + excerpt.caret) + "^" * width]


def _table(differences: tuple[Difference, ...]) -> str:
    rows = [("field", "expected", "got"), *((diff.field, diff.expected, diff.got) for diff in differences)]
    wide = max(len(row[0]) for row in rows)
    middle = min(40, max(len(row[1]) for row in rows))
    return "\n".join(f"        {field:<{wide}}  {expected:<{middle}}  {got}" for field, expected, got in rows)


def _epoch_ms(text: str) -> int:
    try:
        return int(text) if text.isdigit() else parse_iso(text)
    except ValueError as fault:
        raise typer.BadParameter(f"{text!r} is neither epoch milliseconds nor ISO 8601") from fault
