"""What the gateway and its reading processes say to each other: structs behind their length."""

from typing import Final

import msgspec

from gateways.files.errors import Fault
from udfs.message import Envelope


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a file: `path` where its bytes are, `name` what tells its packing and perhaps its device."""

    path: str
    name: str
    product: str
    device: str | None
    device_column: str | None
    device_from: str | None
    rows_per_payload: int


class Inspect(msgspec.Struct, frozen=True, tag=True):
    """Asks whether the file is what it says; answered by Inspected or Bad."""

    reading: Reading


class Read(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for the payloads from `begin` on, of them every `of`th block from the `index`th; answered by Blocks, End."""

    reading: Reading
    content: str
    event_time: int
    begin: int
    index: int = 0
    of: int = 1


class Inspected(msgspec.Struct, frozen=True, tag=True):
    """The file can be read: SHA-256 of its bytes, and how many rows it has."""

    content: str
    rows: int


class Bad(msgspec.Struct, frozen=True, tag=True):
    """A BadFile; `content` is its SHA-256."""

    content: str
    reason: Fault
    message: str
    offset: int | None


class Judged(msgspec.Struct, frozen=True):
    """An envelope with the rows in it, from which one on, and how many messages they give: 0, a dead letter."""

    envelope: Envelope
    row: int
    rows: int
    messages: int


class Block(msgspec.Struct, frozen=True, tag=True):
    """Payloads up to `end`, after `consumed` bytes of the file."""

    end: int
    consumed: int
    judged: list[Judged]


class End(msgspec.Struct, frozen=True, tag=True):
    """No more of this file."""


Request = Inspect | Read
Answer = Inspected | Bad | Block | End

BLOCK: Final = 64
"""Payloads that travel, and are stored as done, together."""

HEAD_BYTES: Final = 4


def pack(message: Request | Answer | dict[str, str]) -> bytes:
    """The message behind its length."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(HEAD_BYTES, "big") + body
