"""Explained readings as items of a layout, and what lies between them as it is, with comments for the author."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from cli.drafting.assign import Solved
from cli.drafting.draft import Item, Names
from cli.drafting.solve import Explanation

_SHOWN: Final = 2
"""Other explanations that a comment names."""


def value_items(solved: Solved, datas: Sequence[bytes], names: Names) -> list[Item]:
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


def in_order(items: Sequence[Item], order: str) -> list[Item]:
    """The items without the byte order that the layout states for all."""
    for item in items:
        if item.stated.get("byte_order") == order:
            del item.stated["byte_order"]
    return list(items)
