"""Durations as engineers write them in rules and their tests: `20 s`, `5 min`, `2 h`, `7 d`."""

import re
from typing import Annotated, Final

from msgspec import Meta

_PARTS: Final = re.compile(r"(\d+) ?(s|min|h|d)")
_MILLISECONDS: Final = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

Duration = Annotated[str, Meta(pattern=rf"^{_PARTS.pattern}$", examples=["20 s", "5 min", "2 h", "7 d"])]


def duration_ms(text: str) -> int:
    """Milliseconds of a Duration; raises ValueError for any other text."""
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a duration like `20 s`, `5 min`, `2 h` or `7 d`, got `{text}`")
    return int(match[1]) * _MILLISECONDS[match[2]]


def duration_text(milliseconds: int) -> str:
    """`90 s` for 90,000, `2 h` for 7,200,000: in the largest unit of which it is a whole number, else in seconds."""
    for unit in ("d", "h", "min"):
        if milliseconds and milliseconds % _MILLISECONDS[unit] == 0:
            return f"{milliseconds // _MILLISECONDS[unit]} {unit}"
    return f"{milliseconds / 1000:.10g} s"
