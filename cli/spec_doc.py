"""`sluice spec doc`: an HTML page for each product."""

from pathlib import Path
from typing import Annotated

import typer

from cli.product_page import index_page, product_page
from cli.specs_folder import find_product, load_catalog


def doc(
    context: typer.Context,
    product: Annotated[str | None, typer.Argument(help="Only this product; default: all, and an index.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the pages.")] = Path("build/specs"),
) -> None:
    """Write an HTML page for each product: byte maps, fields, contract, and every example taken apart."""
    catalog = load_catalog(context)
    specs = list(catalog.products.values()) if product is None else [find_product(catalog, product)]
    out.mkdir(parents=True, exist_ok=True)
    for spec in specs:
        (out / f"{spec.product}.html").write_text(product_page(spec), encoding="utf-8")
    first = out / f"{specs[0].product}.html"
    if product is None:
        first = out / "index.html"
        first.write_text(index_page(specs), encoding="utf-8")
    typer.echo(f"{first}  {len(specs)} product{'s' if len(specs) != 1 else ''}")
