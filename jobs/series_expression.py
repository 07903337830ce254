"""Series in short, as promtool has them: `20+0.5x30` is 20, 20.5 … 35; `5x3` is 5 four times; `_x2` are two gaps.

Terms stand one after another; `@10 s` at the end says how far apart the values are.
"""

import re
from typing import Final, NamedTuple

from jobs.durations import duration_ms

MAX_VALUES: Final = 100_000

_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?"
_TERM: Final = re.compile(rf"(?P<first>{_NUMBER}|_)(?:(?P<step>[+-][0-9]+(?:\.[0-9]+)?))?(?:x(?P<times>[0-9]+))?\Z")
_EVERY: Final = re.compile(r"@\s*([0-9]+ ?(?:s|min|h))\s*\Z")


class Expanded(NamedTuple):
    """Values, None where one did not come, and the milliseconds between two where the text says them."""

    values: list[float | None]
    every_ms: int | None


def expand(text: str) -> Expanded:
    """The series that `text` stands for; raises ValueError."""
    every = _EVERY.search(text)
    values: list[float | None] = []
    for word in (text[: every.start()] if every else text).split():
        values += _term(word)
        if len(values) > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES} values")
    if not values:
        raise ValueError("no value: write for example `20+0.5x30 @10 s`")
    return Expanded(values, duration_ms(every[1]) if every else None)


def _term(word: str) -> list[float | None]:
    match = _TERM.match(word)
    if match is None or (match["step"] and (match["times"] is None or match["first"] == "_")):
        raise ValueError(f"`{word}` is no term: write a number, `20+0.5x30`, `5x3`, `_` or `_x2`")
    times = min(int(match["times"] or 0), MAX_VALUES + 1)
    if match["first"] == "_":
        return [None] * (times if match["times"] else 1)
    first, step = float(match["first"]), float(match["step"] or 0)
    # Steps are counted, not added up, so that 0.1 ten times later is 1 more.
    return [round(first + step * number, 12) for number in range(times + 1)]
