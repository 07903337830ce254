"""`sluice spec new`: a first file for a product, drafted from payloads."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.drafting.product import DraftedProduct, draft_product, skeleton
from cli.drafting.samples import SampleError, read_samples
from cli.specs_folder import specs_folder
from udfs.catalog import read_specs
from udfs.document import suggest

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_FORMATS: Final = ("hex", "json", "csv", "text")


def new(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="Name of the product: a-z, 0-9 and `-`.")],
    from_examples: Annotated[
        Path | None,
        typer.Option(
            help="Payloads: one a line, a JSON or CSV document, or a list of {payload, expect} as in spec files."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What the product is; default: its name.")] = "",
    domain: Annotated[str, typer.Option(help="Domain of its messages.")] = "telemetry",
    payload_format: Annotated[
        str | None, typer.Option("--format", help="hex, json, csv or text; default: what the payloads look like.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write, `-` prints; default: the specs' folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file where there is one.")] = False,
) -> None:
    """Draft a product's spec file: with payloads and what they mean, fields are found by themselves.

    What the draft cannot know stands in comments. It compiles and keeps its examples: `sluice spec test PRODUCT`.
    """
    specs = specs_folder(context)
    domains = {name: text for name, text in read_specs(specs).items() if name.startswith("domains/")}
    _check(product, domain, payload_format, domains)
    target = out or specs / "products" / f"{product}.yaml"
    if str(target) != "-" and target.exists() and not force:
        raise _refused(f"{target} is there already: give --force to replace it, or --out another file")
    try:
        if from_examples is None:
            drafted = skeleton(product, title or product, domain)
        else:
            found, samples = read_samples(from_examples.read_text(encoding="utf-8"), payload_format)
            drafted = draft_product(product, title or product, domain, domains, found, samples)
    except SampleError as error:
        raise _refused(f"{from_examples}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(f"{from_examples} cannot be read: {error}") from error
    if str(target) == "-":
        typer.echo(drafted.text, nl=False)
        return
    target.write_text(drafted.text, encoding="utf-8")
    _report(target, product, drafted)


def _check(product: str, domain: str, payload_format: str | None, domains: dict[str, str]) -> None:
    if not _NAME.fullmatch(product):
        raise _refused(f"`{product}` is no product name: a-z, 0-9 and `-`, such as milesight-am319")
    if f"domains/{domain}.yaml" not in domains:
        known = [Path(name).stem for name in domains]
        raise _refused(f"no domain `{domain}`{suggest(domain, known) or ': there are ' + ', '.join(known)}")
    if payload_format is not None and payload_format not in _FORMATS:
        raise _refused(f"no format `{payload_format}`: it is one of {', '.join(_FORMATS)}")


def _report(target: Path, product: str, drafted: DraftedProduct) -> None:
    examples = f", {drafted.num_examples} examples" if drafted.num_examples else ""
    typer.echo(f"{target}{examples}")
    if drafted.num_left_out:
        typer.echo(f"left out, since the draft does not read them: {drafted.num_left_out} examples")
    if drafted.unexplained:
        typer.echo(f"not explained by the bytes: {', '.join(drafted.unexplained)}")
    typer.echo(f"next: answer the comments in it, then `sluice spec test {product}`")


def _refused(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)
