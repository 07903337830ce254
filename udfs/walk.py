"""Every struct of a spec document, in the order of the file."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from udfs.document import Place
from udfs.model import Strict

NOWHERE: Final = Place("", yaml.ScalarNode("", ""))
"""The place of a document whose text is not at hand."""


def structs(node: Any, place: Place = NOWHERE) -> Iterator[tuple[Strict, Place]]:
    """A node of the document and all below it, each with its place."""
    if isinstance(node, Strict):
        yield node, place
        for field in msgspec.structs.fields(node):
            yield from structs(getattr(node, field.name), place / field.encode_name)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from structs(child, place / index)
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from structs(child, place / key)
