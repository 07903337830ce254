"""`sluice rule docs`: a catalogue of the rules, with what they read down to the bytes of the payload."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jinja2
import msgspec
import typer

from cli.rule import find_rules_folder
from cli.rule_page.lineage import Source, field_places, lineage, views_of
from cli.specs_folder import load_catalog, specs_folder
from jobs.rule_case_files import read_cases
from jobs.rules import Header, Rule, readable_rules
from udfs.catalog import Catalog, read_specs
from udfs.compiler import compile_domain
from udfs.errors import SluiceError, SpecError

_IN_THE_TABLE = ("title", "severity", "type", "limits", "owner")


@dataclass(frozen=True)
class RuleSection:
    """What the page says of one rule."""

    rule: Rule
    facts: list[tuple[str, str]]
    views: dict[str, str]
    sources: list[Source]
    cases: list[str]


def docs(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Option("--rules", help="Folder of the rules; default: ./sql/rules, then the project's.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the page.")] = Path("build/rules"),
) -> None:
    """Write the catalogue of all rules as an HTML page: headers, limits, SQL, timed cases, and lineage.

    The lineage of a rule goes from its SELECT by the typed views to the fields of the specs and their places.
    """
    catalog = load_catalog(context)
    try:
        rules, refused = readable_rules(find_rules_folder(folder))
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    sections = list(rule_sections(rules, catalog, specs_folder(context)))
    out.mkdir(parents=True, exist_ok=True)
    page = out / "index.html"
    page.write_text(_template().render(sections=sections, refused=refused), encoding="utf-8")
    faults = f", {len(refused)} that cannot be read" if refused else ""
    typer.echo(f"{page}  {len(sections)} rules{faults}")


def rule_sections(rules: list[Rule], catalog: Catalog, specs: Path) -> Iterator[RuleSection]:
    texts = read_specs(specs)
    domains = [compile_domain(file, text) for file, text in texts.items() if file.startswith("domains/")]
    views = {rule.name: views_of(rule, catalog) for rule in rules}
    products = {product for of_rule in views.values() for product in of_rule.values()}
    places = field_places(catalog, {domain.domain: domain for domain in domains}, products)
    for rule in rules:
        yield RuleSection(
            rule, list(_facts(rule)), views[rule.name], lineage(rule, catalog, places), _cases(rule, catalog)
        )


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    """Every key of the header that says something, but for those that the page shows elsewhere."""
    said: dict[str, Any] = msgspec.to_builtins(rule.header)
    usual: dict[str, Any] = msgspec.to_builtins(Header(title="-", severity="info", type="threshold"))
    for key, value in said.items():
        if key not in _IN_THE_TABLE and value != usual.get(key):
            yield key, _told(value)


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(each)}" for key, each in value.items())
    return "; ".join(map(_told, value)) if isinstance(value, list) else str(value)


def _cases(rule: Rule, catalog: Catalog) -> list[str]:
    try:
        return [case.name for case in read_cases(rule, catalog)]
    except SpecError as error:
        return [f"cannot be read: {error}"]


@cache
def _template() -> jinja2.Template:
    folder = Path(__file__).parent / "rule_page" / "templates"
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True, trim_blocks=True)
    return environment.get_template("rules.html")
