"""A draft: a layout made of payloads, what its author has to decide, and the text of the spec file."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from udfs.model import DomainDocument, UnifiedMeasurement

_SIMPLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
TIME_NAMES: Final = ("time", "timestamp", "ts", "t", "at", "date", "datetime", "date_time", "received_at", "created_at")


@dataclass
class Item:
    """An item or field as a spec writes it; `comment` is for the author, `items` are those below its last key."""

    stated: dict[str, Any]
    comment: str = ""
    items: list["Item"] = field(default_factory=list)


@dataclass
class Draft:
    """A layout: its own keys, the key that its items stand under, and the items."""

    format: str
    kind: str
    items: list[Item]
    items_key: str = "fields"
    keys: dict[str, Any] = field(default_factory=dict)
    time_field: str | None = None


class Names:
    """Names for what is found: snake_case, each once, with the units that the domain gives them."""

    def __init__(self, domain: DomainDocument) -> None:
        self._unified: dict[str, UnifiedMeasurement] = {
            name: measurement for measurement in domain.measurements for name in (measurement.name, *measurement.also)
        }
        self._taken: set[str] = set()

    def take(self, *words: str) -> str:
        """A free name of the last word, with those before it where the domain has that or it is taken."""
        snakes = [snake for word in words if (snake := snake_case(word))] or ["value"]
        names = ["_".join(snakes[-count:]) for count in range(1, len(snakes) + 1)]
        free = [name for name in names if name not in self._taken]
        name = next((name for name in free if name in self._unified), free[0] if free else names[-1])
        number, base = 2, name
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name

    def unit(self, name: str) -> tuple[str, str]:
        """The unit of a measurement of this name, and what the author should know of it."""
        unified = self._unified.get(name)
        return (unified.unit, "") if unified is not None else ("1", "unit?")


def snake_case(word: str) -> str:
    """`Temp. (°C)` → `temp_c`, `windSpeed` → `wind_speed`; empty where there is no letter."""
    broken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word)
    snake = re.sub(r"[^a-z0-9]+", "_", broken.lower()).strip("_")
    return snake if not snake[:1].isdigit() else f"value_{snake}"


def layout_lines(draft: Draft) -> list[str]:
    """The layout as YAML."""
    lines = ["layout:", f"  kind: {draft.kind}"]
    lines += [f"  {key}: {flow(value)}" for key, value in draft.keys.items()]
    return [*lines, f"  {draft.items_key}:", *_item_lines(draft.items, "    ")]


def _item_lines(items: Iterable[Item], indent: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        comment = f"    # {item.comment}" if item.comment else ""
        if not item.items:
            lines.append(f"{indent}- {flow(item.stated)}{comment}")
            continue
        first, *others = item.stated.items()
        lines.append(f"{indent}- {first[0]}: {flow(first[1])}{comment}")
        lines += [f"{indent}  {key}: {flow(value)}" for key, value in others]
        lines += [f"{indent}  fields:", *_item_lines(item.items, f"{indent}    ")]
    return lines


def flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(int(value)) if value == int(value) else repr(value)
    return _scalar(str(value))


def _scalar(text: str) -> str:
    if _SIMPLE.match(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
