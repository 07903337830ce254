"""A compiled product: what a spec file says, ready to decode and encode payloads."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column of a product's typed view; `unit` is a UCUM code, empty for attributes."""

    name: str
    kind: Literal["measurement", "attribute"]
    unit: str
    doc: str


@dataclass(frozen=True)
class ProductSpec:
    """One product of the catalog."""

    product: str
    title: str
    version: int
    domain: str
    format: str
    columns: tuple[Column, ...]
