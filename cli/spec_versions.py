"""`sluice spec lock` and `sluice spec diff`: versions of a product, and what another one changes for its readers."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import sqlglot
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.specs_folder import find_product, load_catalog, specs_folder
from jobs.views import column_name, view_name
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.changes import Change, changes
from udfs.errors import SpecError
from udfs.product import ProductSpec
from udfs.releases import Release, ReleaseError, read_releases, release_of, write_releases

ProductArgument = Annotated[str | None, typer.Argument(help="Only this product; default: all.")]


def lock(
    context: typer.Context,
    product: ProductArgument = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 where something is to lock.")] = False,
) -> None:
    """Record what each product's version promises, in specs/versions; do it when a spec is released.

    Exits 1 where a meaning changed and `version` did not.
    """
    folder, faults, num_locked = specs_folder(context), 0, 0
    for spec in _chosen(load_catalog(context), product):
        release = release_of(spec)
        try:
            before = read_releases(folder, spec.product)
            after = before.with_release(release)
        except ReleaseError as error:
            typer.echo(f"FAIL  {error}", err=True)
            faults += 1
            continue
        if after is before:
            continue
        num_locked += 1
        if check:
            typer.echo(f"FAIL  {spec.product}: version {spec.version} is not locked: run `sluice spec lock`", err=True)
            faults += 1
        else:
            write_releases(folder, after)
            typer.echo(f"locked  {spec.product}  version {spec.version}")
    if not num_locked and not faults:
        typer.echo("every version is locked as it stands")
    if faults:
        raise typer.Exit(1)


def diff(
    context: typer.Context,
    product: ProductArgument = None,
    against: Annotated[
        str | None,
        typer.Option(help="A folder of specs or a git revision such as `main`; default: the locked versions."),
    ] = None,
    rules: Annotated[Path, typer.Option(help="Folder of the rules that may read a changed column.")] = Path(
        "sql/rules"
    ),
) -> None:
    """Tell what the specs here change for views, rules and the lake; exits 1 where a change is breaking.

    Breaking: a column is gone, has another unit or type, or a label is gone. All else is compatible.
    """
    specs = _chosen(load_catalog(context), product)
    before = _locked(specs_folder(context), specs) if against is None else _other(against, specs_folder(context))
    console, breaking, same = Console(highlight=False), False, True
    for spec in specs:
        old, new = before.get(spec.product), release_of(spec)
        if old is None:
            console.print(f"{spec.product}  version {new.version}  new", markup=False)
            same = False
        elif found := changes(old, new):
            same = False
            breaking |= found[0].breaking
            console.print(_headline(spec.product, old, new, found), markup=False)
            console.print(_table(spec.product, found, rules))
    gone = sorted(set(before) - {spec.product for spec in specs}) if product is None else []
    for name in gone:
        console.print(f"{name}  removed, breaking", markup=False)
    if same and not gone:
        console.print("no change")
    if breaking or gone:
        raise typer.Exit(1)


def _chosen(catalog: Catalog, product: str | None) -> list[ProductSpec]:
    return list(catalog.products.values()) if product is None else [find_product(catalog, product)]


def _locked(folder: Path, specs: Sequence[ProductSpec]) -> dict[str, Release]:
    newest = {spec.product: read_releases(folder, spec.product).newest for spec in specs}
    return {product: release for product, release in newest.items() if release is not None}


def _other(against: str, folder: Path) -> dict[str, Release]:
    """The releases that another folder's specs, or those of a git revision, promise."""
    other = Path(against)
    try:
        catalog = compile_catalog(read_specs(other) if (other / "products").is_dir() else _at_revision(against, folder))
    except SpecError as error:
        typer.echo(f"{against}: {error}", err=True)
        raise typer.Exit(1) from error
    return {name: release_of(spec) for name, spec in catalog.products.items()}


def _at_revision(revision: str, folder: Path) -> dict[str, str]:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            fault = done.stderr.strip() or "git failed"
            typer.echo(f"--against {revision}: neither a folder with `products` nor a git revision: {fault}", err=True)
            raise typer.Exit(1)
        return done.stdout

    commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()
    names = git("ls-tree", "-r", "--name-only", commit, "--", "products", "domains").splitlines()
    return {name: git("show", f"{commit}:./{name}") for name in names if name.endswith(".yaml")}


def _headline(product: str, old: Release, new: Release, found: Sequence[Change]) -> str:
    versions = f"version {old.version} → {new.version}" if old.version != new.version else f"version {new.version}"
    reminder = "" if new.version > old.version else f"  (set `version: {old.version + 1}`)"
    return f"{product}  {versions}  {'breaking' if found[0].breaking else 'compatible'}{reminder}"


def _table(product: str, found: Sequence[Change], rules: Path) -> Table:
    headings = ("column", "change", "", "typed view", "rules that name it", "lake (map key)")
    table = Table(*headings, box=None, padding=(0, 2))
    for change in found:
        view = view_name(product, change.domain) if change.domain else ""
        readers = ", ".join(_rules_naming(rules, view, column_name(change.column))) if change.column else ""
        weight = "breaking" if change.breaking else "compatible"
        shown = f"{view}: {change.view}" if view else change.view
        table.add_row(*map(Text, (change.column or "-", change.what, weight, shown, readers or "-", change.lake)))
    return table


def _rules_naming(folder: Path, view: str, column: str) -> list[str]:
    """The rule files that name both, comments and texts aside."""
    found = []
    for path in sorted(folder.glob("*/*.sql")):
        words = {token.text for token in sqlglot.tokenize(path.read_text(encoding="utf-8"), read="spark")}
        if {view, column} <= words:
            found.append(path.relative_to(folder).as_posix())
    return found
