"""Where the command line finds the specs, and how it reports a spec that does not compile."""

from dataclasses import dataclass
from pathlib import Path

import typer

from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.document import suggest
from udfs.errors import SpecError, SpecErrors
from udfs.product import ProductSpec


@dataclass(frozen=True)
class Settings:
    """What holds for every command: the folder given by --specs, None where it was left out."""

    specs: Path | None = None


def find_specs(given: Path | None) -> Path:
    """The given folder, else ./specs, else the one beside the installed packages."""
    folders = [given] if given else [Path("specs"), Path(__file__).resolve().parent.parent / "specs"]
    for folder in folders:
        if (folder / "products").is_dir():
            return folder
    typer.echo(f"no specs: {folders[0]} has no folder `products` (give another folder by --specs)", err=True)
    raise typer.Exit(1)


def specs_folder(context: typer.Context) -> Path:
    """The folder of the specs that the command works on."""
    return find_specs((context.find_object(Settings) or Settings()).specs)


def load_catalog(context: typer.Context) -> Catalog:
    """The catalog of the specs folder; prints every spec error and exits 1 where there are some."""
    folder = specs_folder(context)
    try:
        return compile_catalog(read_specs(folder))
    except SpecError as error:
        errors = error.errors if isinstance(error, SpecErrors) else (error,)
        for each in errors:
            typer.echo(f"{folder}/{each}", err=True)
        typer.echo(f"{len(errors)} spec error{'s' if len(errors) > 1 else ''}", err=True)
        raise typer.Exit(1) from error


def find_product(catalog: Catalog, name: str) -> ProductSpec:
    """The product; prints a suggestion or all names and exits 1 where there is none."""
    product = catalog.products.get(name)
    if product is None:
        hint = suggest(name, catalog.products) or f"; there are: {', '.join(catalog.products)}"
        typer.echo(f"unknown product `{name}`{hint}", err=True)
        raise typer.Exit(1)
    return product
