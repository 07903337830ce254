"""The OpenAPI document: openapi.yaml, with the products of this gateway, and its file's credentials and limits."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import yaml

from gateways.rest.config import RestConfig


def document(config: RestConfig, products: Iterable[str]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    found: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("openapi.yaml").read_text(encoding="utf-8"))
    components = found["components"]
    components["schemas"]["Batch"]["maxItems"] = config.max_items
    components["schemas"]["Product"]["enum"] = sorted(products)
    schemes = _schemes(config)
    components["securitySchemes"] = {name: components["securitySchemes"][name] for name in schemes}
    found["security"] = [{name: []} for name in schemes]
    return found


def _schemes(config: RestConfig) -> list[str]:
    if config.auth == "none":
        return []
    return (["key"] if config.auth.keys else []) + (["token"] if config.auth.jwt else [])
