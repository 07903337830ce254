"""Drafts of JSON documents and of rows of cells."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cli.drafting.draft import Draft, Item, Names
from cli.drafting.samples import Sample
from cli.drafting.texts import is_time, number_type, text_type
from udfs.document import Step, render_path

_DELIMITERS: Final = (";", ",", "\t", "|")
_COMMA_NUMBER: Final = re.compile(r"[+-]?[0-9]+,[0-9]+\Z")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def draft_json(samples: Sequence[Sample], names: Names) -> Draft:
    """Every scalar by its path; elements of the only array of objects become messages."""
    documents = [json.loads(sample.payload) for sample in samples]
    each = _array(documents)
    elements = [element for document in documents for element in _elements(document, each)]
    fields = [_json_item(path, values, "", names) for path, values in _scalars(elements).items()]
    if each is not None and each != ():
        around = {path: values for path, values in _scalars(documents).items() if path[: len(each)] != each}
        fields += [_json_item(path, values, "$.", names) for path, values in around.items()]
    keys = {} if each is None else {"each": render_path(each) or "$"}
    return Draft("json", "json", fields, keys=keys, time_field=_time_field(fields))


def _json_item(path: tuple[Step, ...], values: list[Any], root: str, names: Names) -> Item:
    name = names.take(*[str(step) for step in path])
    stated: dict[str, Any] = {"name": name, "path": root + render_path(path)}
    if all(isinstance(value, bool) for value in values):
        return Item(stated | {"type": "bool"})
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _measured(stated | number_type(name, values), names)
    texts = [value for value in values if isinstance(value, str)]
    kind = text_type(name, texts)
    return Item(stated | (kind if is_time(kind) and len(texts) == len(values) else {"type": "text"}))


def _measured(stated: dict[str, Any], names: Names) -> Item:
    """A number gets the domain's unit, or a question."""
    if stated["type"] != "decimal":
        return Item(stated)
    unit, comment = names.unit(stated["name"])
    return Item(stated | {"unit": unit}, comment or f"in {unit}?")


def _array(documents: Sequence[Any]) -> tuple[Step, ...] | None:
    """The path of the only array of objects: the document itself, or one of its members."""
    if all(isinstance(document, list) for document in documents):
        return ()
    found = {path for document in documents for path in _object_arrays(document, ())}
    return found.pop() if len(found) == 1 else None


def _object_arrays(node: Any, path: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    if isinstance(node, dict):
        for key, child in node.items():
            if _KEY.match(key):
                yield from _object_arrays(child, (*path, key))
    elif isinstance(node, list) and node and all(isinstance(child, dict) for child in node):
        yield path


def _elements(document: Any, each: tuple[Step, ...] | None) -> list[Any]:
    if each is None:
        return [document]
    for step in each:
        document = document[step] if isinstance(document, dict) and step in document else []
    return list(document)


def _scalars(nodes: Sequence[Any]) -> dict[tuple[Step, ...], list[Any]]:
    """The values at each path, null left out."""
    found: dict[tuple[Step, ...], list[Any]] = {}

    def walk(node: Any, path: tuple[Step, ...]) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                if _KEY.match(key):
                    walk(child, (*path, key))
        elif isinstance(node, list):
            for index, child in enumerate(node):
                walk(child, (*path, index))
        elif node is not None and path:
            found.setdefault(path, []).append(node)

    for node in nodes:
        walk(node, ())
    return found


def draft_csv(samples: Sequence[Sample], names: Names) -> Draft:
    """A field for each column; the first row is a header where it holds no number and the others do."""
    text = samples[0].payload
    delimiter = _delimiter(text)
    first, *others = csv.reader(text.splitlines(), delimiter=delimiter)
    header = bool(others) and not any(text_type("", [cell])["type"] != "text" for cell in first if cell)
    for sample in samples[1:]:
        start, *more = csv.reader(sample.payload.splitlines(), delimiter=delimiter)
        if not header or start == first:
            others += more if header else [start, *more]
    rows = others if header else [first, *others]
    comma = delimiter != "," and any(_COMMA_NUMBER.match(cell) for row in rows for cell in row)
    keys: dict[str, Any] = {"delimiter": delimiter} if delimiter != "," else {}
    keys |= {"decimal": ","} if comma else {}
    keys |= {} if header else {"header": False}
    keys |= {"line_end": "\r\n"} if "\r\n" in text else {}
    titles = first if header else [f"column_{number}" for number in range(1, len(first) + 1)]
    fields = [
        _cell_item(title, [row[index] for row in rows if index < len(row)], text, comma, header, names)
        for index, title in enumerate(titles)
    ]
    return Draft("csv", "csv", fields, keys=keys, time_field=_time_field(fields))


def _delimiter(text: str) -> str:
    """The sign that makes most columns of the first row."""
    first = text.splitlines()[0]
    return max(_DELIMITERS, key=lambda sign: (first.count(sign), -_DELIMITERS.index(sign)))


def _cell_item(title: str, cells: Sequence[str], text: str, comma: bool, header: bool, names: Names) -> Item:
    name = names.take(title)
    numbers = [cell.replace(",", ".") if comma and _COMMA_NUMBER.match(cell) else cell for cell in cells]
    stated: dict[str, Any] = {"name": name}
    stated |= {"column": title} if header and title != name else {}
    stated |= text_type(name, numbers)
    said = [cell for cell in cells if cell]
    if stated["type"] == "text" and said and all(f'"{cell}"' in text for cell in said):
        stated["quoted"] = True
    return _measured(stated, names)


def _time_field(fields: Sequence[Item]) -> str | None:
    return next((str(item.stated["name"]) for item in fields if is_time(item.stated)), None)
