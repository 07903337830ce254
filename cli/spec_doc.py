"""`sluice spec doc`: an HTML page for each product, and an index."""

from pathlib import Path
from typing import Annotated

import typer

from cli.spec_page.page import index_html, page_html, spec_page
from cli.specs_folder import find_product, load_catalog, specs_folder
from udfs.catalog import read_specs
from udfs.compiler import compile_domain
from udfs.model import DomainDocument


def doc(
    context: typer.Context,
    product: Annotated[str | None, typer.Argument(help="Only this product; default: all, and an index.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the pages.")] = Path("build/specs"),
) -> None:
    """Write an HTML page for each product: byte maps, fields, contract, and every example taken apart."""
    catalog = load_catalog(context)
    specs = list(catalog.products.values()) if product is None else [find_product(catalog, product)]
    domains = _domains(specs_folder(context))
    out.mkdir(parents=True, exist_ok=True)
    for spec in specs:
        (out / f"{spec.product}.html").write_text(page_html(spec_page(spec, domains)), encoding="utf-8")
    first = out / ("index.html" if product is None else f"{product}.html")
    if product is None:
        first.write_text(index_html(specs), encoding="utf-8")
    typer.echo(f"{first}  {len(specs)} product{'s' if len(specs) != 1 else ''}")


def _domains(folder: Path) -> dict[str, DomainDocument]:
    texts = read_specs(folder)
    domains = [compile_domain(file, text) for file, text in texts.items() if file.startswith("domains/")]
    return {domain.domain: domain for domain in domains}
