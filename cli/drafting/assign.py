"""Which explanation each reading gets: bits explain one reading, and the surest reading chooses first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.drafting.solve import Explanation, explanations

Known = Sequence[tuple[bytes, Mapping[str, Any]]]
"""Payloads whose readings are known."""


@dataclass
class Solved:
    """Readings with what explains them, what else would, and those that nothing explains."""

    chosen: dict[str, Explanation] = field(default_factory=dict)
    others: dict[str, list[Explanation]] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)


def solve(datas: Sequence[bytes], readings: Mapping[str, Sequence[Any]]) -> Solved:
    """Explains as many readings as possible by bits that no other reading takes, the surest first."""
    solved = Solved()
    found = {name: explanations(name, datas, values) for name, values in readings.items()}

    def sureness(name: str) -> tuple[int, float]:
        distinct = len({str(value) for value in readings[name]})
        return -min(distinct, 3), found[name][0].cost if found[name] else 99.0

    taken: frozenset[tuple[int, int]] = frozenset()
    for name in sorted(readings, key=sureness):
        free = [each for each in found[name] if not each.bits & taken]
        if not free:
            solved.unexplained.append(name)
            continue
        solved.chosen[name] = free[0]
        solved.others[name] = [each for each in found[name] if each is not free[0]]
        taken |= free[0].bits
    return solved


def columns_of(expects: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of each reading, one a payload, None where it is absent."""
    names = dict.fromkeys(name for expect in expects for name in expect)
    return {name: [expect.get(name) for expect in expects] for name in names}


def byte_order_of(chosen: Iterable[Explanation]) -> str:
    """The order that most numbers of several bytes have."""
    orders = [each.stated["byte_order"] for each in chosen if "byte_order" in each.stated]
    return "little" if orders.count("little") > orders.count("big") else "big"


def time_field_of(solved: Solved) -> str | None:
    """The first timestamp."""
    return next(
        (name for name, each in solved.chosen.items() if each.stated.get("type") in ("unix_s", "unix_ms")), None
    )
