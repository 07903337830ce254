"""Lineage of a rule: the views and columns that its SELECT names, the spec's fields behind them, and their places."""

from collections.abc import Collection, Iterator, Mapping
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
    return {name for _, name in _names(select)}


def _names(select: str) -> Iterator[tuple[str, str]]:
    """Each name of the text with the one before its dot, empty where there is none."""
    # MySQL's tokens have backticks for identifiers, as Flink's do.
    tokens = sqlglot.tokenize(select, read="mysql")
    for before, dot, token in zip([None, None, *tokens], [None, *tokens], tokens, strict=False):
        if _is_name(token.token_type, token.text):
            is_qualified = dot is not None and dot.token_type is TokenType.DOT and before is not None
            yield (before.text if is_qualified and before is not None else "", token.text)


def _is_name(kind: TokenType, text: str) -> bool:
    return kind in _NAMES or (kind is not TokenType.STRING and text.isidentifier())


def _aliases(select: str, views: Collection[str]) -> dict[str, str]:
    """What the query calls its views: `view AS alias`."""
    names = [token.text for token in sqlglot.tokenize(select, read="mysql")]
    renamed = zip(names, names[1:], names[2:], strict=False)
    aliases = {alias: view for view, word, alias in renamed if view in views and word.upper() == "AS"}
    return {view: view for view in views} | aliases


def lineage(rule: Rule, catalog: Catalog, places: Mapping[tuple[str, str], str]) -> list[Source]:
    """What the rule reads, by view and column; `places` are those of field_places.

    A column that the query calls by a view's alias is that view's; any other may be of each view.
    """
    names = {("", name) for name in names_in(rule.header.clear)} | set(_names(rule.select))
    views = views_of(rule, catalog)
    aliases = _aliases(rule.select, views)
    read = {(view, name) for before, name in names for view in ([aliases[before]] if before in aliases else views)}
    return [
        Source(view, name, spec.product, column.name, places.get((view, name), ""), column.unit or "")
        for spec in catalog.products.values()
        for column in spec.columns
        if (view := view_name(spec.product, column.domain), name := column_name(column.name)) in read
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
