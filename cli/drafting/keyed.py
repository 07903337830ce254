"""Drafts of keys before their values: the cut of all payloads that explains most of what they mean."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.drafting.assign import Known, Solved, byte_order_of, columns_of, solve, time_field_of
from cli.drafting.draft import Draft, Item, Names
from cli.drafting.places import in_order, value_items
from cli.drafting.solve import is_number_of

_KEY_SIZES: Final = (2, 1)
_SIZES: Final = (1, 2, 4, 3, 8, 6, 5)
"""Bytes of a value, the usual ones first."""

_MOST_ODD: Final = 4
"""Keys of a payload whose value is none of its numbers: labels, texts, or nothing that the sample tells."""

_MAX_STEPS: Final = 6_000
_MAX_CUTS: Final = 120


def draft_keys(known: Known, names: Names) -> Draft | None:
    """The cut of all payloads into keys and values that explains most readings, None where none explains half."""
    all_names = {name for _, expect in known for name in expect}
    memory: dict[Any, Solved] = {}
    best: tuple[float, dict[bytes, Solved]] = (0.0, {})
    for sizes, taken in _cuts(known):
        solutions = _once({key: _solve_key(key, sizes, taken, memory) for key in sizes})
        chosen = [each for solved in solutions.values() for each in solved.chosen.values()]
        num_unread = sum(sizes[key] - _num_read(solved) for key, solved in solutions.items())
        score = len(chosen) - 0.2 * num_unread - 0.1 * sum(each.cost for each in chosen)
        if score > best[0]:
            best, cut = (score, solutions), (sizes, taken)
        if len(chosen) == len(all_names) and all(solved.chosen for solved in solutions.values()):
            break
    num_chosen = sum(len(solved.chosen) for solved in best[1].values())
    if 2 * num_chosen < len(all_names) or 2 * sum(bool(solved.chosen) for solved in best[1].values()) < len(best[1]):
        return None
    order = byte_order_of([each for solved in best[1].values() for each in solved.chosen.values()])
    keys = []
    for key, solved in sorted(best[1].items()):
        datas = [value for value in _values(key, *cut) if value is not None]
        keys.append(Item({"key": key.hex()}, items=in_order(value_items(solved, datas, names), order)))
    time_field = next((name for solved in best[1].values() if (name := time_field_of(solved))), None)
    return Draft("hex", "key_value", keys, "keys", {"byte_order": order}, time_field)


def _num_read(solved: Solved) -> int:
    """Bytes of a value that some reading takes."""
    return len({byte for each in solved.chosen.values() for byte, _ in each.bits})


def _once(solutions: dict[bytes, Solved]) -> dict[bytes, Solved]:
    """Each reading by the key that explains it best, and by no other."""
    owners: dict[str, bytes] = {}
    for key, solved in solutions.items():
        for name, each in solved.chosen.items():
            if name not in owners or each.cost < solutions[owners[name]].chosen[name].cost:
                owners[name] = key
    return {
        key: Solved({name: each for name, each in solved.chosen.items() if owners[name] == key}, solved.others)
        for key, solved in solutions.items()
    }


def _solve_key(key: bytes, sizes: Mapping[bytes, int], known: Known, memory: dict[Any, Solved]) -> Solved:
    """Explains the readings that are there where the key is, and nowhere else, by the key's value."""
    values = _values(key, sizes, known)
    identity = key, tuple(values), len(known)
    if identity not in memory:
        here = [index for index, value in enumerate(values) if value is not None]
        elsewhere = {name for index, (_, expect) in enumerate(known) if index not in here for name in expect}
        columns = columns_of([known[index][1] for index in here])
        readings = {name: column for name, column in columns.items() if name not in elsewhere}
        memory[identity] = solve([values[index] or b"" for index in here], readings)
    return memory[identity]


def _values(key: bytes, sizes: Mapping[bytes, int], known: Known) -> list[bytes | None]:
    """The key's value in each payload."""
    found: list[bytes | None] = []
    for data, _ in known:
        at, value = 0, None
        while at < len(data):
            here = data[at : at + len(key)]
            at += len(key)
            if here == key:
                value = data[at : at + sizes[key]]
            at += sizes[here]
        found.append(value)
    return found


def _cuts(known: Known) -> Iterator[tuple[dict[bytes, int], Known]]:
    """Sizes of values by key under which payloads are keys and values to their end, each key once; and those payloads.

    First with a key for each reading, as most devices have it.
    """
    payloads = sorted(known, key=lambda each: len(each[0]))
    for is_exact in (True, False):
        for num_odd in range(_MOST_ODD + 1):
            for key_size in _KEY_SIZES:
                yield from _Cutter(payloads, key_size, is_exact, num_odd).cuts()


class _Cutter:
    """Tries sizes, payload after payload, the shortest first: each fixes sizes for those behind it. One payload in
    four may be of another kind."""

    def __init__(self, payloads: Known, key_size: int, is_exact: bool, num_odd: int) -> None:
        self._payloads, self._key_size, self._is_exact, self._num_odd = payloads, key_size, is_exact, num_odd
        self._steps, self._num_cuts = _MAX_STEPS, _MAX_CUTS
        self._sizes: dict[bytes, int] = {}
        self._numbers: dict[tuple[int, bytes], bool] = {}

    def cuts(self) -> Iterator[tuple[dict[bytes, int], Known]]:
        return self._payload(0, ())

    def _payload(self, number: int, taken: tuple[int, ...]) -> Iterator[tuple[dict[bytes, int], Known]]:
        if self._steps < 0 or self._num_cuts < 0:
            return
        if number == len(self._payloads):
            self._num_cuts -= 1
            yield dict(self._sizes), [self._payloads[index] for index in taken]
            return
        yield from self._keys(number, 0, frozenset(), self._num_odd, taken)
        if number + 1 - len(taken) <= max(len(self._payloads) > 2, len(self._payloads) // 4):
            yield from self._payload(number + 1, taken)

    def _keys(
        self, number: int, at: int, seen: frozenset[bytes], num_odd: int, taken: tuple[int, ...]
    ) -> Iterator[tuple[dict[bytes, int], Known]]:
        self._steps -= 1
        if self._steps < 0 or self._num_cuts < 0:
            return
        data, expect = self._payloads[number]
        keys_left = len(expect) - len(seen)
        if at == len(data):
            if not (self._is_exact and keys_left):
                yield from self._payload(number + 1, (*taken, number))
            return
        key, begin = data[at : at + self._key_size], at + self._key_size
        if key in seen or keys_left <= 0:
            return
        most = len(data) - begin - (keys_left - 1) * (self._key_size + 1 if self._is_exact else 0)
        known_size = self._sizes.get(key)
        for size in _SIZES if known_size is None else (known_size,):
            left = num_odd - (not self._is_number(number, data[begin : begin + size]))
            if size <= most and left >= 0:
                self._sizes[key] = size
                yield from self._keys(number, begin + size, seen | {key}, left, taken)
        if known_size is None:
            self._sizes.pop(key, None)

    def _is_number(self, number: int, data: bytes) -> bool:
        """Whether a value can be one of its payload's readings."""
        if (number, data) not in self._numbers:
            readings = self._payloads[number][1].values()
            self._numbers[number, data] = any(
                is_number_of(data, value)
                for value in readings
                if isinstance(value, int | float) and not isinstance(value, bool)
            )
        return self._numbers[number, data]
