"""The batch engine: many payloads of one layout at once. It decodes what is sound; the row engine reads the rest.

Fixed layouts are read by structured dtypes. Key-value payloads are grouped by their sequence of keys, and each group is
a fixed layout again.
"""

from binascii import Error as HexFault
from binascii import unhexlify
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from udfs.layouts.base import Decoder
from udfs.layouts.block import Block
from udfs.layouts.block_columns import BlockColumns, Columns, Place
from udfs.layouts.frame_decoder import FrameDecoder
from udfs.layouts.keys import KeyLoop
from udfs.row import Row

MIN_PAYLOADS: Final = 48
"""Fewer payloads than these are read faster one by one (bench/results/engines.md)."""

MAX_SEQUENCES: Final = 256
"""Key sequences that a decoder remembers; a payload must not be able to fill the memory."""


class Batch(NamedTuple):
    """Columns and the index of the payload that each of their rows was."""

    indexes: Sequence[int]
    columns: Columns


class BatchDecoder(Protocol):
    """A layout that the batch engine can read."""

    def decode(self, payloads: Sequence[str]) -> Iterator[Batch]:
        """Batches of these payloads, hex; those in no batch, and rows that are not sound, are for the row engine."""


def batch_decoder(decoder: Decoder) -> BatchDecoder | None:
    """The batch decoder of a compiled layout, None where its values are not all plain."""
    if not isinstance(decoder, FrameDecoder) or decoder.is_text:
        return None
    if decoder.block is not None:
        places = _places(decoder.block)
        return FixedBatch(places, decoder.block.end) if _are_plain(places) else None
    blocks = decoder.root.blocks if isinstance(decoder.root, KeyLoop) else {}
    plain = {key: block for key, block in blocks.items() if _are_plain(_places(block))}
    return KeyBatch(plain) if plain else None


def rows_of(columns: Columns) -> list[Row]:
    """The columns as rows, sound or not."""
    size = len(columns.sound)
    measured = _dicts(list(columns.measurements), [column.tolist() for column in columns.measurements.values()], size)
    labelled = _dicts(list(columns.attributes), [column.tolist() for column in columns.attributes.values()], size)
    return [Row(measurements, attributes) for measurements, attributes in zip(measured, labelled, strict=True)]


class FixedBatch:
    """A layout of fixed places."""

    def __init__(self, places: Sequence[Place], size: int) -> None:
        self._columns = BlockColumns(places, size)

    def decode(self, payloads: Sequence[str]) -> Iterator[Batch]:
        digits = self._columns.size * 2
        indexes: Sequence[int] = range(len(payloads))
        if set(map(len, payloads)) != {digits}:
            indexes = [index for index, payload in enumerate(payloads) if len(payload) == digits]
            payloads = [payloads[index] for index in indexes]
        found = _bytes_of(payloads, indexes)
        if found is not None:
            yield Batch(found[1], self._columns.read(found[0]))


class KeyBatch:
    """A key-value layout whose values are all blocks."""

    def __init__(self, blocks: dict[bytes, Block]) -> None:
        self._blocks = blocks
        self._key_size = len(next(iter(blocks)))
        self._known: dict[tuple[bytes, ...], BlockColumns] = {}

    def decode(self, payloads: Sequence[str]) -> Iterator[Batch]:
        by_length: dict[int, list[int]] = defaultdict(list)
        for index, payload in enumerate(payloads):
            by_length[len(payload)].append(index)
        for length, indexes in by_length.items():
            if length and length % 2 == 0 and len(indexes) >= MIN_PAYLOADS:
                found = _bytes_of([payloads[index] for index in indexes], indexes)
                if found is not None:
                    yield from self._decode_equal(np.frombuffer(found[0], np.uint8).reshape(-1, length // 2), found[1])

    def _decode_equal(self, matrix: np.ndarray, indexes: Sequence[int]) -> Iterator[Batch]:  # type: ignore[type-arg]
        """Batches of payloads of one length: those with the first one's keys, then the others."""
        order = np.asarray(indexes)
        while len(matrix) >= MIN_PAYLOADS:
            first = matrix[0].tobytes()
            positions = self._positions(first)
            alike = np.ones(len(matrix), dtype=bool)
            for position in positions or (0,):
                end = position + self._key_size if positions else len(first)
                for byte in range(position, end):
                    alike &= matrix[:, byte] == first[byte]
            if positions:
                columns = self._columns(first, positions)
                if columns is not None:
                    yield Batch(order[alike].tolist(), columns.read(matrix[alike].tobytes()))
            matrix, order = matrix[~alike], order[~alike]

    def _positions(self, data: bytes) -> list[int] | None:
        """Where the keys stand, None where the row engine has to say what is wrong."""
        positions, at = [], 0
        while at < len(data):
            block = self._blocks.get(data[at : at + self._key_size])
            if block is None:
                return None
            positions.append(at)
            at += self._key_size + block.end
        return positions if at == len(data) else None

    def _columns(self, data: bytes, positions: list[int]) -> BlockColumns | None:
        """The fixed layout of this key sequence, None where a name comes twice: the row engine knows which counts."""
        keys = tuple(data[at : at + self._key_size] for at in positions)
        if keys not in self._known:
            places = [place for key, at in zip(keys, positions, strict=True) for place in self._value(key, at)]
            if len({place.field.name for place in places}) < len(places):
                return None
            if len(self._known) >= MAX_SEQUENCES:
                self._known.clear()
            self._known[keys] = BlockColumns(places, len(data))
        return self._known[keys]

    def _value(self, key: bytes, at: int) -> list[Place]:
        return _places(self._blocks[key], at + self._key_size)


def _places(block: Block, begin: int = 0) -> list[Place]:
    return [Place(slot, field, begin) for slot, field in zip(block.slots, block.fields, strict=True)]


def _are_plain(places: Sequence[Place]) -> bool:
    return all(place.is_plain for place in places)


def _bytes_of(payloads: Sequence[str], indexes: Sequence[int]) -> tuple[bytes, Sequence[int]] | None:
    """The payloads' bytes one after another, without those that are no hex; None where nothing is left."""
    try:
        return (unhexlify("".join(payloads)), indexes) if payloads else None
    except (HexFault, ValueError):
        pairs = [(index, payload) for index, payload in zip(indexes, payloads, strict=True) if _is_hex(payload)]
        return (unhexlify("".join(payload for _, payload in pairs)), [index for index, _ in pairs]) if pairs else None


def _is_hex(payload: str) -> bool:
    try:
        unhexlify(payload)
    except (HexFault, ValueError):
        return False
    return True


def _dicts(names: list[str], columns: list[list[object]], size: int) -> list[dict]:  # type: ignore[type-arg]
    if not names:
        return [{} for _ in range(size)]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
