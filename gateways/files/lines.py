"""Bytes → lines of text, each with its end as it came; what is no text of lines is a bad file."""

import io
from collections.abc import Iterator
from typing import Final, cast

from gateways.files.errors import BadFile
from gateways.files.unpack import Part

MAX_LINE: Final = 1 << 20
"""Characters; four times what a payload may have."""


def lines(part: Part) -> Iterator[str]:
    """Raises BadFile with the byte offset of what is no UTF-8, and for lines too long or with a NUL."""
    text = io.TextIOWrapper(cast(io.BufferedReader, part), encoding="utf-8-sig", newline="\n")
    number = 0
    try:
        while line := text.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE and line[-1] != "\n":
                raise BadFile("line_too_long", f"{part.name}: line {number} has {MAX_LINE} characters or more")
            if "\0" in line:
                raise BadFile("binary", f"{part.name}: line {number} holds a NUL: it is no text")
            yield line
    except UnicodeDecodeError as error:
        offset = part.count - len(error.object) + error.start
        message = f"{part.name}: byte {error.object[error.start]:#04x} at {offset} is no UTF-8: export it as UTF-8"
        raise BadFile("encoding", message, offset) from error
