"""Lineage of a rule: the views and columns that its SELECT names, the spec's fields behind them, and their places."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType

from cli.spec_page.page import spec_page
from jobs.rules import Rule
from jobs.views import column_name, view_name
from udfs.catalog import Catalog
from udfs.model import DomainDocument

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)


@dataclass(frozen=True)
class Source:
    """One column that a rule reads: of which view, from which field of which product, and where in the payload."""

    view: str
    column: str
    product: str
    field: str
    place: str
    unit: str


def names_in(select: str) -> set[str]:
    """Every identifier and keyword of the text, by the tokens of SQL: neither texts nor comments."""
    # MySQL's tokens have backticks for identifiers, as Flink's do.
    return {token.text for token in sqlglot.tokenize(select, read="mysql") if _is_name(token.token_type, token.text)}


def _is_name(kind: TokenType, text: str) -> bool:
    return kind in _NAMES or (kind is not TokenType.STRING and text.isidentifier())


def lineage(rule: Rule, catalog: Catalog, places: Mapping[tuple[str, str], str]) -> list[Source]:
    """What the rule reads, by view and column; `places` are those of field_places."""
    names = names_in(rule.select) | names_in(rule.header.clear)
    return [
        Source(view, name, spec.product, column.name, places.get((view, name), ""), column.unit or "")
        for spec in catalog.products.values()
        for column in spec.columns
        if (view := view_name(spec.product, column.domain)) in names and (name := column_name(column.name)) in names
    ]


def views_of(rule: Rule, catalog: Catalog) -> dict[str, str]:
    """The views that the rule reads and their products."""
    names = names_in(rule.select)
    views = {view_name(s.product, domain): s.product for s in catalog.products.values() for domain in s.domains}
    return {view: product for view, product in views.items() if view in names}


def field_places(
    catalog: Catalog, domains: Mapping[str, DomainDocument], products: set[str]
) -> dict[tuple[str, str], str]:
    """(view, column) → where its field stands in the payload, as the spec's page tells it."""
    places: dict[tuple[str, str], str] = {}
    for product in products:
        for section in spec_page(catalog.products[product], domains).layouts:
            for row in section.fields:
                for column in row.columns:
                    places.setdefault((column.view, column.first), row.place)
    return places
