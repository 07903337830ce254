"""How dead letters look on a terminal: counts, a line for each, one in full, its attempts, and a replay's result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from jobs.dead_letter_store import Count
from jobs.dead_letters import caret_of

_LABEL = 13


def counts_table(counts: Sequence[Count]) -> Table:
    table = _table("product", "reason", right=("open", "resolved", "first seen", "last seen"))
    for count in counts:
        numbers = f"{count.open:,}", f"{count.resolved:,}", time_text(count.first_seen), time_text(count.last_seen)
        _add_row(table, count.product or "-", count.reason, *numbers)
    return table


def letter_line(letter: Mapping[str, Any]) -> str:
    """A document in one line, its id first."""
    replayed = f" attempt {letter['attempt']}" if letter["attempt"] > 1 else ""
    facts = (letter["product"] or "-", letter["device_id"] or "-", letter["reason"], letter["message"])
    line = f"{letter['_id']}  {time_text(letter['first_seen'])}  {letter['state']}{replayed}  {'  '.join(facts)}"
    return _printable(line)


def render_letter(letter: Mapping[str, Any]) -> str:
    """One document in lines: what, why, where in the payload, and a caret under the byte at fault."""
    facts = [
        ("id", letter["_id"]),
        ("state", letter["state"]),
        ("reason", letter["reason"]),
        ("message", letter["message"]),
        ("product", letter["product"]),
        ("spec version", letter["spec_version"]),
        ("device", letter["device_id"]),
        ("field", letter["field"]),
        ("byte offset", letter["byte_offset"]),
        ("bit offset", letter["bit_offset"]),
        ("excerpt", letter["excerpt"]),
    ]
    lines = [_fact(name, value) for name, value in facts]
    caret = caret_of(letter["raw"], letter["excerpt"], letter["byte_offset"])
    if caret is not None:
        lines.append(" " * (_LABEL + caret) + "^")
    lines.append(_fact("first seen", time_text(letter["first_seen"])))
    lines.append(_fact("attempts", f"{letter['attempt']}, the last {time_text(letter['attempted_at'])}"))
    lines.append(_fact("line", letter["raw"].decode("utf-8", "backslashreplace")))
    return "\n".join(lines)


def attempts_table(attempts: Sequence[Mapping[str, Any]]) -> Table:
    """The history of one letter, from the lake."""
    table = _table("attempt", "at", "state", "reason", "message", "spec version", "place")
    for each in attempts:
        place = f"{each['shard_id']} {each['sequence_number']} line {each['line']}"
        version = "-" if each["spec_version"] is None else str(each["spec_version"])
        told = each["state"], each["reason"], each["message"], version, place
        _add_row(table, str(each["attempt"]), time_text(each["attempted_at"]), *told)
    return table


def outcomes_table(outcomes: Counter[tuple[str, str]]) -> Table:
    """Letters by the reason they were refused for and what becomes of them."""
    table = _table("reason", "outcome", right=("letters",))
    for (reason, outcome), letters in sorted(outcomes.items()):
        _add_row(table, reason, outcome, f"{letters:,}")
    return table


def time_text(time: datetime) -> str:
    """Whole seconds; stores tell times in UTC."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _fact(name: str, value: object) -> str:
    return f"{name:<{_LABEL}}{'-' if value is None else _printable(str(value))}"


def _printable(text: str) -> str:
    """Senders must not be able to drive the terminal; a character stays a character, for the caret's sake."""
    return "".join(char if char.isprintable() else "·" for char in text)


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(_printable(cell)) for cell in cells))


def _table(*left: str, right: Sequence[str] = ()) -> Table:
    table = Table(*left, box=None, header_style="bold", pad_edge=False)
    for name in right:
        table.add_column(name, justify="right")
    return table
