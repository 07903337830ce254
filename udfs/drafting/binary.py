"""Drafts of payloads of bytes: fixed places, or keys before their values, found by what the samples mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from udfs.drafting.draft import Draft, Item, Names
from udfs.drafting.samples import Sample
from udfs.drafting.solve import Explanation, explanations, is_number_of

_KEY_SIZES: Final = (2, 1)
_SIZES: Final = (1, 2, 4, 3, 8, 6, 5)
_MOST_ODD: Final = 4
"""Keys of a payload whose value is none of its numbers: labels, texts, or nothing that the sample tells."""

_MAX_STEPS: Final = 20_000
_MAX_CUTS: Final = 300
_SHOWN: Final = 2


Known = Sequence[tuple[bytes, Mapping[str, Any]]]
"""Payloads whose readings are known."""


@dataclass
class Solved:
    """Readings with what explains them, what else would, and those that nothing explains."""

    chosen: dict[str, Explanation] = field(default_factory=dict)
    others: dict[str, list[Explanation]] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)


def draft_hex(samples: Sequence[Sample], names: Names) -> Draft:
    """Fixed places where all payloads have one length, else keys with values, else what the payloads have in common."""
    datas = [bytes.fromhex(sample.payload) for sample in samples]
    pairs = zip(datas, samples, strict=True)
    known = [(data, sample.expect) for data, sample in pairs if sample.expect is not None and not sample.is_odd]
    if len({len(data) for data in datas}) == 1:
        return _fixed(datas, known, names)
    keyed = _keyed(known, names) if known else None
    return keyed if keyed is not None else _beginning(datas, known, names)


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


def _fixed(datas: Sequence[bytes], known: Known, names: Names) -> Draft:
    solved = solve([data for data, _ in known], _columns([expect for _, expect in known])) if known else Solved()
    items = _items(solved, datas, names)
    order = _byte_order(solved.chosen.values())
    return Draft("hex", "length", _ordered(items, order), keys={"byte_order": order}, time_field=_time_field(solved))


def _beginning(datas: Sequence[bytes], known: Known, names: Names) -> Draft:
    """What stands at fixed places before the shortest payload ends; the rest as it is."""
    size = min(map(len, datas))
    cut = [(data[:size], expect) for data, expect in known]
    solved = solve([data for data, _ in cut], _columns([expect for _, expect in cut])) if known else Solved()
    items = _items(solved, [data[:size] for data in datas], names)
    rest = Item({"name": names.take("rest"), "type": "bytes"}, "payloads differ in length: if, switch, repeat or keys?")
    order = _byte_order(solved.chosen.values())
    items = [*_ordered(items, order), rest]
    return Draft("hex", "hybrid", items, "parts", {"byte_order": order}, _time_field(solved))


def _columns(expects: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for expect in expects for name in expect)
    return {name: [expect.get(name) for expect in expects] for name in names}


def _keyed(known: Known, names: Names) -> Draft | None:
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
    order = _byte_order([each for solved in best[1].values() for each in solved.chosen.values()])
    keys = []
    for key, solved in sorted(best[1].items()):
        datas = [value for value in _values(key, *cut) if value is not None]
        keys.append(Item({"key": key.hex()}, items=_ordered(_items(solved, datas, names), order)))
    time_field = next((name for solved in best[1].values() if (name := _time_field(solved))), None)
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
        columns = _columns([known[index][1] for index in here])
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


def _items(solved: Solved, datas: Sequence[bytes], names: Names) -> list[Item]:
    """The values in the order of their bytes, and what lies between them as it is."""
    chosen = {name: _widened(name, solved, datas) for name in solved.chosen}
    taken = {bit for each in chosen.values() for bit in each.bits}
    # What stands behind these values goes on after the last of them, so those of bits come first.
    items = _spare_bits(taken, datas, names)
    at = 0
    free = {byte for byte in range(len(datas[0])) if not any((byte, bit) in taken for bit in range(8))}
    placed = not items
    for name, each in sorted(chosen.items(), key=lambda pair: (pair[1].at, -pair[1].end)):
        items += _unexplained(at, [byte for byte in sorted(free) if at <= byte < each.at], datas, names)
        free -= set(range(each.at))
        stated = {"name": names.take(name)} | ({} if each.in_bits or placed else {"at": each.at})
        theirs = taken - each.bits
        rivals = [other for other in solved.others[name] if other.bits != each.bits and not other.bits & theirs]
        items.append(_explained(stated, each, rivals, names))
        placed = not each.in_bits and each.end >= at
        at = max(at, each.end)
    items += _unexplained(at, sorted(free), datas, names)
    return items


def _explained(stated: dict[str, Any], each: Explanation, others: Sequence[Explanation], names: Names) -> Item:
    stated |= each.stated
    comments = []
    if "enum" not in stated and stated.get("type") not in ("bool", "text", "bytes", "digits", "unix_s", "unix_ms"):
        unit, comment = names.unit(stated["name"])
        stated["unit"] = unit
        comments += [comment] if comment else []
    rivals = [_told(other) for other in others if other.cost <= each.cost + 0.6]
    comments += [f"also fits: {'; '.join(rivals[:_SHOWN])}"] if rivals else []
    return Item(stated, ", ".join(comments))


def _told(other: Explanation) -> str:
    said = {key: value for key, value in other.stated.items() if key != "enum"}
    where = "" if other.in_bits else f"byte {other.at} "
    return where + " ".join(f"{key} {value}" if key != "type" else str(value) for key, value in said.items())


def _widened(name: str, solved: Solved, datas: Sequence[bytes]) -> Explanation:
    """A wider number of the same meaning, where a byte beside it is always 0 and nobody's: it will not stay 0."""
    each = solved.chosen[name]
    taken = {bit for other, chosen in solved.chosen.items() if other != name for bit in chosen.bits}
    for other in solved.others[name]:
        more = other.bits - each.bits
        wider = other.bits > each.bits and len(other.bits) == 16 and not other.in_bits and not each.in_bits
        same = all(other.stated.get(key) == each.stated.get(key) for key in ("scale", "offset", "absent", "enum"))
        if wider and same and not more & taken and all(not any(data[byte] for byte, _ in more) for data in datas):
            return other
    return each


