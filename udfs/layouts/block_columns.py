"""Values at known places, read out of many payloads of one length at once, by numpy.

The fast path vouches only for what is as it should be: a value that violates its contract, is absent or has no label
makes its payload one of those that the row engine reads again, for the warning or the error and its position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from udfs.layouts.slots import Slot
from udfs.meaning import Field, Labels, Number

_WIDTHS: Final = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}
_EXACT: Final = 1 << 53
"""Up to here a float64 holds every whole number, so that both engines divide the same."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """A value and the byte at which its block begins."""

    slot: Slot
    field: Field
    begin: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether the fast path can vouch for such a value."""
        if self.slot.codec is not None or self.slot.spec.type == "sign_magnitude" or self.slot.width > 63:
            return False
        plain = self.field.plain
        if isinstance(plain, Number):
            scaling = plain.scaling
            largest = (1 << self.slot.width) * (scaling.multiplier if scaling else 1)
            return abs(largest) + (abs(scaling.shift) + scaling.divisor if scaling else 0) < _EXACT
        return isinstance(plain, Labels) and self.slot.width <= 8


@dataclass(frozen=True)
class Columns:
    """`num_rows` payloads as columns: float64 arrays of measurements, object arrays of attributes; `sound` are those
    that the fast path vouches for."""

    measurements: dict[str, NDArray[np.float64]]
    attributes: dict[str, NDArray[np.object_]]
    sound: Bools


class BlockColumns:
    """The places of one layout of `size` bytes, compiled; every place is plain."""

    def __init__(self, places: Sequence[Place], size: int) -> None:
        direct = [place for place in places if _is_direct(place.slot)]
        self._dtype = np.dtype(
            {
                "names": [place.field.name for place in direct],
                "formats": [_format(place.slot) for place in direct],
                "offsets": [place.begin + (place.slot.at or 0) for place in direct],
                "itemsize": size,
            }
        )
        self._direct = {place.field.name for place in direct}
        self._places = tuple(places)
        self._labels = {
            place.field.name: _label_table(place) for place in places if isinstance(place.field.plain, Labels)
        }
        self.size = size

    def read(self, data: bytes) -> Columns:
        """The columns of payloads that stand one after another in `data`, `size` bytes each."""
        records = np.frombuffer(data, dtype=self._dtype)
        matrix = np.frombuffer(data, dtype=np.uint8).reshape(-1, self.size)
        measurements: dict[str, NDArray[np.float64]] = {}
        attributes: dict[str, NDArray[np.object_]] = {}
        sound: Bools = np.ones(len(records), dtype=bool)
        for place in self._places:
            name = place.field.name
            raw = records[name] if name in self._direct else _take(place, matrix)
            if isinstance(place.field.plain, Number):
                measurements[name] = _measure(place.field.plain, raw, sound)
            else:
                attributes[name] = self._labels[name][raw]
                sound &= attributes[name] != None  # noqa: E711 - elementwise
        return Columns(measurements, attributes, sound)


def _is_direct(slot: Slot) -> bool:
    return slot.at is not None and slot.length in _WIDTHS


def _format(slot: Slot) -> str:
    kind = _WIDTHS[slot.length]
    return ("<" if slot.little else ">") + (kind.replace("u", "i") if slot.signed else kind)


def _take(place: Place, matrix: NDArray[np.uint8]) -> NDArray[np.int64]:
    raw = np.zeros(len(matrix), dtype=np.int64)
    for bits in place.slot.slices:
        part = matrix[:, place.begin + bits.byte].astype(np.int64)
        raw = raw << bits.width | part >> bits.low & ((1 << bits.width) - 1)
    half = 1 << (place.slot.width - 1)
    return (raw ^ half) - half if place.slot.signed else raw


def _measure(number: Number, raw: NDArray[Any], sound: Bools) -> NDArray[np.float64]:
    scaling, limits = number.scaling, number.limits
    values = raw.astype(np.float64)
    if scaling is not None:
        if scaling.multiplier != 1:
            values *= scaling.multiplier
        if scaling.shift or scaling.multiplier < 0:
            # Adding 0 makes 0.0 of -0.0, which the whole numbers of the row engine do not know.
            values += scaling.shift
        values /= scaling.divisor
    if limits.low != -inf:
        sound &= values >= limits.low
    if limits.high != inf:
        sound &= values <= limits.high
    for absent in number.absent:
        sound &= raw != absent if isinstance(absent, int | float) else True
    return values


def _label_table(place: Place) -> NDArray[np.object_]:
    """The label of every raw value, None where there is none; those of negative ones stand at the end."""
    plain = place.field.plain
    assert isinstance(plain, Labels)  # noqa: S101 - only called for these
    table = np.full(1 << place.slot.width, plain.other, dtype=object)
    lowest = -(len(table) // 2) if place.slot.signed else 0
    for raw, label in plain.labels.items():
        if isinstance(raw, int) and lowest <= raw < lowest + len(table):
            table[raw] = label
    return table
