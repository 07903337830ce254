"""Small products for tests, compiled from the layout that a test writes down."""

from pathlib import Path
from textwrap import dedent, indent

from udfs.catalog import compile_catalog
from udfs.layouts.base import Decoder
from udfs.product import ProductSpec

ROOT = Path(__file__).parents[3]
DOMAIN = """\
domain: telemetry
title: Telemetry
measurements:
  - {name: temperature, unit: Cel, range: [-100, 400], also: [air_temperature]}
"""
_HEAD = """\
product: probe
title: Probe
version: {version}
domain: telemetry
format: {format}
examples: [{{payload: "", error: truncated}}]
"""
_FORMATS = {"length": "hex", "key_value": "hex", "hybrid": "text", "json": "json", "csv": "csv", "switch": "hex"}


def decoder_of(product: ProductSpec) -> Decoder:
    """The decoder of a product with one layout."""
    (route,) = product.routes
    return route.decoder


def compile_probe(layout: str, extra: str = "", payload_format: str | None = None, version: int = 3) -> ProductSpec:
    """The product `probe` with this YAML as its layout and `extra` keys at the top."""
    layout = dedent(layout).strip()
    kind = layout.split("kind:", 1)[1].split()[0]
    text = (
        _HEAD.format(format=payload_format or _FORMATS[kind], version=version)
        + dedent(extra)
        + "layout:\n"
        + indent(layout, "  ")
        + "\n"
    )
    return compile_catalog({"domains/telemetry.yaml": DOMAIN, "products/probe.yaml": text}).products["probe"]
