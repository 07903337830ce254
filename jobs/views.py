"""Typed views: one per product and domain, generated from the specs, which rules select from.

A measurement is a DOUBLE column and an attribute a STRING column, each of its spec's name; beside them stand the
columns of the message itself. A field of the same name as one of those is the column `reported_<name>`: `firmware` is
what the envelope or the master data says, `reported_firmware` what the payload says.
"""

from collections.abc import Iterator

from udfs.catalog import Catalog
from udfs.product import ProductSpec

_MESSAGE = (
    "message_id",
    "device_id",
    "event_time",
    "received_at",
    "spec_version",
    "quality",
    "firmware",
    "customer_id",
    "site_id",
    "limits",
)


def view_name(product: str, domain: str) -> str:
    """`milesight-am319`, `telemetry` → `milesight_am319_telemetry`."""
    return f"{product}_{domain}".replace("-", "_")


def typed_views(catalog: Catalog, judged_hours: int) -> Iterator[str]:
    """The CREATE VIEW statement of every product and domain, over the view `messages`.

    What was older than `judged_hours` when its gateway received it is in none: no rule has state of then any more, and
    by its receipt it is told apart at every replay in the same way.
    """
    for spec in catalog.products.values():
        for domain in spec.domains:
            yield _typed_view(spec, domain, judged_hours)


def rule_views(catalog: Catalog) -> list[str]:
    """What rules may read: every typed view, and the messages of all products."""
    views = [view_name(spec.product, domain) for spec in catalog.products.values() for domain in spec.domains]
    return [*views, "messages"]


def _typed_view(spec: ProductSpec, domain: str, judged_hours: int) -> str:
    columns = [f"`{name}`" for name in _MESSAGE]
    columns += [
        f"{column.kind}s['{column.name}'] AS `{column_name(column.name)}`"
        for column in spec.columns
        if column.domain == domain
    ]
    return (
        f"CREATE TEMPORARY VIEW `{view_name(spec.product, domain)}` AS\n"
        f"SELECT {', '.join(columns)}\n"
        f"FROM messages\nWHERE product = '{spec.product}' AND domain = '{domain}'\n"
        f"  AND TIMESTAMPDIFF(HOUR, event_time, received_at) < {judged_hours}"
    )


def column_name(field: str) -> str:
    """`firmware` → `reported_firmware`: what a field is called beside the columns of the message itself."""
    return f"reported_{field}" if field in _MESSAGE else field
