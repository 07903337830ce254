"""Types of values that are written as text: what all of a column's cells can be."""

import re
from collections.abc import Sequence
from typing import Any, Final

from cli.drafting.draft import TIME_NAMES
from udfs.timestamps import parse_iso

_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,12})?\Z")
_FORMATS: Final = {
    re.compile(r"20[0-9]{2}[01][0-9][0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9]\Z"): "YYYYMMDDhhmmss",
    re.compile(r"[23][0-9][01][0-9][0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9]\Z"): "YYMMDDhhmmss",
    re.compile(r"[0-3][0-9]\.[01][0-9]\.20[0-9]{2} [0-2][0-9]:[0-5][0-9]\Z"): "DD.MM.YYYY hh:mm",
    re.compile(r"[0-3][0-9]\.[01][0-9]\.20[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\Z"): "DD.MM.YYYY hh:mm:ss",
    re.compile(r"[0-3][0-9]/[01][0-9]/20[0-9]{2} [0-2][0-9]:[0-5][0-9]\Z"): "DD/MM/YYYY hh:mm",
}
_SECONDS: Final = range(946_684_800, 4_102_444_800)
MAX_LABELS: Final = 4


def text_type(name: str, cells: Sequence[str]) -> dict[str, Any]:
    """The keys of the type that every cell has: decimal, bool, a timestamp or text. Empty cells fit all."""
    said = [cell for cell in cells if cell]
    if not said:
        return {"type": "text"}
    for pattern, form in _FORMATS.items():
        if all(pattern.match(cell) for cell in said):
            return {"type": "datetime", "format": form}
    if all(_is_iso(cell) for cell in said):
        return {"type": "iso8601"}
    if set(said) <= {"true", "false"}:
        return {"type": "bool"}
    if all(_DECIMAL.match(cell) for cell in said):
        return number_type(name, [float(cell) for cell in said]) | _decimals(said)
    return {"type": "text"}


def number_type(name: str, numbers: Sequence[float]) -> dict[str, Any]:
    """A number, or a timestamp where name and size say so."""
    if name.split("_")[-1] in TIME_NAMES and all(number == int(number) for number in numbers):
        if all(number in _SECONDS for number in numbers):
            return {"type": "unix_s"}
        if all(number // 1000 in _SECONDS for number in numbers):
            return {"type": "unix_ms"}
    return {"type": "decimal"}


def is_time(stated: dict[str, Any]) -> bool:
    return stated.get("type") in ("unix_s", "unix_ms", "iso8601", "datetime")


def _decimals(cells: Sequence[str]) -> dict[str, int]:
    """As many digits after the point as all cells have, so that they are written as they were."""
    decimals = {len(cell.partition(".")[2]) for cell in cells}
    return {"decimals": decimals.pop()} if len(decimals) == 1 and decimals != {0} else {}


def _is_iso(text: str) -> bool:
    try:
        return len(text) >= 10 and "-" in text[1:] and parse_iso(text) > 0
    except ValueError:
        return False
