"""Which bits of payloads explain a reading: every place, type, scale and offset that fits all samples, cheapest first.

A cost says how odd an explanation is: what devices usually do costs nothing.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from udfs.timestamps import parse_iso

Bits = frozenset[tuple[int, int]]
Read = Callable[[bytes], Any]

_SCALES: Final = {
    1.0: 0.0, 0.1: 0.2, 0.5: 0.3, 0.01: 0.2, 0.001: 0.4, 0.25: 0.8, 0.2: 0.8, 0.05: 0.9, 0.02: 0.9, 0.005: 0.9,
    0.0001: 0.8, 1e-05: 0.9, 1e-06: 0.8, 1e-07: 0.8, 10.0: 0.6, 100.0: 0.8, 2.0: 0.8, 5.0: 0.9, 1000.0: 0.9,
    0.125: 2.0, 0.0625: 2.0, 0.03125: 2.2, 0.00390625: 2.2,
}  # fmt: skip
_OFFSETS: Final[dict[float, float]] = {
    0: 0.0,
    -40: 0.8,
    -50: 1.0,
    -20: 1.2,
    -30: 1.2,
    -80: 1.2,
    -100: 1.2,
    -25: 1.4,
    -32: 1.4,
    -128: 1.4,
}
_ODD_OFFSET: Final = 3.0
_BROKEN_OFFSET: Final = 3.5
_LARGEST_OFFSET: Final = 2000
_SENTINELS: Final = (0xFF, 0xFFFF, 0xFFFFFFFF, 0x7F, 0x7FFF, 0x80, 0x8000, 0xFFFFFF, 0xFE, 0xFFFE)


@dataclass(frozen=True)
class Explanation:
    """What the spec states of a value that explains a reading; `at` is its first byte, `bits` all that it takes."""

    stated: Mapping[str, Any]
    bits: Bits
    cost: float

    @property
    def at(self) -> int:
        return min(byte for byte, _ in self.bits)

    @property
    def end(self) -> int:
        return max(byte for byte, _ in self.bits) + 1

    @property
    def in_bits(self) -> bool:
        return "bits" in self.stated


class _Place(NamedTuple):
    stated: dict[str, Any]
    bits: Bits
    cost: float
    read: Read


def is_number_of(data: bytes, value: float) -> bool:
    """Whether all of `data` can be the number, read and scaled the way of most devices."""
    for order in ("big", "little"):
        for signed in (False, True):
            raw = int.from_bytes(data, order, signed=signed)
            if any(_same(raw * scale + offset, value) for scale in _SCALES for offset in (0, -40)):
                return True
    return len(data) in (4, 8) and any(
        _same(_float_reader(0, len(data), order)(data), value) for order in ("big", "little")
    )


def explanations(name: str, datas: Sequence[bytes], values: Sequence[Any]) -> list[Explanation]:
    """What explains the `values` of a reading in payloads of one length, None where it is absent; cheapest first."""
    said = [value for value in values if value is not None]
    if not said or not datas[0]:
        return []
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in said):
        found = list(_numbers(name, datas, values))
    else:
        texts = [None if value is None else _label(value) for value in values]
        found = [*_times(datas, texts), *_texts(datas, texts), *_labels(datas, texts)]
    return sorted(found, key=lambda each: (each.cost, len(each.bits), each.at))


def _numbers(name: str, datas: Sequence[bytes], values: Sequence[Any]) -> Iterator[Explanation]:
    for place in (*_whole_places(len(datas[0])), *_bit_places(len(datas[0]))):
        raws = [place.read(data) for data in datas]
        fitted = _fit(raws, values)
        if fitted is None:
            continue
        scale, offset, absent = fitted
        stated: dict[str, Any] = dict(place.stated)
        stated |= {"scale": scale} if scale != 1 else {}
        stated |= {"offset": offset} if offset else {}
        stated |= {"absent": absent} if absent else {}
        cost = place.cost + _SCALES[scale] + _offset_cost(offset)
        known = {raw for raw, value in zip(raws, values, strict=True) if value is not None}
        cost += 2.5 if len(known) == 1 else 0
        yield Explanation(stated, place.bits, cost + _sign_cost(name, place.stated, known))


def _sign_cost(name: str, stated: Mapping[str, Any], raws: set[Any]) -> float:
    """Temperatures may go below zero; other readings are signed only where a sample says so."""
    signed = str(stated.get("type", ""))[:1] in ("i", "s")
    if any(raw < 0 for raw in raws):
        return 0
    return (0 if signed else 0.15) if "temp" in name else (0.3 if signed else 0)


def _offset_cost(offset: float) -> float:
    return _OFFSETS.get(offset, _ODD_OFFSET) if offset == int(offset) else _BROKEN_OFFSET


def _fit(raws: Sequence[Any], values: Sequence[Any]) -> tuple[float, float, list[Any]] | None:
    """The cheapest scale and offset that make the values of the raws, and the raw value of absent ones."""
    pairs = [(raw, float(value)) for raw, value in zip(raws, values, strict=True) if value is not None]
    absent = sorted({raw for raw, value in zip(raws, values, strict=True) if value is None})
    if len(absent) > 1 or (absent and (absent[0] not in _SENTINELS or absent[0] in {raw for raw, _ in pairs})):
        return None
    raw, value = pairs[0]
    if raw != raw or abs(raw) > 1e18:
        return None
    num_distinct = len({raw for raw, _ in pairs})
    fits = []
    for scale, cost in _SCALES.items():
        # Two points fit too many lines for an offset with a fraction to mean anything.
        offset = round(value - raw * scale, 2 if num_distinct > 2 else None)
        if abs(offset) > _LARGEST_OFFSET or (offset and num_distinct < 2):
            continue
        if all(_same(each * scale + offset, wanted) for each, wanted in pairs):
            fits.append((cost + _offset_cost(offset), scale, offset))
    if not fits:
        return None
    _, scale, offset = min(fits)
    return scale, offset, absent


def _same(made: float, wanted: float) -> bool:
    return made == made and abs(made - wanted) <= 1e-9 * max(1.0, abs(wanted))


def _whole_places(size: int) -> Iterator[_Place]:
    for at in range(size):
        for length in (1, 2, 3, 4, 8):
            if at + length > size:
                continue
            bits = frozenset((byte, bit) for byte in range(at, at + length) for bit in range(8))
            for order in ("big", "little") if length > 1 else ("big",):
                stated = {"byte_order": order} if length > 1 else {}
                for sign in "ui":
                    read = _int_reader(at, length, order, sign == "i")
                    cost = {1: 0.0, 2: 0.0, 3: 0.4, 4: 0.1, 8: 0.6}[length]
                    yield _Place({"type": f"{sign}{length * 8}"} | stated, bits, cost, read)
                if length in (4, 8):
                    yield _Place({"type": f"f{length * 8}"} | stated, bits, 0.3, _float_reader(at, length, order))


def _int_reader(at: int, length: int, order: Any, signed: bool) -> Read:
    return lambda data: int.from_bytes(data[at : at + length], order, signed=signed)


def _float_reader(at: int, length: int, order: str) -> Read:
    unpack = struct.Struct((">" if order == "big" else "<") + ("f" if length == 4 else "d")).unpack_from

    def read(data: bytes) -> float:
        (value,) = unpack(data, at)
        return float(f"{value:.7g}") if length == 4 else value

    return read


def _bit_places(size: int) -> Iterator[_Place]:
    for at in range(size):
        for high in range(7, -1, -1):
            for low in range(high, -1, -1):
                if high - low == 7:
                    continue
                text = f"{at}[{high}]" if high == low else f"{at}[{high}:{low}]"
                cost = 1.5 if (high == 7 or low == 0) else 2.0
                yield _bits_place(text, [(at, high, low)], cost)
        if at + 1 < size:
            yield _bits_place(f"{at} {at + 1}[7:4]", [(at, 7, 0), (at + 1, 7, 4)], 1.2)
            yield _bits_place(f"{at}[3:0] {at + 1}", [(at, 3, 0), (at + 1, 7, 0)], 1.2)
            yield _bits_place(f"{at + 1}[3:0] {at}", [(at + 1, 3, 0), (at, 7, 0)], 1.4)
            yield _bits_place(f"{at + 1} {at}[7:4]", [(at + 1, 7, 0), (at, 7, 4)], 1.4)
        if at + 2 < size:
            yield _bits_place(f"{at} {at + 2}[7:4]", [(at, 7, 0), (at + 2, 7, 4)], 1.6)
            yield _bits_place(f"{at + 1} {at + 2}[3:0]", [(at + 1, 7, 0), (at + 2, 3, 0)], 1.6)


def _bits_place(text: str, slices: list[tuple[int, int, int]], cost: float) -> _Place:
    def read(data: bytes) -> int:
        value = 0
        for byte, high, low in slices:
            value = value << (high - low + 1) | (data[byte] >> low & (1 << high - low + 1) - 1)
        return value

    bits = frozenset((byte, bit) for byte, high, low in slices for bit in range(low, high + 1))
    return _Place({"bits": text}, bits, cost, read)


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _labels(datas: Sequence[bytes], texts: Sequence[str | None]) -> Iterator[Explanation]:
    """A byte or some bits of which each value has one label."""
    said = {text for text in texts if text is not None}
    if None in texts:
        return
    for place in (*_whole_places(len(datas[0])), *_bit_places(len(datas[0]))):
        if place.stated.get("type", "u8") != "u8" or len(place.bits) > 8:
            continue
        labels: dict[int, str] = {}
        raws = [place.read(data) for data in datas]
        if any(labels.setdefault(raw, str(text)) != text for raw, text in zip(raws, texts, strict=True)):
            continue
        width = len(place.bits)
        if len(said) == 1 and width < 8:
            continue
        spare = len(labels) - len(said) + (0.2 * width if said == {"true", "false"} else 0.05 * abs(8 - width))
        if said == {"true", "false"} and labels in ({0: "false", 1: "true"},):
            yield Explanation(place.stated | {"type": "bool"}, place.bits, 0.4 + spare)
        else:
            cost = 0.8 if len(said) > 1 else 4.0
            yield Explanation(place.stated | {"enum": dict(sorted(labels.items()))}, place.bits, cost + spare)


def _times(datas: Sequence[bytes], texts: Sequence[str | None]) -> Iterator[Explanation]:
    try:
        times = [None if text is None else parse_iso(text) for text in texts]
    except ValueError:
        return
    if None in times:
        return
    for place in _whole_places(len(datas[0])):
        kind = {"u32": "unix_s", "u64": "unix_ms"}.get(place.stated["type"])
        unit = 1000 if kind == "unix_s" else 1
        if kind and all(place.read(data) * unit == time for data, time in zip(datas, times, strict=True)):
            yield Explanation(place.stated | {"type": kind}, place.bits, 0.0)


def _texts(datas: Sequence[bytes], texts: Sequence[str | None]) -> Iterator[Explanation]:
    """Characters, hex digits or BCD digits in the same place everywhere."""
    if None in texts or len({len(str(text)) for text in texts}) != 1:
        return
    for kind, encode in (("text", str.encode), ("bytes", _unhex)):
        wanted = [encode(str(text)) for text in texts]
        if not all(wanted):
            continue
        at = datas[0].find(wanted[0])
        if at >= 0 and all(data[at : at + len(each)] == each for data, each in zip(datas, wanted, strict=True)):
            length = len(wanted[0])
            digits = kind == "bytes" and all(str(text).isdigit() for text in texts)
            stated = {"type": "digits" if digits else kind, "length": length}
            bits = frozenset((byte, bit) for byte in range(at, at + length) for bit in range(8))
            yield Explanation(stated, bits, 0.5 / length)


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
