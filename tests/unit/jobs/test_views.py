"""Typed views: the SQL that is generated for one product."""

from jobs.views import typed_views, view_name
from udfs.catalog import compile_catalog

DOMAIN = "domain: telemetry\ntitle: Telemetry\nmeasurements: [{name: temperature, unit: Cel}]\n"
PRODUCT = """\
product: chiller-x2
title: Chiller
version: 1
domain: telemetry
format: hex
layout:
  kind: length
  fields:
    - {name: temperature, type: i16, unit: Cel}
    - {name: mode, type: u8, enum: {0: "off", 1: "on"}}
    - {name: firmware, type: text, length: 2}
examples: [{payload: "", error: truncated}]
"""


def test_one_view_of_a_product() -> None:
    catalog = compile_catalog({"domains/telemetry.yaml": DOMAIN, "products/chiller-x2.yaml": PRODUCT})
    (view,) = typed_views(catalog, 48)
    assert view == (
        "CREATE TEMPORARY VIEW `chiller_x2_telemetry` AS\n"
        "SELECT `message_id`, `device_id`, `event_time`, `received_at`, `spec_version`, `quality`, `firmware`, "
        "`customer_id`, `site_id`, `limits`, "
        "measurements['temperature'] AS `temperature`, "
        "attributes['mode'] AS `mode`, "
        "attributes['firmware'] AS `reported_firmware`\n"
        "FROM messages\nWHERE product = 'chiller-x2' AND domain = 'telemetry'\n"
        "  AND TIMESTAMPDIFF(HOUR, event_time, received_at) < 48"
    )


def test_every_product_of_the_project_has_a_view_of_its_own(catalog) -> None:
    names = [view_name(spec.product, domain) for spec in catalog.products.values() for domain in spec.domains]
    assert len(set(typed_views(catalog, 48))) == len(names)
    assert len(set(names)) == len(names)