def _unexplained(at: int, free: Sequence[int], datas: Sequence[bytes], names: Names) -> list[Item]:
    if not free:
        return []
    begin, length = free[0], len(free)
    if not any(data[byte] for data in datas for byte in free):
        return [Item({"skip": length}, "always 0")]
    seen = list(dict.fromkeys(data[begin : begin + length].hex() for data in datas))
    comment = f"what is it? seen: {', '.join(seen[:3])}{' …' if len(seen) > 3 else ''}"
    return [Item({"name": names.take(f"raw_{begin}"), "at": begin, "type": "bytes", "length": length}, comment)]


def _spare_bits(taken: set[tuple[int, int]], datas: Sequence[bytes], names: Names) -> list[Item]:
    """Bits beside those of a reading that are not always 0."""
    items = []
    for byte in sorted({byte for byte, _ in taken}):
        spare = [bit for bit in range(8) if (byte, bit) not in taken]
        if spare and any(data[byte] >> bit & 1 for data in datas for bit in spare):
            for high, low in _runs(spare):
                bits = f"{byte}[{high}]" if high == low else f"{byte}[{high}:{low}]"
                items.append(Item({"name": names.take(f"raw_{byte}_{low}"), "bits": bits, "unit": "1"}, "what is it?"))
    return items


def _runs(bits: Sequence[int]) -> Iterator[tuple[int, int]]:
    ordered = sorted(bits, reverse=True)
    high = low = ordered[0]
    for bit in ordered[1:]:
        if bit != low - 1:
            yield high, low
            high = bit
        low = bit
    yield high, low


def _byte_order(chosen: Any) -> str:
    orders = [each.stated["byte_order"] for each in chosen if "byte_order" in each.stated]
    return "little" if orders.count("little") > orders.count("big") else "big"


def _ordered(items: Sequence[Item], order: str) -> list[Item]:
    """The items without the byte order that the layout states for all."""
    for item in items:
        if item.stated.get("byte_order") == order:
            del item.stated["byte_order"]
    return list(items)


def _time_field(solved: Solved) -> str | None:
    return next(
        (name for name, each in solved.chosen.items() if each.stated.get("type") in ("unix_s", "unix_ms")), None
    )
