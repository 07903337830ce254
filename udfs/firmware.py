"""Firmware versions compared the way people read them: numbers as numbers, `1.10` after `1.9`."""

import re
from collections.abc import Callable
from typing import Final

_PART: Final = re.compile(r"[0-9]+|[a-z]+")
_CONDITION: Final = re.compile(r"\s*(>=|<=|==|!=|>|<)?\s*([^\s,<>=!]+)\s*")
_HOLDS: Final[dict[str, Callable[[int], bool]]] = {
    ">=": lambda order: order >= 0,
    "<=": lambda order: order <= 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    ">": lambda order: order > 0,
    "<": lambda order: order < 0,
}


def compile_firmware_range(text: str) -> Callable[[str], bool]:
    """Whether a version lies in a range such as `>=1.2, <2` or is the one named; raises ValueError."""
    conditions: list[tuple[Callable[[int], bool], tuple[tuple[int, int, str], ...]]] = []
    for word in text.split(","):
        match = _CONDITION.fullmatch(word)
        if match is None:
            raise ValueError(f"`{word.strip()}` is no condition: write for example >=1.2, <2")
        conditions.append((_HOLDS[match[1] or "=="], _parts(match[2])))
    return lambda version: all(holds(_compare(_parts(version), other)) for holds, other in conditions)


def _parts(version: str) -> tuple[tuple[int, int, str], ...]:
    """`v1.10b` → its numbers and words, without a leading `v` and zeros at the end."""
    words = _PART.findall(version.lower().removeprefix("v"))
    parts = [(1, int(word), "") if word.isdigit() else (0, 0, word) for word in words]
    while parts and parts[-1] == (1, 0, ""):
        parts.pop()
    return tuple(parts)


def _compare(one: tuple[tuple[int, int, str], ...], other: tuple[tuple[int, int, str], ...]) -> int:
    """Below, at or above 0; a word ranks before a number and before nothing, as 2.0-rc is before 2.0."""
    filler = (1, 0, "")
    for index in range(max(len(one), len(other))):
        left = one[index] if index < len(one) else filler
        right = other[index] if index < len(other) else filler
        if left != right:
            return -1 if left < right else 1
    return 0
