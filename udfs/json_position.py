"""Where in a JSON text a path's value stands. Only read after a fault, so it scans from the start."""

import json
import re

from udfs.document import Step

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def locate(text: str, path: tuple[Step, ...]) -> int | None:
    """The character index of the value at `path`, or of the deepest container on the way that stands in the text."""
    at: int | None = None
    try:
        index = _skip(text, 0)
        for step in path:
            at = index
            found = _member(text, index, step) if isinstance(step, str) else _item(text, index, step)
            if found is None:
                return at
            index = found
    except (ValueError, IndexError, RecursionError):
        return at
    return index


def _member(text: str, index: int, name: str) -> int | None:
    if text[index] != "{":
        return None
    index = _skip(text, index + 1)
    found = None
    while text[index] == '"':
        key, index = _DECODER.raw_decode(text, index)
        index = _skip(text, _skip(text, index) + 1)
        if key == name:
            found = index
        index = _after_value(text, index)
    return found


def _item(text: str, index: int, position: int) -> int | None:
    if text[index] != "[":
        return None
    index = _skip(text, index + 1)
    while position and text[index] != "]":
        index = _after_value(text, index)
        position -= 1
    return None if text[index] == "]" else index


def _after_value(text: str, index: int) -> int:
    _, index = _DECODER.raw_decode(text, index)
    index = _skip(text, index)
    return _skip(text, index + 1) if text[index] == "," else index


def _skip(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match else index
