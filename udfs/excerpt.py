"""The bytes around a fault, short enough for a log line, with the column at which the fault stands."""

from typing import NamedTuple

_BYTES_SHOWN = 32


class Excerpt(NamedTuple):
    """At most 64 characters and the index in them of the byte at fault; `caret` may be just behind the last."""

    text: str
    caret: int


def hex_excerpt(data: bytes, offset: int | None) -> Excerpt:
    """Up to 32 bytes around `offset` as hex."""
    start = _start(len(data), offset or 0)
    return Excerpt(data[start : start + _BYTES_SHOWN].hex(), ((offset or 0) - start) * 2)


def text_excerpt(data: bytes, offset: int | None) -> Excerpt:
    """Up to 32 bytes around `offset` as text, one character a byte, unprintable ones as a dot."""
    start = _start(len(data), offset or 0)
    shown = data[start : start + _BYTES_SHOWN]
    return Excerpt("".join(chr(byte) if 32 <= byte < 127 else "·" for byte in shown), (offset or 0) - start)


def _start(length: int, offset: int) -> int:
    return max(0, min(offset - _BYTES_SHOWN // 2, length - _BYTES_SHOWN))
