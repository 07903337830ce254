"""A column of the typed view that a product's messages appear in."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column of a product's typed view in `domain`; `unit` is a UCUM code, empty for attributes."""

    name: str
    kind: Literal["measurement", "attribute"]
    unit: str
    doc: str
    domain: str = ""
