"""The batch engine: many payloads of one layout decoded at once, as tables.

What no table holds goes through the row engine (docs/decisions/0010).
"""

from binascii import Error as HexFault
from binascii import unhexlify
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from udfs.layouts.base import Decoder
from udfs.layouts.block import Block
from udfs.layouts.frame_decoder import FrameDecoder
from udfs.layouts.keys import KeyLoop
from udfs.layouts.table import Indexes, Table, TableReader, has_columns

MAX_SEQUENCES: Final = 256
"""Sequences of keys that one decoder remembers; the one not seen for longest is forgotten first."""

MAX_ROUNDS: Final = 16
"""Sequences that are looked for among the payloads of one length; what is left then is too varied for tables."""

MIN_TABLE: Final = 8
"""Payloads below which a table costs more than it saves."""


class BatchDecoder(Protocol):
    """Decodes hex payloads of one layout."""

    def read(self, payloads: Sequence[str]) -> list[Table]:
        """The tables of the payloads; one that stands in no table is the row engine's."""


class FixedBatch:
    """Payloads that are one block each."""

    def __init__(self, block: Block) -> None:
        self._reader = TableReader(block.end, [(0, block)])

    def read(self, payloads: Sequence[str]) -> list[Table]:
        groups = _by_size(payloads)
        return [self._reader.read(data, indexes) for size, indexes, data in groups if size == self._reader.size]


class KeyedBatch:
    """Keys with values: payloads with equal keys in equal order are a fixed layout."""

    def __init__(self, loop: KeyLoop) -> None:
        self._key_size = loop.key_size
        self._blocks = {key: block for key, block in loop.blocks.items() if has_columns(block)}
        self._readers: OrderedDict[tuple[bytes, ...], TableReader] = OrderedDict()

    def read(self, payloads: Sequence[str]) -> list[Table]:
        return [table for size, indexes, data in _by_size(payloads) for table in self._tables(size, indexes, data)]

    def _tables(self, size: int, indexes: Indexes, data: bytes) -> Iterator[Table]:
        for _ in range(MAX_ROUNDS):
            if len(indexes) < MIN_TABLE:
                return
            matrix = np.frombuffer(data, np.uint8).reshape(-1, size)
            reader = self._reader(data[:size])
            if reader is None:
                indexes, data = indexes[1:], data[size:]
                continue
            same = reader.matching(matrix)
            if same.all():
                yield reader.read(data, indexes)
                return
            yield reader.read(matrix[same].tobytes(), indexes[same])
            indexes, data = indexes[~same], matrix[~same].tobytes()

    def _reader(self, payload: bytes) -> TableReader | None:
        """The reader of payloads with the keys of this one; None where these, or their values, are not known."""
        parts: list[tuple[int, Block]] = []
        keys: list[tuple[int, bytes]] = []
        at = 0
        while at < len(payload):
            begin = at + self._key_size
            key = payload[at:begin]
            block = self._blocks.get(key)
            if block is None or begin + block.end > len(payload):
                return None
            keys.append((at, key))
            parts.append((begin, block))
            at = begin + block.end
        sequence = tuple(key for _, key in keys)
        if sequence in self._readers:
            self._readers.move_to_end(sequence)
            return self._readers[sequence]
        names = [column.name for _, block in parts for field in block.fields for column in field.columns]
        if len(set(names)) < len(names):
            # A reading that comes twice: which one stays is the row engine's to say.
            return None
        if len(self._readers) >= MAX_SEQUENCES:
            self._readers.popitem(last=False)
        reader = self._readers[sequence] = TableReader(len(payload), parts, keys)
        return reader


def compile_batch(decoder: Decoder) -> BatchDecoder | None:
    """The batch decoder of a compiled layout, None where it is not one of blocks that can be read by columns."""
    if not isinstance(decoder, FrameDecoder):
        return None
    if decoder.block is not None:
        return FixedBatch(decoder.block) if has_columns(decoder.block) else None
    loop = decoder.root
    if isinstance(loop, KeyLoop) and any(has_columns(block) for block in loop.blocks.values()):
        return KeyedBatch(loop)
    return None


def _by_size(payloads: Sequence[str]) -> Iterator[tuple[int, Indexes, bytes]]:
    """Payloads of equal length: their size in bytes, their indexes and their bytes, without those that are no hex."""
    lengths = set(map(len, payloads))
    if len(lengths) == 1:
        yield from _bytes_of(payloads, len(payloads[0]), range(len(payloads)))
        return
    by_length: dict[int, list[int]] = {length: [] for length in lengths}
    for index, payload in enumerate(payloads):
        by_length[len(payload)].append(index)
    for length, indexes in by_length.items():
        yield from _bytes_of([payloads[index] for index in indexes], length, indexes)


def _bytes_of(payloads: Sequence[str], length: int, indexes: Sequence[int]) -> Iterator[tuple[int, Indexes, bytes]]:
    if length == 0 or length % 2:
        return
    try:
        data = unhexlify("".join(payloads))
    except (HexFault, ValueError):
        good = [(index, payload) for index, payload in zip(indexes, payloads, strict=True) if _is_hex(payload)]
        if not good:
            return
        indexes = [index for index, _ in good]
        data = unhexlify("".join(payload for _, payload in good))
    numbers = np.arange(len(indexes)) if isinstance(indexes, range) else np.array(indexes, np.intp)
    yield length // 2, numbers, data


def _is_hex(payload: str) -> bool:
    try:
        unhexlify(payload)
    except (HexFault, ValueError):
        return False
    return True
