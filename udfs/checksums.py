"""Checksums by name: a function from the covered bytes to a number, and how many bits that number has."""

from collections.abc import Callable
from typing import NamedTuple


class Checksum(NamedTuple):
    """A named algorithm."""

    compute: Callable[[bytes], int]
    bits: int


def sum8(data: bytes) -> int:
    """The sum of all bytes modulo 256."""
    return sum(data) & 0xFF


CHECKSUMS = {
    "sum8": Checksum(sum8, 8),
}
